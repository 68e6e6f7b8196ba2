"""The gateway's own certificate, which it shows to a broker on another machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ..files import write_private
from . import profile
from .issuer import LIFE_S, Issuer

#: As edges do: renewed in the last third of its life, so that days without us do no harm.
RENEW_S = LIFE_S / 3


class OwnPair:
    """Key and certificate in one private file.

    Args:
        path: the file.
        name: our user name at the broker, and the only name in the certificate.
        issuer: signs.
        now_s: UTC seconds.

    """

    def __init__(self, path: Path, name: str, issuer: Issuer, now_s: Callable[[], float]) -> None:
        self.path, self._name = path, name
        self._issuer, self._now_s = issuer, now_s

    def maintain(self) -> None:
        """Make it, or make it anew when its end is near; the key is new each time."""
        if self._left_s() >= RENEW_S:
            return
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self._issuer.edge(self._name, key.public_key(), self._now_s())
        write_private(self.path, profile.key_pem(key) + issued.chain)

    def _left_s(self) -> float:
        """Seconds left; 0 when there is none, or one of another name."""
        try:
            found = x509.load_pem_x509_certificate(self.path.read_bytes())
        except FileNotFoundError:
            return 0.0
        if found.subject != profile.common_name(self._name):
            return 0.0
        return found.not_valid_after_utc.timestamp() - self._now_s()
