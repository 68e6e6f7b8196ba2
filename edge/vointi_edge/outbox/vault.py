"""Payloads at rest: ChaCha20-Poly1305 under a key of the box.

Each boot has a key of its own (HKDF-SHA256 of the box's key), so random 96-bit nonces stay far from
the 2^32 messages that a key may carry. What a row is (device, boot, seq) is authenticated with it:
a payload cannot be moved to another row. ChaCha20, because a Raspberry Pi 4 has no AES
instructions.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vointi_edge.errors import UnreadableError

KEY_BYTES: Final = 32
PLAIN: Final = ""
_NONCE_BYTES: Final = 12


class Vault(Protocol):
    """Seals payloads on their way into the file and opens them on their way out."""

    key_id: str

    def seal(self, row: tuple[str, int, int], payload: bytes) -> bytes:
        """The payload of row (device, boot, seq) as it is kept."""

    def open(self, row: tuple[str, int, int], key_id: str, kept: bytes) -> bytes:
        """The payload again; raises UnreadableError."""


class OpenVault:
    """Keeps payloads as they are: for tests of everything else, and for a box without a key."""

    key_id = PLAIN

    def seal(self, row: tuple[str, int, int], payload: bytes) -> bytes:
        """Return the payload."""
        return payload

    def open(self, row: tuple[str, int, int], key_id: str, kept: bytes) -> bytes:
        """Return the payload; raises UnreadableError when it was sealed."""
        if key_id != PLAIN:
            raise UnreadableError(key_id)
        return kept


class SealedVault:
    """Seals with the first key; opens with any of them, and what was kept before there was one."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {sha256(key).hexdigest()[:8]: key for key in keys}
        self.key_id = next(iter(self._keys))
        self._cipher = lru_cache(maxsize=16)(self._make_cipher)

    def seal(self, row: tuple[str, int, int], payload: bytes) -> bytes:
        """Nonce, ciphertext and tag: 28 bytes more than the payload."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher(self.key_id, row[1]).encrypt(nonce, payload, _name(row))

    def open(self, row: tuple[str, int, int], key_id: str, kept: bytes) -> bytes:
        """The payload; raises UnreadableError when the key is gone or the bytes are not ours."""
        if key_id == PLAIN:
            return kept
        if key_id not in self._keys:
            raise UnreadableError(key_id)
        cipher = self._cipher(key_id, row[1])
        try:
            return cipher.decrypt(kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], _name(row))
        except (InvalidTag, ValueError):
            raise UnreadableError(key_id) from None

    def _make_cipher(self, key_id: str, boot: int) -> ChaCha20Poly1305:
        info = b"vointi outbox " + boot.to_bytes(8)
        derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info)
        return ChaCha20Poly1305(derive.derive(self._keys[key_id]))


def _name(row: tuple[str, int, int]) -> bytes:
    device, boot, seq = row
    return boot.to_bytes(8) + seq.to_bytes(8) + device.encode()
