"""Waiting between tries: exponential with full jitter, so that edges never knock in step."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Delays in seconds: random from `floor_s` to a ceiling that doubles up to `cap_s`."""

    def __init__(
        self,
        floor_s: float,
        first_s: float,
        cap_s: float,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._floor_s = floor_s
        self._first_s = first_s
        self._cap_s = cap_s
        self._uniform = uniform
        self._ceiling_s = first_s

    def next_s(self) -> float:
        """Return how long to wait before the next try."""
        delay_s = self._uniform(self._floor_s, self._ceiling_s)
        self._ceiling_s = min(self._ceiling_s * 2, self._cap_s)
        return delay_s

    def reset(self) -> None:
        """Start over after something worked."""
        self._ceiling_s = self._first_s
