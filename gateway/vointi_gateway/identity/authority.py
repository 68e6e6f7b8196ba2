"""Our own issuer: a root, and below it one authority for edges and one for servers.

Two, so that an edge's certificate can never pose as the broker, nor a server's as an edge. The
root's key is needed only when they are made again, once a year; it may be kept elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..files import write_private
from . import profile
from .errors import IdentityError
from .issuer import BACKDATE_S, LIFE_S, Issued, Revoked

log = logging.getLogger(__name__)

DAY_S = 86_400
ROOT_LIFE_S = 3650 * DAY_S
MIDDLE_LIFE_S = 366 * DAY_S
#: Longer than any edge certificate and its grace, so that a chain outlives what it vouches for.
MIDDLE_RENEW_S = 60 * DAY_S
SERVER_LIFE_S = 90 * DAY_S
#: An old list locks every edge out, so it lives a week although it is made daily.
CRL_LIFE_S = 7 * DAY_S

_USAGES = {"edges": profile.CLIENT, "servers": profile.SERVER}
_LIVES_S = {"edges": LIFE_S, "servers": SERVER_LIFE_S}
_LABELS = {"edges": "Vointi edges", "servers": "Vointi servers"}


class LocalIssuer:
    """Signs with keys in a private folder.

    Args:
        folder: ``{root,edges,servers}.{pem,key}``; made with `create` before.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = self._certificate("root")
        self._middle = {name: self._certificate(name) for name in _USAGES}
        self._keys = {name: self._key(name) for name in _USAGES}

    @classmethod
    def create(cls, folder: Path, now_s: float) -> LocalIssuer:
        """The issuer of this folder, made now when there is none. Raises IdentityError."""
        if not (folder / "servers.pem").exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            key = _new_key(folder / "root.key")
            name = profile.common_name("Vointi root")
            made = profile.builder(name, name, key.public_key(), now_s, now_s + ROOT_LIFE_S)
            root = profile.signed_by(profile.as_authority(made, 1, None), key)
            write_private(folder / "root.pem", profile.pem(root))
            for middle in _USAGES:
                _new_key(folder / f"{middle}.key")
                _sign_middle(folder, middle, now_s)
        return cls(folder)

    def trust(self) -> str:
        """PEM of the root."""
        return profile.pem(self._root)

    def fingerprint(self) -> str:
        """SHA-256 of the root's DER, hex."""
        return self._root.fingerprint(hashes.SHA256()).hex()

    def edge(self, edge: str, key: ec.EllipticCurvePublicKey, now_s: float) -> Issued:
        """A client certificate for seven days."""
        names = profile.edge_names(edge)
        return self._leaf("edges", profile.common_name(edge), names, key, now_s)

    def server(self, names: Sequence[str], now_s: float) -> tuple[Issued, str]:
        """A server certificate for ninety days, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject, found = profile.common_name("Vointi server"), profile.server_names(names)
        issued = self._leaf("servers", subject, found, key.public_key(), now_s)
        return issued, profile.key_pem(key)

    def crl(self, revoked: Sequence[Revoked], now_s: float) -> str:
        """The list as PEM; good for a week."""
        now = datetime.fromtimestamp(int(now_s), UTC)
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._middle["edges"].subject)
            .last_update(now - timedelta(seconds=BACKDATE_S))
            .next_update(now + timedelta(seconds=CRL_LIFE_S))
            # Milliseconds: two lists of one second must not share a number.
            .add_extension(x509.CRLNumber(int(now_s * 1000)), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self._keys["edges"].public_key()
                ),
                critical=False,
            )
        )
        for one in revoked:
            made = made.add_revoked_certificate(_entry(one))
        signed = made.sign(self._keys["edges"], hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()

    def ends_s(self) -> int:
        """When the first of our own certificates ends."""
        ours = (self._root, *self._middle.values())
        return min(int(c.not_valid_after_utc.timestamp()) for c in ours)

    def maintain(self, now_s: float) -> None:
        """Sign the two authorities again when they near their end and the root's key is here."""
        for name, certificate in self._middle.items():
            left_s = certificate.not_valid_after_utc.timestamp() - now_s
            if left_s < MIDDLE_RENEW_S and (self._folder / "root.key").exists():
                _sign_middle(self._folder, name, now_s)
                self._middle[name] = self._certificate(name)
                log.info("the authority for %s was signed again", name)

    def _leaf(
        self,
        by: str,
        subject: x509.Name,
        names: x509.SubjectAlternativeName,
        key: ec.EllipticCurvePublicKey,
        now_s: float,
    ) -> Issued:
        above = self._middle[by]
        start_s, end_s = int(now_s) - BACKDATE_S, int(now_s) + _LIVES_S[by]
        made = profile.builder(subject, above.subject, key, start_s, end_s)
        leaf = profile.signed_by(profile.as_leaf(made, _USAGES[by], names), self._keys[by])
        chain = profile.pem(leaf) + profile.pem(above)
        return Issued(chain, f"{leaf.serial_number:x}", start_s, end_s)

    def _certificate(self, name: str) -> x509.Certificate:
        path = self._folder / f"{name}.pem"
        try:
            return x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError) as exc:
            raise IdentityError(str(path), "cannot be read; restore it from the backup") from exc

    def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        return _read_key(self._folder / f"{name}.key")


def _sign_middle(folder: Path, name: str, now_s: float) -> None:
    root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
    key = _read_key(folder / f"{name}.key").public_key()
    subject = profile.common_name(_LABELS[name])
    made = profile.builder(subject, root.subject, key, now_s - BACKDATE_S, now_s + MIDDLE_LIFE_S)
    signed = profile.signed_by(
        profile.as_authority(made, 0, _USAGES[name]), _read_key(folder / "root.key")
    )
    write_private(folder / f"{name}.pem", profile.pem(signed))


def _new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(path, profile.key_pem(key))
    return key


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError) as exc:
        raise IdentityError(str(path), "cannot be read; restore it from the backup") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityError(str(path), "is no EC key; restore it from the backup")
    return key


def _entry(one: Revoked) -> x509.RevokedCertificate:
    return (
        x509.RevokedCertificateBuilder()
        .serial_number(int(one.serial, 16))
        .revocation_date(datetime.fromtimestamp(one.at_s, UTC))
        .build()
    )
