"""Readings as lines: each channel of a frame is a run of points, and the first says whose they are.

A point's time is the sample's UTC microsecond, and below it a slot of 0 to 999 ns that follows from
the sequence number: two readings of one microsecond are two points, one reading sent twice is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from vointi_contract.frame import Channel, Frame
from vointi_contract.metrics import Kind, by_code

from ..model import Floats, Int64s, StoredReading
from .buffer import Lines, new_buffer
from .lines import measurement

WAVEFORM = "waveform"
SUMMARY = "waveform_1s"
SECOND_US = 1_000_000
#: Neighbours in sequence are 31 slots apart: room for what one frame has at one microsecond.
_STRIDE = 31
SLOTS = 1000
#: What InfluxDB 1.x takes as a time, UTC ns: the int64 range without its two ends.
MIN_NS, MAX_NS = -(2**63) + 2, 2**63 - 2
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class Span:
    """What a commit adds to one series: its first and last sample, and the last's value."""

    pilot: str
    device: str
    stream: str
    metric: str
    first_us: int
    last_us: int
    last_value: float


def slot(seq: int) -> int:
    """The nanoseconds that a reading adds to its samples' microseconds."""
    return seq * _STRIDE % SLOTS


def measurement_of(metric: str, kind: Kind) -> str:
    """Where the samples of a metric go."""
    return WAVEFORM if kind is Kind.WAVEFORM else measurement(metric)


class RunEncoder:
    """Collects the lines of one commit, raw waveforms apart from everything else.

    Args:
        raw: pilots of which raw waveforms are kept; of the others their summaries alone.
        tag_people: whether points carry the pseudonym of who wore the device.

    """

    def __init__(self, raw: Collection[str], *, tag_people: bool = False) -> None:
        self._raw, self._tag_people = raw, tag_people
        self.main: Lines = new_buffer()
        self.waveforms: Lines = new_buffer()
        self.spans: list[Span] = []

    @property
    def size(self) -> int:
        """Bytes that wait in both buffers."""
        return self.main.size + self.waveforms.size

    def extend(self, readings: Iterable[StoredReading]) -> None:
        """Take the lines of readings, see `add`."""
        for reading in readings:
            self.add(reading)

    def add(self, reading: StoredReading) -> None:
        """Take the lines of a reading that has a wall time.

        Raises ArithmeticError or ValueError for what InfluxDB has no room for.
        """
        wall_us = reading.frame.wall_us
        if wall_us is None:
            raise ValueError("wall_us: InfluxDB takes nothing without a time")
        for channel in reading.frame.channels:
            if len(channel.values):
                self._channel(reading, channel, wall_us)

    def _channel(self, reading: StoredReading, channel: Channel, start_us: int) -> None:
        frame, metric = reading.frame, by_code(channel.metric)
        times_us = start_us + frame.sample_offsets_us(channel)
        _in_range(int(times_us[0]) * 1000, int(times_us[-1]) * 1000 + SLOTS)
        values = channel.physical()
        tags = self._tags(reading, metric.name)
        if metric.kind is Kind.WAVEFORM:
            self._waveform(reading, tags, times_us, values)
        else:
            head = f"{measurement(metric.name)},{tags} value=".encode()
            _add_loose(self.main, head, frame, values, times_us)
        self.spans.append(
            Span(
                *(reading.pilot, reading.device, frame.stream, metric.name),
                *(int(times_us[0]), int(times_us[-1]), float(values[-1])),
            )
        )

    def _tags(self, reading: StoredReading, metric: str) -> str:
        subject = f",subject={reading.person}" if self._tag_people and reading.person else ""
        origin = f"pilot={reading.pilot},stream={reading.frame.stream}"
        return f"device={reading.device},metric={metric},{origin}{subject}"

    def _waveform(
        self, reading: StoredReading, tags: str, times_us: Int64s, values: Floats
    ) -> None:
        frame = reading.frame
        facts = _facts(frame, len(values))
        if reading.pilot in self._raw or "*" in self._raw:
            head = f"{WAVEFORM},{tags} value=".encode()
            if frame.rate_hz > 0:
                times_ns = times_us * 1000 + slot(frame.seq)
                self.waveforms.add(head, facts, values, times_ns)
            else:
                _add_loose(self.waveforms, head, frame, values, times_us)
        self.main.add_seconds(
            f"{SUMMARY},{tags} ".encode(), facts, values, times_us, slot(frame.seq)
        )


def _add_loose(lines: Lines, head: bytes, frame: Frame, values: Floats, times_us: Int64s) -> None:
    """Samples at no regular rate may share a time: each has its own slot and says whose it is."""
    slots = (slot(frame.seq) + np.arange(len(values))) % SLOTS
    times_ns, facts = times_us * 1000 + slots, _facts(frame, 1)
    for i in range(len(values)):
        lines.add(head, facts, values[i : i + 1], times_ns[i : i + 1])


def _facts(f: Frame, length: int) -> bytes:
    """What a run's first point says of the frame; uint64 as the int64 of the same bits."""
    _in_range(f.mono_us, f.mono_us)
    boot = f.boot - (1 << 64) if f.boot >= _INT64 else f.boot
    device = "" if f.dev_ts_ns is None else f",dev_ts_ns={f.dev_ts_ns}i"
    return (
        f",quality={int(f.quality)},length={length},seq={f.seq}i,boot={boot}i,"
        f"mono_us={f.mono_us}i,clock={int(f.clock)},uncertainty_us={f.uncertainty_us}i{device}"
    ).encode()


def _in_range(low_ns: int, high_ns: int) -> None:
    if low_ns < MIN_NS or high_ns > MAX_NS:
        raise OverflowError("a time is outside what 64 bits of nanoseconds hold")
