"""A device's clock laid along ours: first-sample times, the true rate, and gaps.

The device stamps the last sample of every frame with its own clock, which has another zero and
runs a little fast or slow. Its differences are exact, so the rate comes from them alone; our clock
only places the whole on the wall.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from vointi_contract.frame import Quality

# The first rate is the nominal one; from then on a sliding ten minutes of the device's own time.
_WINDOW_S = 600.0
# A lost notification is a whole frame; half of one tells it from a clock that runs fast or slow.
_LOST_FRAME = 0.5
# Arrivals are late by chance, never early: the earliest of a minute tells how the clocks lie.
_OFFSET_WINDOW_US = 60e6
# Quartz clocks drift apart by up to 50 ppm; a time axis that moved faster would shift beats.
_SLEW = 50e-6
# Further off than a minute, one of the clocks was set: begin again. Less is a slow start
# (in compressed time a stall of a fraction of a second is several).
_STEP_US = 60e6
# What comes twice or in the wrong order does so within a few frames.
_REMEMBERED = 32


@dataclass(frozen=True, slots=True)
class Placed:
    """A frame on our time axis. `missing` samples were lost right before it."""

    mono_us: int
    dev_ts_ns: int
    rate_hz: float
    quality: Quality
    missing: int


class Timeline:
    """One stream of one connection; `nominal_hz` is what the device agreed to."""

    def __init__(self, nominal_hz: float) -> None:
        self._nominal_hz = nominal_hz
        self._last_ns: int | None = None
        self._samples = 0.0
        self._span_ns = 0.0
        self._offset_us: float | None = None
        self._earliest_us = float("inf")
        self._window_us = 0.0
        self._due_us = 0.0
        self._recent: deque[int] = deque(maxlen=_REMEMBERED)
        self._gaps: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)

    @property
    def rate_hz(self) -> float:
        """Return the measured rate, or the nominal one before there is any."""
        return self._samples / self._span_ns * 1e9 if self._span_ns else self._nominal_hz

    def place(self, last_ts_ns: int, count: int, arrival_us: int) -> Placed | None:
        """Place a frame of `count` samples; None when it was heard before (same time).

        A frame that falls into an earlier gap was overtaken on its way: it is marked LATE and
        moves neither the rate nor the axis.
        """
        if last_ts_ns in self._recent:
            return None
        self._recent.append(last_ts_ns)
        if any(before < last_ts_ns < after for before, after in self._gaps):
            return self._placed(last_ts_ns, count, self._offset_us or 0.0, Quality.LATE, 0)
        quality, missing = Quality.OK, 0
        if self._last_ns is not None:
            elapsed_ns = last_ts_ns - self._last_ns
            missing = self._advance(elapsed_ns, count)
            quality = Quality.GAP_BEFORE if missing else Quality.OK
            if missing and elapsed_ns > 0:
                self._gaps.append((self._last_ns, last_ts_ns))
        self._last_ns = last_ts_ns
        if not self._span_ns:
            quality |= Quality.RATE_ESTIMATED
        offset_us = self._place_offset(last_ts_ns, arrival_us, count)
        return self._placed(last_ts_ns, count, offset_us, quality, missing)

    def _placed(
        self, last_ts_ns: int, count: int, offset_us: float, quality: Quality, missing: int
    ) -> Placed:
        first_ns = last_ts_ns - round((count - 1) * 1e9 / self.rate_hz)
        mono_us = round(first_ns / 1000 + offset_us)
        return Placed(max(mono_us, 0), first_ns, self.rate_hz, quality, missing)

    def _advance(self, elapsed_ns: int, count: int) -> int:
        """Take one frame into the rate; return how many samples are missing before it."""
        missing = round(elapsed_ns * 1e-9 * self.rate_hz) - count
        if elapsed_ns < 0:  # the device's clock was set back: nothing is known of the time between
            self._offset_us = None
            self._gaps.clear()
            return 1
        if missing >= max(1.0, _LOST_FRAME * count):
            return missing
        self._samples += count
        self._span_ns += elapsed_ns
        if self._span_ns > _WINDOW_S * 1e9:
            self._samples /= 2
            self._span_ns /= 2
        return 0

    def _place_offset(self, last_ts_ns: int, arrival_us: int, count: int) -> float:
        """Return our time minus the device's, µs."""
        seen_us = arrival_us - last_ts_ns / 1000
        if self._offset_us is None or seen_us < self._offset_us - _STEP_US:
            self._offset_us = seen_us
        frame_us = count / self.rate_hz * 1e6
        self._earliest_us = min(self._earliest_us, seen_us)
        self._window_us += frame_us
        if self._window_us >= _OFFSET_WINDOW_US:
            self._due_us = self._earliest_us - self._offset_us
            self._earliest_us, self._window_us = float("inf"), 0.0
        # A little with every frame: a jump would lay one frame's end over the next one's begin.
        most_us = _SLEW * frame_us
        move_us = self._due_us if abs(self._due_us) > _STEP_US else 0.0
        move_us = move_us or min(max(self._due_us, -most_us), most_us)
        self._due_us -= move_us
        self._offset_us += move_us
        return self._offset_us
