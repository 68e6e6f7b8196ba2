"""Waiting between tries: exponential with full jitter, so that edges never knock in step."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Delays in seconds: random from `floor_s` to a ceiling that doubles up to `cap_s`.

    The first `quick` delays stay below `first_s`: most troubles are over in a few seconds.
    """

    def __init__(
        self,
        floor_s: float,
        first_s: float,
        cap_s: float,
        *,
        quick: int = 1,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._floor_s = floor_s
        self._first_s = first_s
        self._cap_s = cap_s
        self._uniform = uniform
        self._quick = quick
        self._tries = 0

    def next_s(self) -> float:
        """Return how long to wait before the next try."""
        self._tries += 1
        doublings = min(max(0, self._tries - self._quick), 32)
        return self._uniform(self._floor_s, min(self._first_s * 2**doublings, self._cap_s))

    def reset(self) -> None:
        """Start over after something worked."""
        self._tries = 0
