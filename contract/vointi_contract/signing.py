"""Signed documents: what an edge obeys, whoever carried it.

A signed document is one format byte 0x01, the first 8 bytes of SHA-256 of the raw public key (which
key to try), the 64-byte Ed25519 signature (RFC 8032) and the document itself. The signature is over
`vointi/1/{purpose}`, a zero byte and the document: a signed policy can never pass for a command.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vointi_contract.errors import SignatureError
from vointi_contract.jsonform import MAX_JSON

FORMAT_SIGNED: Final = 0x01
KEY_ID_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_HEAD: Final = 1 + KEY_ID_BYTES + _SIGNATURE_BYTES


def key_id(key: Ed25519PublicKey) -> bytes:
    """The 8 bytes by which a document names its key."""
    return sha256(key.public_bytes_raw()).digest()[:KEY_ID_BYTES]


def sign(document: bytes, purpose: str, key: Ed25519PrivateKey) -> bytes:
    """The signed form of a document for one purpose ("policy", "command")."""
    signature = key.sign(_signed_part(document, purpose))
    return bytes((FORMAT_SIGNED,)) + key_id(key.public_key()) + signature + document


def verify(payload: bytes, purpose: str, keys: Iterable[Ed25519PublicKey]) -> bytes:
    """The document, when one of the keys signed it for this purpose; raises SignatureError."""
    document = claimed(payload)
    wanted = payload[1 : 1 + KEY_ID_BYTES]
    signature = payload[1 + KEY_ID_BYTES : _HEAD]
    for key in keys:
        if key_id(key) == wanted:
            return _checked(key, signature, document, purpose)
    raise SignatureError("key", f"{wanted.hex()} is not trusted here; install its public key")


def claimed(payload: bytes) -> bytes:
    """The document of a signed form, whoever signed it; raises SignatureError where it is none."""
    if len(payload) <= _HEAD or payload[0] != FORMAT_SIGNED:
        raise SignatureError("format", "no signed document; it starts with 0x01, key, signature")
    if len(payload) > _HEAD + MAX_JSON:
        raise SignatureError("payload", f"{len(payload)} bytes; sign at most {MAX_JSON}")
    return payload[_HEAD:]


def public_key_text(key: Ed25519PublicKey) -> str:
    """A public key as one line of text: base64 of its 32 bytes."""
    return b64encode(key.public_bytes_raw()).decode("ascii")


def read_public_keys(text: str) -> tuple[Ed25519PublicKey, ...]:
    """The keys of a file: one a line, `#` begins a comment; raises SignatureError."""
    lines = [line.split("#", 1)[0].strip() for line in text.splitlines()]
    return tuple(_public_key(line, n) for n, line in enumerate(lines, 1) if line)


def _public_key(line: str, number: int) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(b64decode(line, validate=True))
    except ValueError:
        fix = "no public key; write base64 of its 32 bytes"
        raise SignatureError(f"line {number}", fix) from None


def _checked(key: Ed25519PublicKey, signature: bytes, document: bytes, purpose: str) -> bytes:
    try:
        key.verify(signature, _signed_part(document, purpose))
    except InvalidSignature:
        fix = f"does not fit this {purpose}; sign it again"
        raise SignatureError("signature", fix) from None
    return document


def _signed_part(document: bytes, purpose: str) -> bytes:
    return f"vointi/1/{purpose}".encode("ascii") + b"\0" + document
