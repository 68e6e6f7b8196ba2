"""Time, passed in everywhere: monotonic inside, wall time only while it is trusted."""

from __future__ import annotations

import ctypes
import time
from typing import Protocol

from vointi_contract.frame import ClockState

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_LONGS = 26  # struct timex is 208 bytes on 64-bit Linux; modes = 0 only reads
_MAXERROR = 3  # modes, offset, freq, maxerror (µs)
_SYSTEM_UNCERTAINTY_US = 1_000_000  # trusted by configuration: nobody measured it


class Clock(Protocol):
    """The two times of a reading."""

    @property
    def state(self) -> ClockState:
        """Say how far wall time can be trusted."""

    @property
    def uncertainty_us(self) -> int:
        """Return the bound on the wall clock's error, µs (0 when there is no wall time)."""

    def boottime_us(self) -> int:
        """Return CLOCK_BOOTTIME in µs."""

    def wall_us(self) -> int | None:
        """Return UTC in µs since 1970, or None while it is not trusted."""

    def wall_offset(self) -> int | None:
        """Return UTC minus CLOCK_BOOTTIME in µs, or None while wall time is not trusted."""


def wall_at(clock: Clock, mono_us: int) -> int | None:
    """Map a monotonic time (µs) to UTC (µs), or None while wall time is not trusted."""
    offset_us = clock.wall_offset()
    return None if offset_us is None else mono_us + offset_us


def _offset_us() -> int:
    """Return UTC minus CLOCK_BOOTTIME in µs.

    Between two readings of clocks the process may be put aside for milliseconds; of three tries
    the quickest is right to a few µs.
    """
    best = (1 << 62, 0)
    for _ in range(3):
        before_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        wall_ns = time.time_ns()
        after_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        best = min(best, (after_ns - before_ns, wall_ns - (before_ns + after_ns) // 2))
    return best[1] // 1000


class SystemClock:
    """The kernel's clocks; wall time is believed because the configuration says so."""

    @property
    def state(self) -> ClockState:
        """Say how far wall time can be trusted."""
        return ClockState.SYSTEM

    @property
    def uncertainty_us(self) -> int:
        """Return the bound on the wall clock's error, µs."""
        return _SYSTEM_UNCERTAINTY_US

    def boottime_us(self) -> int:
        """Return CLOCK_BOOTTIME in µs."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def wall_us(self) -> int | None:
        """Return UTC in µs since 1970."""
        return time.time_ns() // 1000

    def wall_offset(self) -> int:
        """Return UTC minus CLOCK_BOOTTIME in µs."""
        return _offset_us()


class NtpClock:
    """The kernel's clocks; wall time is believed while a time service disciplines it.

    Below `floor_us` (UTC) it is not believed whatever the kernel says: that time has been.
    """

    def __init__(self, floor_us: int = 0) -> None:
        self._adjtimex = ctypes.CDLL(None).adjtimex
        self._floor_us = floor_us

    @property
    def state(self) -> ClockState:
        """Say how far wall time can be trusted."""
        answer = self._kernel()[0]
        # Below 0 the kernel was not asked: a sandbox forbids it, and nothing is known.
        if answer < 0 or answer == _TIME_ERROR or time.time_ns() // 1000 < self._floor_us:
            return ClockState.UNSYNCED
        return ClockState.NTP

    @property
    def uncertainty_us(self) -> int:
        """Return the kernel's bound on the wall clock's error, µs (0 without wall time)."""
        return 0 if self.state is ClockState.UNSYNCED else self._kernel()[1]

    def boottime_us(self) -> int:
        """Return CLOCK_BOOTTIME in µs."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def wall_us(self) -> int | None:
        """Return UTC in µs since 1970, or None while the clock is not synchronised."""
        return None if self.state is ClockState.UNSYNCED else time.time_ns() // 1000

    def wall_offset(self) -> int | None:
        """Return UTC minus CLOCK_BOOTTIME in µs, or None while the clock is not synchronised."""
        return None if self.state is ClockState.UNSYNCED else _offset_us()

    def _kernel(self) -> tuple[int, int]:
        """Return adjtimex(2)'s answer and its maximum error in µs."""
        timex = (ctypes.c_long * _TIMEX_LONGS)()
        return int(self._adjtimex(timex)), timex[_MAXERROR]


class ScaledClock:
    """Another clock made to run `speed` times faster, from the moment of construction."""

    def __init__(self, clock: Clock, speed: float) -> None:
        self._clock = clock
        self._speed = speed
        self._mono_us = clock.boottime_us()
        self._offset_us = clock.wall_offset()

    @property
    def state(self) -> ClockState:
        """Say how far wall time can be trusted."""
        return self._clock.state

    @property
    def uncertainty_us(self) -> int:
        """Return the bound on the wall clock's error, µs (0 when there is no wall time)."""
        return self._clock.uncertainty_us

    def boottime_us(self) -> int:
        """Return compressed CLOCK_BOOTTIME in µs."""
        elapsed_us = self._clock.boottime_us() - self._mono_us
        return self._mono_us + round(elapsed_us * self._speed)

    def wall_us(self) -> int | None:
        """Return compressed UTC in µs since 1970, or None while it is not trusted."""
        return None if self._offset_us is None else self.boottime_us() + self._offset_us

    def wall_offset(self) -> int | None:
        """Return compressed UTC minus compressed CLOCK_BOOTTIME, which never changes, µs."""
        return self._offset_us


def make_clock(trust: str, speed: float, floor_us: int = 0) -> Clock:
    """Build the clock that the configuration asks for."""
    clock: Clock = NtpClock(floor_us) if trust == "ntp" else SystemClock()
    return clock if speed == 1.0 else ScaledClock(clock, speed)
