"""What a ticket and a signature are worth: the parts of the registry that need no database."""

from __future__ import annotations

import base64
import hashlib
import sqlite3

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from vointi_contract.errors import TopicError
from vointi_contract.topics import check_id

from .errors import IdentityError, RefusedError
from .issuer import Issued

#: 160 bits: cannot be guessed, and fits a small QR code as base 32.
TOKEN_BYTES = 20
#: These are users of the broker that are no edges.
RESERVED = frozenset({"gateway", "warden"})
TICKET_FIX = "is not valid (any more); ask the operator for a new one"


def check_edge(edge: str) -> None:
    """Raise IdentityError unless the name is an id, and of no service."""
    try:
        check_id(edge, "edge")
    except TopicError as exc:
        raise IdentityError(exc.field, exc.fix) from exc
    if edge in RESERVED:
        raise IdentityError("edge", f"{edge} is the name of a service; choose another")


def token_of(ticket: str) -> bytes:
    """The token of a ticket's text. Raises RefusedError."""
    text = ticket.partition(".")[0].strip().upper()
    try:
        token = base64.b32decode(text)
    except ValueError as exc:
        raise RefusedError("ticket", TICKET_FIX) from exc
    if len(token) != TOKEN_BYTES:
        raise RefusedError("ticket", TICKET_FIX)
    return token


def digest_of(token: bytes) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token).digest()


def signed_by(chain: str, message: bytes, signature: bytes) -> bool:
    """Whether the key of a chain's leaf made this ECDSA-SHA256 signature."""
    key = x509.load_pem_x509_certificate(chain.encode()).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def issued_of(row: sqlite3.Row) -> Issued:
    """A row of the certificate table, as it was issued."""
    leaf = x509.load_pem_x509_certificate(row["chain"].encode())
    start_s = int(leaf.not_valid_before_utc.timestamp())
    return Issued(row["chain"], row["serial"], start_s, row["not_after_s"])
