"""ECG frames in, heart beats out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from vointi_contract.frame import Quality
from vointi_contract.metrics import by_name
from vointi_signals.qrs import QrsDetector

from vointi_edge.decoders.values import channel
from vointi_edge.reading import Reading

# A beat found by searching back lies a few seconds behind the newest sample, learning ten.
_MEMORY_S = 30.0
# The detector's own range; a device outside of it gets no beats.
_RATES_HZ = (100.0, 1000.0)


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Where a frame's first sample is: its index in the stream, and its times."""

    index: int
    mono_us: int
    time_ns: int
    wall_offset_us: int | None
    rate_hz: float

    def place(self, index: int) -> tuple[int, int]:
        """Return (monotonic µs, device ns) of the sample at `index`."""
        ahead_s = (index - self.index) / self.rate_hz
        return self.mono_us + round(ahead_s * 1e6), self.time_ns + round(ahead_s * 1e9)


class BeatFinder:
    """Finds R peaks in one ECG stream; beats keep the times of the samples that hold them.

    `push(reading)` returns a reading of stream `output` with one beat (R amplitude, µV) for each
    offset and the RR intervals (ms) that end in its last beats, or None.
    """

    def __init__(self, output: str) -> None:
        self._output = output
        self._detector: QrsDetector | None = None
        self._fs = 0.0
        self._next = 0
        self._end_ns = 0
        self._anchors: deque[_Anchor] = deque()
        self._last_beat_ns: int | None = None

    def push(self, reading: Reading) -> Reading | None:
        """Take the next ECG frame."""
        if not _RATES_HZ[0] <= reading.rate_hz <= _RATES_HZ[1]:
            return None
        ecg = reading.channels[0]
        events = self._bridge(reading)
        self._remember(reading)
        self._next += len(ecg.values)
        if self._detector is None:
            return None
        found = self._detector.push(ecg.physical())
        if len(events):
            found = np.concatenate([events, found])
        return self._reading(reading.device, found) if len(found) else None

    def _bridge(self, reading: Reading) -> np.ndarray:
        """Make the detector ready for this frame: anew, or told of the samples that are missing."""
        time_ns = _time_ns(reading)
        detector = self._detector
        if detector is None or abs(reading.rate_hz / self._fs - 1) > 0.02:
            return self._begin(reading)
        events = np.empty(0, dtype=object)
        if reading.quality & Quality.GAP_BEFORE:
            missing = round((time_ns - self._end_ns) * 1e-9 * reading.rate_hz)
            self._last_beat_ns = None
            if not 0 < missing < _MEMORY_S * reading.rate_hz:
                return self._begin(reading)
            events = detector.gap(missing)
            self._next += missing
        return events

    def _begin(self, reading: Reading) -> np.ndarray:
        self._fs = float(round(reading.rate_hz))
        self._detector = QrsDetector(self._fs)
        self._next = 0
        self._anchors.clear()
        self._last_beat_ns = None
        return np.empty(0, dtype=object)

    def _remember(self, reading: Reading) -> None:
        time_ns = _time_ns(reading)
        wall = None if reading.wall_us is None else reading.wall_us - reading.mono_us
        self._anchors.append(_Anchor(self._next, reading.mono_us, time_ns, wall, reading.rate_hz))
        count = len(reading.channels[0].values)
        self._end_ns = time_ns + round(count * 1e9 / reading.rate_hz)
        while self._anchors[0].index < self._next - _MEMORY_S * reading.rate_hz:
            self._anchors.popleft()

    def _anchor(self, index: int) -> _Anchor:
        for anchor in reversed(self._anchors):
            if anchor.index <= index:
                return anchor
        return self._anchors[0]

    def _reading(self, device: str, events: np.ndarray) -> Reading:
        events = np.sort(events, order="index")
        first = self._anchor(int(events["index"][0]))
        places = [self._anchor(i).place(i) for i in map(int, events["index"])]
        start_us, start_ns = places[0]
        intervals_us = self._intervals_us([time_ns for _, time_ns in places])
        channels = [channel("beat", np.rint(events["amplitude"]))]
        if intervals_us:
            channels.append(channel("rr_interval", intervals_us, 0.001))
        return Reading(
            device=device,
            stream=self._output,
            mono_us=start_us,
            wall_us=None if first.wall_offset_us is None else start_us + first.wall_offset_us,
            rate_hz=0.0,
            dev_ts_ns=start_ns,
            channels=tuple(channels),
            offsets_us=tuple((time_ns - start_ns) // 1000 for _, time_ns in places),
            quality=Quality.LATE if bool(events["late"].any()) else Quality.OK,
        )

    def _intervals_us(self, times_ns: list[int]) -> list[int]:
        """Return the plausible RR intervals that end in the last of these beats, µs."""
        metric = by_name("rr_interval")
        intervals: list[int] = []
        for time_ns in times_ns:
            last_ns, self._last_beat_ns = self._last_beat_ns, time_ns
            interval_us = 0 if last_ns is None else round((time_ns - last_ns) / 1000)
            if metric.accepts(interval_us / 1000):
                intervals.append(interval_us)
            else:
                intervals.clear()
        return intervals


def _time_ns(reading: Reading) -> int:
    return reading.mono_us * 1000 if reading.dev_ts_ns is None else reading.dev_ts_ns
