"""Recent latencies, as percentiles."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

#: A few minutes of a demo, and still sorted in under a millisecond.
KEPT = 4096
#: Older than this was no live reading: a backlog or a replay.
LIVE_MS = 10_000.0


class LatencyMeter:
    """The last latencies in milliseconds. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: deque[float] = deque(maxlen=KEPT)

    def add(self, value_ms: float) -> None:
        """Take one; negative or old ones are of a clock that is not ours and are left out."""
        self.extend((value_ms,))

    def extend(self, values_ms: Iterable[float]) -> None:
        """Take several."""
        with self._lock:
            self._values.extend(value for value in values_ms if 0 <= value <= LIVE_MS)

    def values(self) -> list[float]:
        """What was kept, in the order in which it came."""
        with self._lock:
            return list(self._values)

    def percentiles(self) -> tuple[float | None, float | None]:
        """p50 and p99, or None for both while nothing was measured."""
        values = sorted(self.values())
        if not values:
            return None, None
        return values[len(values) // 2], values[min(len(values) - 1, int(len(values) * 0.99))]
