"""Which moment a sample of a stream belongs to."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from vointi_contract.frame import Channel, Quality

from vointi_edge.reading import Reading

# A beat found by searching back lies a few seconds behind the newest sample, learning ten, the
# end of a window one long interval.
_MEMORY_S = 30.0


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Where a frame's first sample is: its index in the stream, and its times."""

    index: int
    mono_us: int
    time_ns: int
    wall_offset_us: int | None
    rate_hz: float

    def place(self, index: float) -> tuple[int, int]:
        """Return (monotonic µs, ns of the stream's clock) of the sample at `index`."""
        ahead_s = (index - self.index) / self.rate_hz
        return self.mono_us + round(ahead_s * 1e6), self.time_ns + round(ahead_s * 1e9)


class Axis:
    """Counts the samples of one stream, missing ones included, and remembers when they were.

    Times are those of the device's clock where it has one: its differences are exact.
    """

    def __init__(self, start: int = 0) -> None:
        self.next = start
        self.end_ns = 0
        self.device_clock = False
        self._anchors: deque[_Anchor] = deque()

    def skip(self, missing: int) -> None:
        """Count samples that never came."""
        self.next += missing

    def add(self, reading: Reading) -> None:
        """Lay the samples of a reading behind those before."""
        at_ns = time_ns(reading)
        self.device_clock = reading.dev_ts_ns is not None
        wall = None if reading.wall_us is None else reading.wall_us - reading.mono_us
        self._anchors.append(_Anchor(self.next, reading.mono_us, at_ns, wall, reading.rate_hz))
        count = len(reading.channels[0].values)
        self.next += count
        self.end_ns = at_ns + round(count * 1e9 / reading.rate_hz)
        while self._anchors[0].index < self.next - _MEMORY_S * reading.rate_hz - count:
            self._anchors.popleft()

    def time_ns(self, index: float) -> int:
        """Return the time of a sample on the stream's own clock, ns."""
        return self._anchor(index).place(index)[1]

    def reading(
        self,
        name: tuple[str, str],
        places: Sequence[float],
        channels: tuple[Channel, ...],
        quality: Quality,
    ) -> Reading:
        """Build what stream `name` (device, stream) says of the samples at `places`."""
        first = self._anchor(places[0])
        start_us, start_ns = first.place(places[0])
        offsets = tuple((self.time_ns(place) - start_ns) // 1000 for place in places)
        return Reading(
            device=name[0],
            stream=name[1],
            mono_us=start_us,
            wall_us=None if first.wall_offset_us is None else start_us + first.wall_offset_us,
            rate_hz=0.0,
            dev_ts_ns=start_ns if self.device_clock else None,
            channels=channels,
            offsets_us=offsets,
            quality=quality,
        )

    def _anchor(self, index: float) -> _Anchor:
        for anchor in reversed(self._anchors):
            if anchor.index <= index:
                return anchor
        return self._anchors[0]


def time_ns(reading: Reading) -> int:
    """Return a reading's time on the stream's own clock, ns."""
    return reading.mono_us * 1000 if reading.dev_ts_ns is None else reading.dev_ts_ns
