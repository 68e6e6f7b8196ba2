"""The sessions with the broker as one: a live and a backlog lane for each set of shards."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence

from vointi_contract.topics import ROOT

from ..settings import MqttSettings
from .inbox import Inbox, Lane
from .mqtt import MqttSession
from .outage import Outage
from .stage import Delivery

#: Every shard, as a topic level.
ALL = ("+",)


class Sessions:
    """Sessions by name; opened and closed while the writer works. Any thread.

    A name stands for a set of shards, and each has two sessions, so that a drain of backlogs
    cannot hold up what is live.

    Args:
        settings: the broker.
        inbox: gets what arrives.
        wall_us: UTC now, µs.

    """

    def __init__(self, settings: MqttSettings, inbox: Inbox, wall_us: Callable[[], int]) -> None:
        self._settings, self._inbox, self._wall_us = settings, inbox, wall_us
        self._epochs = itertools.count(1)
        self._outage = Outage(f"the broker at {settings.host}:{settings.port}")
        self._lock = threading.Lock()
        self._open: dict[str, tuple[MqttSession, MqttSession]] = {}

    @property
    def connected(self) -> bool:
        """Whether there is a session and all stand."""
        sessions = self._sessions()
        return bool(sessions) and all(session.connected for session in sessions)

    def open(self, suffix: str, shards: Iterable[str]) -> None:
        """Begin to receive these shards (topic levels) under the name with this suffix."""
        levels = tuple(shards)
        live = [
            f"{ROOT}/+/{shard}/+/{kind}"
            for shard in levels
            for kind in ("meta", "state", "clk", "res", "d/+")
        ]
        backlog = [f"{ROOT}/+/{shard}/+/b/+" for shard in levels]
        pair = (
            self._session(suffix, "live", live, former=backlog),
            self._session(f"{suffix}-backlog", "backlog", backlog, former=()),
        )
        with self._lock:
            self._open[suffix] = pair
        for session in pair:
            session.start()

    def close(self, suffix: str) -> None:
        """Stop receiving under this name; what is not acknowledged stays at the broker."""
        with self._lock:
            pair = self._open.pop(suffix, ())
        for session in pair:
            session.stop()

    def stop(self) -> None:
        """Close all."""
        for suffix in list(self._open):
            self.close(suffix)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge each on the connection that it came on, if that one still stands."""
        for session in self._sessions():
            session.ack(deliveries)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send at QoS 1 by any session; False while there is no connection."""
        return any(session.publish(topic, payload, retain=retain) for session in self._sessions())

    def take_fresh(self) -> bool:
        """Whether a connection was made since the last call."""
        fresh = [session.take_fresh() for session in self._sessions()]
        return any(fresh)

    def _sessions(self) -> list[MqttSession]:
        with self._lock:
            return [session for pair in self._open.values() for session in pair]

    def _session(
        self, suffix: str, lane: Lane, topics: Sequence[str], *, former: Sequence[str]
    ) -> MqttSession:
        return MqttSession(
            self._settings,
            suffix=suffix,
            topics=topics,
            former=former,
            lane=lane,
            inbox=self._inbox,
            next_epoch=lambda: next(self._epochs),
            outage=self._outage,
            wall_us=self._wall_us,
        )
