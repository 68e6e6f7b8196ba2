"""Simulated time: seconds since the simulator started, at a chosen speed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """What every simulated thing asks for the time."""

    def now_s(self) -> float:
        """Simulated seconds since the start; never goes back."""

    async def until(self, when_s: float) -> None:
        """Return once simulated time has reached `when_s`; at once when it is past."""


class PacedClock:
    """Simulated time that runs `speed` times as fast as `monotonic_s`."""

    def __init__(
        self, speed: float = 1.0, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.speed = speed
        self._monotonic_s = monotonic_s
        self._origin_s = monotonic_s()

    def now_s(self) -> float:
        """Simulated seconds since construction."""
        return (self._monotonic_s() - self._origin_s) * self.speed

    async def until(self, when_s: float) -> None:
        """Sleep until `when_s`; a late caller still yields, so that nobody is starved."""
        await asyncio.sleep(max(0.0, (when_s - self.now_s()) / self.speed))
