"""What one device said at one moment, and the batch that carries such readings.

Times are integers: `mono_us` is CLOCK_BOOTTIME of the edge, `wall_us` UTC since 1970, both in
microseconds and both of the *first* sample of a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int32]


class ClockState(IntEnum):
    """Why the edge believes in its wall clock; SYSTEM means trusted by configuration."""

    UNSYNCED = 0
    NTP = 1
    RTC = 2
    SYSTEM = 3


class Quality(IntFlag):
    """What is known against the samples of a frame; unknown bits of a newer sender are kept."""

    OK = 0
    GAP_BEFORE = 1
    LEAD_OFF = 2
    NOISY = 4
    SATURATED = 8
    NOT_WORN = 16
    LATE = 32
    RATE_ESTIMATED = 64


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """Integers of one metric (wire code); physical value = values * scale + offset, in its unit.

    `values` is one-dimensional and fits int32. Two channels are equal when metric, scale, offset
    and every value are.
    """

    metric: int
    values: Integers
    scale: float = 1.0
    offset: float = 0.0

    def physical(self) -> npt.NDArray[np.float64]:
        """The values in the metric's unit."""
        return np.asarray(self.values, np.float64) * self.scale + self.offset

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Channel):
            return NotImplemented
        mine = (self.metric, self.scale, self.offset)
        theirs = (other.metric, other.scale, other.offset)
        return mine == theirs and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.metric, self.scale, self.offset, len(self.values)))


@dataclass(frozen=True, slots=True)
class Frame:
    """One reading. Its identity is (edge, device, boot, seq); the edge stands in the topic.

    - `boot`: 1 … 2^64-1; `seq`: from 1, gap-free per (device, boot).
    - `rate_hz`: the measured sampling rate, or 0 where samples are not regular; travels in
      microhertz.
    - `dev_ts_ns`: the device's own time of the first sample, in its own epoch, or None.
    - `offsets_us`: for irregular streams (beats) the time of each sample after the first: starts
      at 0, never falls; else None.
    - Regular channels have equal lengths. Beside `offsets_us` a channel may be shorter: its values
      belong to the *last* offsets (the first beat has no interval yet). Without rate and offsets
      (one heart rate, several intervals) lengths are free and all values share the frame's time.
    """

    device: str
    stream: str
    boot: int
    seq: int
    mono_us: int
    wall_us: int | None
    clock: ClockState
    uncertainty_us: int
    rate_hz: float
    dev_ts_ns: int | None
    channels: tuple[Channel, ...]
    offsets_us: tuple[int, ...] | None
    quality: Quality

    def sample_offsets_us(self, channel: Channel) -> npt.NDArray[np.int64]:
        """Microseconds from the frame's time to each value of one of its channels."""
        count = len(channel.values)
        if self.rate_hz > 0:
            return np.array(np.rint(np.arange(count) * (1e6 / self.rate_hz)), np.int64)
        if self.offsets_us is not None:
            return np.array(self.offsets_us[len(self.offsets_us) - count :], np.int64)
        return np.zeros(count, np.int64)


@dataclass(frozen=True, slots=True)
class Loss:
    """Readings first_seq … last_seq (both included) that the edge had to give up, and why."""

    device: str
    boot: int
    first_seq: int
    last_seq: int
    reason: str

    @property
    def count(self) -> int:
        """How many readings were lost."""
        return self.last_seq - self.first_seq + 1


@dataclass(frozen=True, slots=True)
class Batch:
    """What one MQTT message carries: at least one frame or loss."""

    frames: tuple[Frame, ...]
    losses: tuple[Loss, ...] = ()
