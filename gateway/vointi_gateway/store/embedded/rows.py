"""Frames → columns: waveform channels become segments, every other value a scalar row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from vointi_contract.frame import Channel, Frame
from vointi_contract.metrics import Kind, by_code

from ..block import Owner, Readings
from ..model import StoredReading
from . import columns
from .anchors import Offsets
from .block_rows import BlockRows, Newest, chain
from .numbered import Numbered, SeriesNumber, join, number

_SEGMENT = pa.schema(
    [
        ("sid", pa.int32()),
        ("boot", pa.uint64()),
        ("seq", pa.int64()),
        ("t_us", pa.int64()),
        ("end_us", pa.int64()),
        ("mono_us", pa.int64()),
        ("dev_ts_ns", pa.int64()),
        ("clock", pa.uint8()),
        ("uncertainty_us", pa.int64()),
        ("rate_hz", pa.float64()),
        ("n", pa.int32()),
        ("quality", pa.uint32()),
        ("scale", pa.float64()),
        ("offset", pa.float64()),
        ("vmin", pa.float64()),
        ("vmax", pa.float64()),
        ("vsum", pa.float64()),
    ]
)
_SCALAR = pa.schema(
    [
        ("sid", pa.int32()),
        ("boot", pa.uint64()),
        ("seq", pa.int64()),
        ("idx", pa.int32()),
        ("t_us", pa.int64()),
        ("mono_us", pa.int64()),
        ("dev_ts_ns", pa.int64()),
        ("clock", pa.uint8()),
        ("uncertainty_us", pa.int64()),
        ("quality", pa.uint32()),
        ("value", pa.float64()),
    ]
)

#: The columns of the tables that nearly every commit fills.
SCHEMAS = {"segment": _SEGMENT.append(pa.field("v", pa.list_(pa.int32()))), "scalar": _SCALAR}


def is_segment(frame: Frame, channel: Channel) -> bool:
    """Whether a channel is kept as a segment: a waveform at a regular rate."""
    return frame.rate_hz > 0 and by_code(channel.metric).kind is Kind.WAVEFORM


class RowBuilder:
    """Collects the rows of one commit.

    Args:
        series: numbers the series.
        offsets: places readings in time that have none of their own.

    """

    def __init__(self, series: SeriesNumber, offsets: Offsets) -> None:
        self._series = series
        self._offsets = offsets
        self._names: dict[int, tuple[str, str]] = {}
        self._numbered: list[Numbered] = []
        self._segments: list[tuple[object, ...]] = []
        self._values: list[npt.NDArray[np.int32]] = []
        self._scalars: list[tuple[object, ...]] = []
        self._newest: list[Newest] = []

    def extend(self, readings: Iterable[StoredReading]) -> None:
        """Take the readings' rows."""
        if isinstance(readings, Readings):
            if readings.block is not None:
                self._numbered.append(number(readings.block, self._offsets.of, self._name))
            readings = readings.loose
        for reading in readings:
            wall_us = self._offsets.wall_us(reading)
            owner = Owner(reading.pilot, reading.edge, reading.frame.device)
            for channel in reading.frame.channels:
                name = by_code(channel.metric).name
                sid = self._series(owner, reading.frame.stream, name)
                if is_segment(reading.frame, channel):
                    end_us = self._segment(sid, reading.frame, wall_us, channel)
                else:
                    end_us = self._scalar(sid, reading.frame, wall_us, channel)
                if end_us is not None:
                    last = float(channel.values[-1]) * channel.scale + channel.offset
                    self._newest.append((reading.device, name, end_us, last))

    def take(self, numbered: Numbered, names: Mapping[int, tuple[str, str]]) -> None:
        """Take rows that have their series, with device (global id) and metric of each series."""
        self._numbered.append(numbered)
        self._names.update(names)

    def _name(self, owner: Owner, stream: str, metric: str) -> int:
        sid = self._series(owner, stream, metric)
        self._names[sid] = (owner.device, metric)
        return sid

    @cached_property
    def _blocks(self) -> list[BlockRows]:
        """Once all are taken."""
        return [BlockRows(join(self._numbered), self._names)] if self._numbered else []

    def _segment(self, sid: int, f: Frame, wall_us: int | None, channel: Channel) -> int | None:
        v = channel.values
        n = len(v)
        length_us = round((n - 1) * 1e6 / f.rate_hz)
        end_us = None if wall_us is None else wall_us + length_us
        a, b = channel.scale, channel.offset
        ends = (int(v.min()) * a + b, int(v.max()) * a + b)
        total = int(v.sum(dtype=np.int64)) * a + n * b
        self._segments.append(
            (
                *(sid, f.boot, f.seq, wall_us, end_us, f.mono_us, f.dev_ts_ns, int(f.clock)),
                *(f.uncertainty_us, f.rate_hz, n, int(f.quality), a, b),
                *(min(ends), max(ends), total),
            )
        )
        self._values.append(v)
        return end_us

    def _scalar(self, sid: int, f: Frame, wall_us: int | None, channel: Channel) -> int | None:
        end_us: int | None = None
        physical = channel.physical().tolist()
        for idx, after in enumerate(f.sample_offsets_us(channel).tolist()):
            end_us = None if wall_us is None else wall_us + after
            self._scalars.append(
                (
                    *(sid, f.boot, f.seq, idx, end_us, f.mono_us + after, f.dev_ts_ns),
                    *(int(f.clock), f.uncertainty_us, int(f.quality), physical[idx]),
                )
            )
        return end_us

    def segments(self) -> pa.Table | None:
        """The segment rows as one Arrow table, or None."""
        return chain([*(block.segments(_SEGMENT) for block in self._blocks), self._loose()])

    def _loose(self) -> pa.Table | None:
        if not self._segments:
            return None
        table = columns.of_rows(self._segments, _SEGMENT)
        ends = np.cumsum([0, *map(len, self._values)], dtype=np.int32)
        values = np.concatenate(self._values).astype(np.int32, copy=False)
        lists = pa.ListArray.from_arrays(columns.of_numbers(ends), columns.of_numbers(values))
        return table.append_column("v", lists)

    def scalars(self) -> pa.Table | None:
        """The scalar rows as one Arrow table, or None."""
        loose = columns.of_rows(self._scalars, _SCALAR) if self._scalars else None
        return chain([*(block.scalars(_SCALAR) for block in self._blocks), loose])

    def newest(self) -> Iterator[Newest]:
        """Of each series the newest value, among others; once the tables are made."""
        for block in self._blocks:
            yield from block.newest
        yield from self._newest
