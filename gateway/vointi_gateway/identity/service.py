"""Identity as one thing: the file, the issuer, the edges, the accounts and the sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..settings import MqttSettings, Settings
from .accounts import Accounts
from .audit import Audit
from .authority import LocalIssuer
from .bundle import Bundle
from .clones import CloneWatch
from .database import Database
from .edges import Edges
from .errors import UnknownError
from .invitations import Invitations
from .own import OwnPair
from .sessions import Sessions
from .throttle import Throttle

log = logging.getLogger(__name__)

#: How soon a change that a command made is known to a running gateway.
WATCH_S = 1.0
#: How often what is due by time is looked at.
MAINTAIN_S = 3600.0


class Identity:
    """Opened with the gateway, and by each command.

    Args:
        settings: where things are, and whether edges get certificates.
        audit: told of everything.
        now_s: UTC seconds.

    """

    def __init__(self, settings: Settings, audit: Audit, now_s: Callable[[], float]) -> None:
        self._settings, self._now_s, self.audit = settings, now_s, audit
        self._db = Database(settings.data_dir / "identity" / "identity.db")
        self.throttle = Throttle(now_s)
        self.sessions = Sessions(self._db, now_s)
        self.accounts = Accounts(self._db, self.sessions, self.throttle, audit, now_s)
        self.invitations = Invitations(self._db, self.sessions, self.throttle, audit, now_s)
        self._edges: Edges | None = None
        self._bundle: Bundle | None = None
        self._own: OwnPair | None = None
        self._trust = ""
        self._version = -1
        self._maintained_s = float("-inf")
        self._shut_out: dict[str, str] = {}
        if settings.identity is not None:
            self._make_edges(settings.identity.names)
        self.clones = CloneWatch(self._suspect)
        self.refresh()

    @property
    def edges(self) -> Edges:
        """The registry of edges. Raises UnknownError where edges get no certificates."""
        if self._edges is None:
            raise UnknownError("identity", "edges get no certificates here; add [identity]")
        return self._edges

    @property
    def bundle(self) -> Bundle:
        """What the broker reads. Raises UnknownError where edges get no certificates."""
        if self._bundle is None:
            raise UnknownError("identity", "edges get no certificates here; add [identity]")
        return self._bundle

    @property
    def trust(self) -> str:
        """PEM of the root. Raises UnknownError where edges get no certificates."""
        _ = self.edges
        return self._trust

    def mqtt(self) -> MqttSettings:
        """How to reach the broker: with our own certificate where no other is named."""
        mqtt = self._settings.mqtt
        if not mqtt.tls or mqtt.cert_file is not None or self._own is None:
            return mqtt
        trust = bundle_folder(self._settings) / "ca.pem"
        return replace(mqtt, ca_file=trust, cert_file=self._own.path, key_file=self._own.path)

    def why_shut_out(self, edge: str) -> str | None:
        """Why nothing is taken from an edge, or None. Any thread may ask."""
        return self._shut_out.get(edge)

    def watch(self) -> None:
        """See what a command changed, and do what is due. Call it every `WATCH_S`."""
        if self._db.version() != self._version:
            self.refresh()
        if self._now_s() - self._maintained_s >= MAINTAIN_S:
            self._maintained_s = self._now_s()
            self.sessions.purge()
            if self._bundle is not None:
                self._bundle.maintain()
                self._renew_own()
                for line in self._bundle.alarms():
                    log.warning("alarm: %s", line)

    def forget(self, person: str) -> None:
        """End a pseudonym's sessions and links, and leave no byte of it in the file."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM session WHERE person = ?", (person,))
            tx.execute("DELETE FROM invitation WHERE person = ?", (person,))
        self._db.wipe_log()

    def refresh(self) -> None:
        """Read who is shut out, and tell the broker."""
        self._version = self._db.version()
        if self._edges is not None and self._bundle is not None:
            self._shut_out = self._edges.shut_out()
            self._bundle.publish()

    def alarms(self) -> list[str]:
        """What somebody has to look at."""
        return self._bundle.alarms() if self._bundle is not None else []

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _make_edges(self, names: tuple[str, ...]) -> None:
        issuer = LocalIssuer.create(self._settings.data_dir / "identity" / "issuer", self._now_s())
        self._trust = issuer.trust()
        self._edges = Edges(self._db, issuer, self.audit, self._now_s, self.refresh)
        folder = bundle_folder(self._settings)
        self._bundle = Bundle(folder, names, issuer, self._edges, self._now_s)
        pair = self._settings.data_dir / "identity" / "gateway.pem"
        self._own = OwnPair(pair, self._settings.mqtt.username, issuer, self._now_s)
        self._renew_own()

    def _renew_own(self) -> None:
        if self._own is not None and self._settings.mqtt.tls:
            self._own.maintain()

    def _suspect(self, edge: str, why: str) -> None:
        if self._edges is not None and edge in self._edges.active():
            self._edges.suspect(edge, why)


def bundle_folder(settings: Settings) -> Path:
    """The folder that the broker reads."""
    chosen = settings.identity.bundle if settings.identity else None
    return chosen or settings.data_dir / "broker"
