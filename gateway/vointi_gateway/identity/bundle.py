"""The folder that the broker reads: whom to trust, whom to let in, whom not any more."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509

from ..files import write_private
from .authority import CRL_LIFE_S, DAY_S, MIDDLE_RENEW_S
from .edges import Edges
from .issuer import Issuer

#: The list is made anew daily: a gateway may be down for days before the broker locks all out.
CRL_AGE_S = DAY_S
#: Below this much left of the list, of the server's certificate, of the issuer's: tell somebody.
CRL_ALARM_S = 3 * DAY_S
SERVER_RENEW_S = 30 * DAY_S
SERVER_ALARM_S = 14 * DAY_S
EDGE_ALARM_S = 2 * DAY_S


class Bundle:
    """Keeps ``ca.pem crl.pem server.pem edges.json`` right.

    Args:
        folder: shared with the broker; private to this account.
        names: host names and addresses that edges reach the broker by.
        issuer: signs.
        edges: the registry.
        now_s: UTC seconds.

    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        issuer: Issuer,
        edges: Edges,
        now_s: Callable[[], float],
    ) -> None:
        self.folder, self._names = folder, tuple(names)
        self._issuer, self._edges, self._now_s = issuer, edges, now_s
        self._lock = threading.Lock()

    def publish(self) -> None:
        """Bring every file up to date; what is right already is left alone. Any thread may call."""
        with self._lock:
            self._publish()

    def _publish(self) -> None:
        self._put("ca.pem", self._issuer.trust())
        if self._left_s("server.pem") < SERVER_RENEW_S:
            issued, key = self._issuer.server(self._names, self._now_s())
            # One file: a key and a certificate that do not fit must never be read together.
            self._put("server.pem", key + issued.chain)
        revoked = self._edges.revoked()
        if not self._current({int(one.serial, 16) for one in revoked}):
            self._put("crl.pem", self._issuer.crl(revoked, self._now_s()))
        # Last: the broker acts when this one changes.
        self._put("edges.json", json.dumps({"edges": self._edges.active()}))

    def maintain(self) -> None:
        """What is due by time: the issuer's own certificates, the list, the server's."""
        self._issuer.maintain(self._now_s())
        self.publish()

    def alarms(self) -> list[str]:
        """What somebody has to look at, one line each, with the fix."""
        now = self._now_s()
        found = []
        if self._issuer.ends_s() - now < MIDDLE_RENEW_S / 2:
            found.append("issuer: its certificates end soon; put root.key back for a day")
        if self._crl_left_s() < CRL_ALARM_S:
            found.append("crl: ends soon, and then every edge is shut out; start the gateway")
        if self._left_s("server.pem") < SERVER_ALARM_S:
            found.append("server: the broker's certificate ends soon; start the gateway")
        return found + self._edge_alarms(now)

    def _edge_alarms(self, now: float) -> list[str]:
        found = []
        for one in self._edges.records():
            if one.state == "suspect":
                found.append(f"edge {one.edge}: {one.note}; revoke it and enrol it anew")
            elif one.state == "active" and (one.not_after_s or 0) - now < EDGE_ALARM_S:
                found.append(
                    f"edge {one.edge}: has not renewed its certificate; see whether it runs"
                )
        return found

    def _put(self, name: str, text: str) -> None:
        path = self.folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_private(path, text)

    def _left_s(self, name: str) -> float:
        """Seconds that a certificate has left; 0 when there is none for our names."""
        try:
            text = (self.folder / name).read_bytes()
        except FileNotFoundError:
            return 0.0
        found = x509.load_pem_x509_certificate(text)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        have = {str(one.value) for one in names}
        if have != set(self._names):
            return 0.0
        return found.not_valid_after_utc.timestamp() - self._now_s()

    def _crl(self) -> x509.CertificateRevocationList | None:
        try:
            return x509.load_pem_x509_crl((self.folder / "crl.pem").read_bytes())
        except FileNotFoundError:
            return None

    def _crl_left_s(self) -> float:
        crl = self._crl()
        if crl is None or crl.next_update_utc is None:
            return 0.0
        return crl.next_update_utc.timestamp() - self._now_s()

    def _current(self, serials: set[int]) -> bool:
        crl = self._crl()
        if crl is None:
            return False
        return (
            self._crl_left_s() > CRL_LIFE_S - CRL_AGE_S
            and {one.serial_number for one in crl} == serials
        )
