"""Waiting for a machine whose processor is shared with whatever else its host does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_TELL_S = 60.0


def starved_s(pid: int) -> float:
    """Seconds that a process wanted a processor and had none; of its threads, the worst off.

    Of /proc/PID/task/TID/schedstat: nanoseconds that ran, that waited, and how often.
    """
    waited = [0]
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # the thread has ended
            waited.append(int(file.read_text().split()[1]))
    return max(waited) / 1e9


class Patience:
    """A limit on the time that a step takes of a machine that has the processor for itself.

    While it waits for the host's processor the limit stands still: a busy host makes a step long,
    and only a machine that has what it wants and gets nowhere is over its time.
    """

    def __init__(
        self,
        limit_s: float,
        starved: Callable[[], float],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s, self._starved, self._now = limit_s, starved, now
        self._began, self._wanted_before = now(), starved()
        self._tell_at = self._began + _TELL_S

    @property
    def took_s(self) -> float:
        """Seconds of the host's clock."""
        return self._now() - self._began

    @property
    def wanted_s(self) -> float:
        """Seconds of these in which the machine wanted a processor and had none."""
        # threads end, and the worst off may have been one of them
        return min(self.took_s, max(0.0, self._starved() - self._wanted_before))

    @property
    def over(self) -> bool:
        """Whether it had its time."""
        return self.took_s - self.wanted_s > self._limit_s

    def tell(self, waits_for: str, last_words: str) -> None:
        """Say once a minute, on standard error, what it waits for."""
        if self._now() < self._tell_at:
            return
        self._tell_at = self._now() + _TELL_S
        took = f"{self.took_s:.0f} s, {self.wanted_s:.0f} of them without a processor"
        print(f"  … {took}: {waits_for}; {last_words}", file=sys.stderr, flush=True)
