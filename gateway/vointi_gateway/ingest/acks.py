"""Commit watermarks down to the edges: soon after a commit, at most one a second and edge."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from vointi_contract.ack import encode_ack
from vointi_contract.codec import FORMAT_PACKED
from vointi_contract.topics import EdgeTopics

from .ledger import Ledger, StreamKey

#: Between two acks to one edge: it deletes by watermark, so each ack covers all before it.
INTERVAL_S = 1.0
#: Streams in one ack; an edge has tens of devices, so this reaches back over many boots.
MAX_STREAMS = 512


@dataclass(slots=True)
class _Edge:
    dirty: set[StreamKey] = field(default_factory=set)
    next_s: float = 0.0


class AckBoard:
    """Which edges are owed a watermark. Used by the writer thread.

    Args:
        publish: sends (topic, payload) at QoS 1; False when it could not.
        pilot_of: the pilot of an edge, or None.

    """

    def __init__(
        self, publish: Callable[[str, bytes], bool], pilot_of: Callable[[str], str | None]
    ) -> None:
        self._publish = publish
        self._pilot_of = pilot_of
        self._edges: dict[str, _Edge] = {}

    def touched(self, keys: Iterable[StreamKey]) -> None:
        """Streams whose readings were committed, or came again because an ack was missed."""
        for key in keys:
            self._edges.setdefault(key[0], _Edge()).dirty.add(key)

    def everything(self, edge: str, ledger: Ledger) -> None:
        """The edge or the connection is new: owe it all its watermarks, at once."""
        entry = self._edges.setdefault(edge, _Edge())
        entry.dirty.update(ledger.streams_of(edge))
        entry.next_s = 0.0

    def flush(self, ledger: Ledger, now_s: float) -> None:
        """Send what is owed and due (monotonic seconds); what fails is owed still."""
        for edge, entry in self._edges.items():
            if entry.dirty and now_s >= entry.next_s:
                self._send(edge, entry, ledger, now_s)

    def _send(self, edge: str, entry: _Edge, ledger: Ledger, now_s: float) -> None:
        pilot = self._pilot_of(edge)
        if pilot is None:
            entry.dirty.clear()
            return
        known = [key for key in ledger.streams_of(edge) if key in entry.dirty][-MAX_STREAMS:]
        payload = encode_ack([ledger.watermark(key) for key in known], FORMAT_PACKED)
        entry.next_s = now_s + INTERVAL_S
        if self._publish(EdgeTopics(pilot, edge).ack, payload):
            entry.dirty.clear()
