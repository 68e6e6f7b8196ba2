"""How many bytes of backlog may be under way: pure bookkeeping, time passed in.

Enough to keep the line busy, so few that a live frame hardly waits behind them. What the line
itself takes is the shortest way there and back that a bundle had; what comes on top is waiting, and
that is held near QUEUE_S, as LEDBAT (RFC 6817) does. 1 Mbit/s and 80 ms come to about 12 KB.

Messages are spaced out: a window whose acknowledgements come in a clump, or that was emptied, would
else stand in the line as one queue, and a live frame behind it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

#: A live frame may wait this long behind the backlog: with 40 ms of line well below 150 ms. A fifth
#: less than this leaves a line with 20 ms of noise 3 % emptier.
QUEUE_S: Final = 0.012
FLOOR: Final = 4 * 1024
FIRST: Final = 12 * 1024
CAP: Final = 128 * 1024
#: Smaller messages say little of the line: their way is all delay and no length.
TELLING_BYTES: Final = 640
# A share of what came back, so that a round trip changes the window by at most this much. What is
# seen of a queue is two round trips old; with twice the gain it swings to twice the height.
_GAIN: Final = 0.06
# The quickest of so many: one that is late because a processor was busy says nothing of the line.
# On 1 Mbit/s they are a tenth of a second.
_RECENT: Final = 9
# A window is spread over a little more than the way there and back, and grows until that fills the
# line: what keeps a distance in front of the line is no queue in it.
_PACE: Final = 0.95
# Until a way is known: FIRST then goes at 1 Mbit/s.
_FIRST_WAY_S: Final = 0.1
# Timers are no finer, and a wait costs more than it spares.
_AT_ONCE_S: Final = 0.002
# The shortest way is measured anew this often, with a line emptied for it: routes change.
_PERIOD_S: Final = 60.0


class Flight:
    """The window of one session and what is in it."""

    def __init__(self) -> None:
        self.window = float(FIRST)
        self._under_way: dict[int, tuple[float, int]] = {}
        self._bytes = 0
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._base_s = float("inf")
        self._base_until_s = float("inf")
        self._emptying = False
        self._probe: int | None = None
        self._next_s = 0.0

    @property
    def messages(self) -> int:
        """How many messages are under way."""
        return len(self._under_way)

    @property
    def oldest_s(self) -> float:
        """When the oldest of them was sent; infinity when there is none."""
        return min((at_s for at_s, _ in self._under_way.values()), default=float("inf"))

    def room(self) -> bool:
        """Whether another message may follow."""
        return not self._bytes if self._emptying else self._bytes < self.window

    def pause_s(self, now_s: float) -> float:
        """How long the next message is to wait behind the last one, room or not (0: not at all)."""
        wait_s = self._next_s - now_s
        return wait_s if wait_s > _AT_ONCE_S else 0.0

    def sent(self, mid: int, size: int, now_s: float) -> None:
        """Note a message."""
        if self._emptying and not self._bytes and size >= TELLING_BYTES:
            self._probe = mid
        self._under_way[mid] = (now_s, size)
        self._bytes += size
        way_s = min(self._recent, default=_FIRST_WAY_S)
        self._next_s = max(self._next_s, now_s) + size / self.window * way_s / _PACE

    def acked(self, mid: int, now_s: float) -> None:
        """Note that it arrived, and learn from how long that took."""
        at_s, size = self._under_way.pop(mid, (now_s, 0))
        self._bytes -= size
        if size >= TELLING_BYTES:
            self._learn(mid, now_s - at_s, size, now_s)

    def _learn(self, mid: int, way_s: float, size: int, now_s: float) -> None:
        if mid == self._probe:
            self._emptying, self._probe, self._base_s = False, None, float("inf")
        elif now_s > self._base_until_s:
            self._emptying = True
        if self._emptying:
            return
        if way_s < self._base_s:
            self._base_s, self._base_until_s = way_s, now_s + _PERIOD_S
        self._recent.append(way_s)
        spare = 1.0 - (min(self._recent) - self._base_s) / QUEUE_S
        self.window += _GAIN * size * max(-1.0, min(1.0, spare))
        self.window = max(float(FLOOR), min(float(CAP), self.window))
