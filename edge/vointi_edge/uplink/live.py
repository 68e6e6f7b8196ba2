"""The live lane: what may wait a moment travels with what may not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vointi_edge.uplink.ports import Kept

#: A strap's notification is half a second of samples. A second one that shares its message spares
#: the line and two processors more than half of it: message, TLS and TCP headers, and its own.
HOLD_S: Final = 0.5
# Far more than a home says in that time; one that plays a recording in compressed time sends more.
_MOST_BYTES: Final = 8 * 1024
_MAY_WAIT: Final = "waveform"


class LiveLane:
    """Waveforms of a device wait up to `hold_s` for its next reading of another kind.

    Everything else goes at once, and takes along what waits, so that numbers stay in order.
    """

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._held: dict[str, list[Kept]] = {}
        self._until_s: dict[str, float] = {}

    def offer(self, rows: Sequence[Kept], now_s: float) -> list[list[Kept]]:
        """Take rows; return what is to be sent now, each list as one message of one device."""
        ready = []
        for row in rows:
            held = self._held.setdefault(row.device, [])
            if not held:
                self._until_s[row.device] = now_s + self._hold_s
            held.append(row)
            if row.class_ != _MAY_WAIT or sum(len(r.payload) for r in held) > _MOST_BYTES:
                ready.append(self._held.pop(row.device))
        return [*ready, *self.due(now_s)]

    def due(self, now_s: float) -> list[list[Kept]]:
        """Return what has waited long enough."""
        over = [device for device in self._held if now_s >= self._until_s[device]]
        return [self._held.pop(device) for device in over]

    def next_s(self) -> float | None:
        """When to ask `due` again; None: nothing waits."""
        return min((self._until_s[device] for device in self._held), default=None)

    def forget(self) -> None:
        """Drop what waits: it is in the outbox."""
        self._held.clear()
