"""The port to whoever signs certificates: our own issuer, or a city's step-ca or EST server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

#: An edge's certificate lives so long; a stolen one is worth little, and each renews itself.
LIFE_S = 7 * 86_400
#: A summer cottage's edge may come back this long after its certificate ended, with the old key.
GRACE_S = 30 * 86_400
#: An edge's clock may be this much behind ours when it sees its certificate first.
BACKDATE_S = 3600


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate: PEM chain (leaf first, without the root), hex serial, UTC seconds."""

    chain: str
    serial: str
    not_before_s: int
    not_after_s: int


@dataclass(frozen=True, slots=True)
class Revoked:
    """A serial (hex) that is not to be accepted any more, and since when (UTC seconds)."""

    serial: str
    at_s: int


class Issuer(Protocol):
    """Signs for a public key whose owner and identity the caller has checked."""

    def trust(self) -> str:
        """PEM of the roots that edges and the broker trust."""

    def fingerprint(self) -> str:
        """SHA-256 of the root's DER as lower-case hex: what a ticket pins."""

    def edge(self, edge: str, key: EllipticCurvePublicKey, now_s: float) -> Issued:
        """A client certificate whose only identity is `edge`."""

    def server(self, names: Sequence[str], now_s: float) -> tuple[Issued, str]:
        """A server certificate for host names and addresses, and its new private key (PEM)."""

    def crl(self, revoked: Sequence[Revoked], now_s: float) -> str:
        """A signed list (PEM) of revoked edge certificates."""

    def ends_s(self) -> int:
        """UTC seconds when the first of the issuer's own certificates ends."""

    def maintain(self, now_s: float) -> None:
        """Renew the issuer's own intermediate certificates when they near their end."""
