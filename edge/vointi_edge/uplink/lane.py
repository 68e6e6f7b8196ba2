"""The backlog lane of one session: what is read from the outbox goes up in bundles."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from vointi_edge.uplink.bundle import Bundle, bundles
from vointi_edge.uplink.cap import RateCap
from vointi_edge.uplink.flight import CAP, Flight
from vointi_edge.uplink.plan import Pass
from vointi_edge.uplink.ports import Store

#: Sends (device, payload) on the backlog lane; the message id, or None: the connection is gone.
Publish = Callable[[str, bytes], int | None]

# Of the session's window of messages, the rest stays free for live ones: a home sends three a
# second, each acknowledged after a tenth of one.
_SHARE: Final = 0.6
# Several in flight keep the line busy while one is acknowledged, and a live frame that meets one
# on a slow line waits for little: 1 Mbit/s carries such a piece in 11 ms, as one TCP segment.
_PIECES: Final = 10
_LARGEST: Final = CAP // 8
_SMALLEST: Final = 1280
# Rows read at once: several bundles even for a home whose devices say little each.
_READ_BYTES: Final = 48 * 1024
# Joined rows are half as long as alone; what a home's really are is learnt from what was sent,
# the last megabyte or so counting most.
_FIRST_JOINED, _FIRST_ALONE = 32 * 1024.0, 64 * 1024.0
_FORGET: Final = 0.995


class BacklogLane:
    """Bundles that wait, and those under way."""

    def __init__(self, publish: Publish, window: int) -> None:
        self._publish = publish
        self._messages = max(1, int(window * _SHARE))
        self._ready: deque[Bundle] = deque()
        self._joined, self._alone = _FIRST_JOINED, _FIRST_ALONE
        self.flight = Flight()

    def room(self) -> bool:
        """Whether a message may be sent now."""
        return self.flight.messages < self._messages and self.flight.room()

    def forget(self) -> None:
        """Drop what was read and not sent: it will be read again."""
        self._ready.clear()

    async def load(self, running: Pass, store: Store) -> bool:
        """Read the pass's next piece unless there is one; False: it is at its end, all sent."""
        if not self._ready:
            rows = await store.read(running.cursor, running.horizon, _READ_BYTES)
            if not rows:
                return False
            size = min(_LARGEST, max(_SMALLEST, self.flight.window / _PIECES))
            self._ready.extend(bundles(rows, round(size * self._alone / self._joined)))
            running.cursor = rows[-1].id
        return True

    def send_one(self, cap: RateCap, now_s: float, newest: int) -> None:
        """Send the next bundle, if there is one and room for it; `newest` as in Bundle.payload."""
        if not self._ready or not self.room() or cap.wait_s(now_s):
            return
        bundle = self._ready.popleft()
        payload = bundle.payload(newest)
        mid = self._publish(bundle.device, payload)
        if mid is None:
            return
        size = len(payload)
        self.flight.sent(mid, size, now_s)
        cap.spend(size, now_s)
        self._joined = self._joined * _FORGET + size
        self._alone = self._alone * _FORGET + bundle.kept
