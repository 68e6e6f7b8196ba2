"""Latencies: the recent ones as percentiles, all of them in a histogram."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

#: A few minutes of a demo, and still sorted in under a millisecond.
KEPT = 4096
#: Older than this was no live reading: a backlog or a replay.
LIVE_MS = 10_000.0
#: Upper bounds of the histogram's steps; nothing above the last is taken.
BOUNDS_MS = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, LIVE_MS)


@dataclass(frozen=True)
class Histogram:
    """All latencies since the start: `steps[i]` are at most BOUNDS_MS[i] and above the one before.

    `sum_ms` is what they come to together.
    """

    steps: tuple[int, ...]
    sum_ms: float


class LatencyMeter:
    """The last latencies in milliseconds. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: deque[float] = deque(maxlen=KEPT)
        self._steps = [0] * len(BOUNDS_MS)
        self._sum_ms = 0.0

    def add(self, value_ms: float) -> None:
        """Take one; negative or old ones are of a clock that is not ours and are left out."""
        self.extend((value_ms,))

    def extend(self, values_ms: Iterable[float]) -> None:
        """Take several."""
        taken = [value for value in values_ms if 0 <= value <= LIVE_MS]
        with self._lock:
            self._values.extend(taken)
            for value in taken:
                self._steps[bisect_left(BOUNDS_MS, value)] += 1
            self._sum_ms += sum(taken)

    def values(self) -> list[float]:
        """What was kept, in the order in which it came."""
        with self._lock:
            return list(self._values)

    def histogram(self) -> Histogram:
        """Everything since the start."""
        with self._lock:
            return Histogram(tuple(self._steps), self._sum_ms)

    def percentiles(self) -> tuple[float | None, float | None]:
        """p50 and p99, or None for both while nothing was measured."""
        values = sorted(self.values())
        if not values:
            return None, None
        return values[len(values) // 2], values[min(len(values) - 1, int(len(values) * 0.99))]
