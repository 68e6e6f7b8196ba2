"""A cap on the backlog lane, so that a fleet that comes back does not drown its gateway."""

from __future__ import annotations


class RateCap:
    """Allows `bytes_per_s` on average and one second's worth at once; 0 allows everything."""

    def __init__(self, bytes_per_s: int = 0) -> None:
        self._bytes_per_s = bytes_per_s
        self._spent_until_s = 0.0

    def change(self, bytes_per_s: int) -> None:
        """Set another cap."""
        self._bytes_per_s = bytes_per_s
        self._spent_until_s = 0.0

    def spend(self, size: int, now_s: float) -> None:
        """Note bytes that were sent."""
        if self._bytes_per_s:
            start_s = max(self._spent_until_s, now_s - 1.0)
            self._spent_until_s = start_s + size / self._bytes_per_s

    def wait_s(self, now_s: float) -> float:
        """How long to wait before sending more (0: now)."""
        return max(0.0, self._spent_until_s - now_s) if self._bytes_per_s else 0.0
