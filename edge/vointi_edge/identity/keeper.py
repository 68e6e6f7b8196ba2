"""The edge's key and certificate on disk. Whatever happens when, one usable pair is there.

One file holds key and chain, replaced in one step. The next key waits in a file of its own from
before its request is sent until its certificate is here, so that a lost answer is asked for again
with the same key.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from vointi_edge.errors import IdentityError

FOLDER = "identity"
PAIR, NEXT_KEY, TRUST, GATEWAY = "client.pem", "next.key", "ca.pem", "gateway.json"
#: Whose signed policies and commands the gateway says are its own: for `[policy] keys_file`.
POLICY_KEYS = "policy.keys"
#: What a renewal's signature covers before the request (the gateway's word for it).
_RENEWAL = b"vointi renewal 1\n"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate in use: hex serial, from when to when it is good (UTC)."""

    serial: str
    not_before: datetime
    not_after: datetime

    def renew_at(self) -> datetime:
        """When two thirds of its life are over."""
        return self.not_after - (self.not_after - self.not_before) / 3


class Keeper:
    """Key, certificate and trust in one private folder.

    Args:
        folder: made when it has to be, readable by this account alone.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def certificate(self) -> Certificate | None:
        """What is in use, or None before enrolment. Raises IdentityError."""
        path = self.folder / PAIR
        if not path.exists():
            return None
        try:
            found = x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError) as error:
            raise IdentityError(str(path), "cannot be read; enrol with a new ticket") from error
        serial = f"{found.serial_number:x}"
        return Certificate(serial, found.not_valid_before_utc, found.not_valid_after_utc)

    def request(self) -> str:
        """A request (PEM) for the next key, the same until it is answered."""
        key = self._waiting_key() or self._new_key()
        made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def trust(self) -> str:
        """PEM of the root. Raises IdentityError."""
        try:
            return (self.folder / TRUST).read_text(encoding="utf-8")
        except OSError as error:
            raise IdentityError(TRUST, "cannot be read; enrol with a new ticket") from error

    def prove(self, request: str) -> bytes:
        """The key in use signs for the next one (ECDSA-SHA256, DER)."""
        return self.sign(_RENEWAL + request.encode())

    def sign(self, message: bytes) -> bytes:
        """The key in use signs (ECDSA-SHA256, DER). Raises IdentityError."""
        return self._key(PAIR).sign(message, ec.ECDSA(hashes.SHA256()))

    def accept(self, chain: str, trust: str) -> None:
        """Take the answer into use. Raises IdentityError when it is not for the next key."""
        key = self._key(NEXT_KEY)
        try:
            leaf = x509.load_pem_x509_certificate(chain.encode())
        except ValueError as error:
            raise IdentityError("chain", "is no certificate; ask the operator") from error
        if leaf.public_key() != key.public_key():
            raise IdentityError("chain", "is for another key; ask the operator")
        self.write(TRUST, trust)
        self.write(PAIR, _pem(key) + chain)
        (self.folder / NEXT_KEY).unlink()

    def write(self, name: str, text: str) -> None:
        """Replace a file (0600) in one step that a power cut cannot tear."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / name
        beside = path.with_name(f".{name}.new")
        beside.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(beside, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        self._sync_folder()

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _waiting_key(self) -> ec.EllipticCurvePrivateKey | None:
        """The key of a request without an answer; not one that came into use just before a cut."""
        if not (self.folder / NEXT_KEY).exists():
            return None
        key = self._key(NEXT_KEY)
        used = (self.folder / PAIR).exists() and self._key(PAIR).public_key() == key.public_key()
        return None if used else key

    def _new_key(self) -> ec.EllipticCurvePrivateKey:
        key = ec.generate_private_key(ec.SECP256R1())
        self.write(NEXT_KEY, _pem(key))
        return key

    def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        path = self.folder / name
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError) as error:
            raise IdentityError(str(path), "cannot be read; enrol with a new ticket") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise IdentityError(str(path), "is no EC key; enrol with a new ticket")
        return key


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
