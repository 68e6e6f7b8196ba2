"""Line protocol of many values: the compiled encoder where it is installed, else its pure twin."""

from __future__ import annotations

import importlib
import math
from functools import reduce
from operator import add
from typing import Protocol

import numpy as np

from ..model import Floats, Int64s

_WHOLE = 2.0**53
_SECOND_US = 1_000_000


class Lines(Protocol):
    """Collects lines."""

    def __len__(self) -> int:
        """Lines since the last `take`."""

    @property
    def size(self) -> int:
        """Bytes since the last `take`."""

    def add(self, head: bytes, first: bytes, values: Floats, times_ns: Int64s) -> None:
        """One line a value: `head` (series, blank, ``field=``), the value, a blank, the time.

        The first line has `first`, its further fields, after its value.

        Raises ValueError, with nothing added, for lengths that differ and values that are not
        finite.
        """

    def add_seconds(
        self, head: bytes, first: bytes, values: Floats, times_us: Int64s, below_ns: int
    ) -> None:
        """One line a UTC second that the run touches, at the time of its first sample there.

        `head` (series, blank), mean, n, sum, min, max, a blank, the time and `below_ns` in ns. The
        first line has `first`, its further fields, after these. `times_us` do not fall.

        Raises ValueError, with nothing added, for lengths that differ and sums that are not finite.
        """

    def take(self) -> bytes:
        """All lines; the buffer is empty afterwards."""


class LineBuffer:
    """The pure twin of `vointi_codec.lines.LineBuffer`; both write the same bytes."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0

    def __len__(self) -> int:
        """Lines since the last `take`."""
        return len(self._lines)

    @property
    def size(self) -> int:
        """Bytes since the last `take`."""
        return self._size

    def add(self, head: bytes, first: bytes, values: Floats, times_ns: Int64s) -> None:
        """See `Lines`."""
        if len(values) != len(times_ns):
            raise ValueError("values and times_ns: lengths differ")
        if not np.isfinite(values).all():
            raise ValueError("values: InfluxDB takes finite numbers only")
        between = first
        for value, time_ns in zip(values.tolist(), times_ns.tolist(), strict=True):
            self._put(b"%b%b%b %d\n" % (head, _text(value), between, time_ns))
            between = b""

    def add_seconds(
        self, head: bytes, first: bytes, values: Floats, times_us: Int64s, below_ns: int
    ) -> None:
        """See `Lines`."""
        if len(values) != len(times_us):
            raise ValueError("values and times_us: lengths differ")
        seconds = times_us // _SECOND_US
        starts = np.flatnonzero(np.r_[len(values) > 0, seconds[1:] != seconds[:-1]])
        between, lines = first, []
        for begin, end in zip(starts, [*starts[1:], len(values)], strict=False):
            fields = _second(values[begin:end]) + between
            lines.append(b"%b%b %d\n" % (head, fields, int(times_us[begin]) * 1000 + below_ns))
            between = b""
        for line in lines:
            self._put(line)

    def _put(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)

    def take(self) -> bytes:
        """All lines; the buffer is empty afterwards."""
        taken = b"".join(self._lines)
        self._lines, self._size = [], 0
        return taken


def _second(values: Floats) -> bytes:
    """Summed from left to right: NumPy's own sum pairs them and ends on other last digits."""
    total = reduce(add, values.tolist())
    if not math.isfinite(total):
        raise ValueError("values: InfluxDB takes finite numbers only")
    found = (total / len(values), len(values), total, values.min(), values.max())
    return b"mean=%b,n=%b,sum=%b,min=%b,max=%b" % tuple(_text(float(each)) for each in found)


def _text(value: float) -> bytes:
    whole = -_WHOLE < value < _WHOLE and value == int(value)
    return b"%d" % int(value) if whole else repr(value).encode()


def new_buffer() -> Lines:
    """The fastest encoder that is installed."""
    try:
        compiled: Lines = importlib.import_module("vointi_codec.lines").LineBuffer()
    except ImportError:
        return LineBuffer()
    return compiled
