"""The gateway's signing key: made on first use, never leaves its folder."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from vointi_contract.signing import public_key_text

from ..errors import StoreError

KEY_BYTES = 32


class SigningKey:
    """An Ed25519 key in `folder`: policies, receipts and the audit log are signed with it.

    Beside it lies `policy.keys`, its public half in the form that edges are given.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key: Ed25519PrivateKey | None = None

    def open(self) -> None:
        """Read the key, or make one. Raises StoreError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / "signing.key"
        try:
            self._make(path)
            raw = path.read_bytes()
            self._key = Ed25519PrivateKey.from_private_bytes(raw)
            (self._folder / "policy.keys").write_text(self.public_text + "\n")
        except (OSError, ValueError) as exc:
            fix = "restore it from a backup; edges trust its public half"
            raise StoreError(f"data_dir: {path.name} cannot be used ({exc}); {fix}") from exc

    @property
    def private(self) -> Ed25519PrivateKey:
        """The key of an opened one."""
        if self._key is None:
            raise StoreError("the signing key is not open")
        return self._key

    @property
    def public_text(self) -> str:
        """The public half: base64 of its 32 bytes."""
        return public_key_text(self.private.public_key())

    def sign(self, data: bytes) -> str:
        """The signature, hex."""
        return self.private.sign(data).hex()

    @staticmethod
    def _make(path: Path) -> None:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with os.fdopen(handle, "wb") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw())
            file.flush()
            os.fsync(file.fileno())
