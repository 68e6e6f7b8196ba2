"""Questions to InfluxDB: spans of samples, and their summaries by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..model import Floats, Int64s, Samples, SeriesQuery, Windows
from .admin import MAIN, ROLLUP, WAVEFORM
from .catalogue import Series
from .client import InfluxClient, Table
from .rollup import MINUTE_US, MINUTES
from .runs import MAX_NS, SECOND_US, SLOTS, SUMMARY
from .runs import WAVEFORM as WAVEFORM_POINTS

_NONE = np.zeros(0, np.int64)
_EMPTY = Samples(_NONE, np.zeros(0), _NONE, _NONE)
_NO_WINDOWS = Windows(_NONE, _NONE, np.zeros(0), np.zeros(0), np.zeros(0))
_OF_SAMPLES = "count(value), mean(value), min(value), max(value)"


@dataclass(frozen=True, slots=True)
class _Unit:
    """What windows are made of: its length, 1 for samples, and how four numbers come of it."""

    us: int
    what: str
    origin: str


_OF_SUMMARIES = "sum(n), sum(sum), min(min), max(max)"
_SECONDS = _Unit(SECOND_US, _OF_SUMMARIES, f'"{MAIN}"."{SUMMARY}"')
_MINUTES = _Unit(MINUTE_US, _OF_SUMMARIES, f'"{ROLLUP}"."{MINUTES}"')


def time_ns(t_us: int) -> int:
    """A µs as InfluxDB's ns, kept within what it can say."""
    return max(-MAX_NS, min(t_us * 1000, MAX_NS))


def where(series: Sequence[Series], from_us: int, to_us: int) -> str:
    """The condition for the samples of these series of one metric of one device."""
    streams = " OR ".join(f"\"stream\" = '{s.stream}'" for s in series)
    device, metric = series[0].device, series[0].metric
    return (
        f"\"device\" = '{device}' AND \"metric\" = '{metric}' AND ({streams}) "
        f"AND time >= {time_ns(from_us)} AND time < {time_ns(to_us)}"
    )


def source(series: Series) -> str:
    """Retention policy and measurement of a series' samples."""
    policy = WAVEFORM if series.measurement == WAVEFORM_POINTS else MAIN
    return f'"{policy}"."{series.measurement}"'


def count_samples(client: InfluxClient, series: Sequence[Series], query: SeriesQuery) -> int:
    """Samples in the span, whole frames counted."""
    begin = query.from_us - max(s.longest_us for s in series)
    condition = where(series, begin, query.to_us)
    tables = client.query(f"SELECT sum(length) FROM {source(series[0])} WHERE {condition}")  # noqa: S608
    return sum(int(row[1]) for table in tables for row in table.rows)


def samples(client: InfluxClient, series: Sequence[Series], query: SeriesQuery) -> Samples:
    """Every sample in the span, by time, then sequence."""
    begin = query.from_us - max(s.longest_us for s in series)
    tables = client.query(
        f"SELECT value, quality, length, seq FROM {source(series[0])} "  # noqa: S608
        f"WHERE {where(series, begin, query.to_us)} GROUP BY stream"
    )
    found = [_runs(table) for table in tables if table.rows]
    every = _join(found)
    inside = (every.t_us >= query.from_us) & (every.t_us < query.to_us)
    order = np.lexsort((every.seq[inside], every.t_us[inside]))
    parts = (every.t_us, every.value, every.quality, every.seq)
    return Samples(*(part[inside][order] for part in parts))  # type: ignore[arg-type]


def _runs(table: Table) -> Samples:
    """Give every point its run's quality and sequence number, by the slot that they share."""
    columns = list(zip(*table.rows, strict=True))
    times = np.array(columns[0], np.int64)
    values = np.array(columns[1], np.float64)
    order = np.lexsort((times, times % SLOTS))
    # One point under two pseudonyms: it was sent twice, and who wore the device was put right.
    order = order[np.diff(times[order], prepend=times[order[0]] - 1) != 0]
    heads = np.array([seq is not None for seq in columns[4]], np.bool_)[order]
    if not heads.any():
        return _EMPTY
    numbers = np.flatnonzero(heads)
    run = np.cumsum(heads) - 1
    kept = run >= 0
    place = np.arange(len(order)) - numbers[run]
    lengths = _picked(columns[3], order, numbers)
    same = times[order] % SLOTS == (times[order] % SLOTS)[numbers[run]]
    kept &= same & (place < lengths[run])
    quality, seq = _picked(columns[2], order, numbers), _picked(columns[4], order, numbers)
    rows = order[kept]
    return Samples(times[rows] // 1000, values[rows], quality[run[kept]], seq[run[kept]])


def _picked(column: Sequence[Any], order: Int64s, numbers: Int64s) -> Int64s:
    return np.array([column[i] for i in order[numbers].tolist()], np.int64)


def _join(parts: Iterable[Samples]) -> Samples:
    found = list(parts)
    if not found:
        return _EMPTY
    return Samples(
        np.concatenate([p.t_us for p in found]),
        np.concatenate([p.value for p in found]),
        np.concatenate([p.quality for p in found]),
        np.concatenate([p.seq for p in found]),
    )


def windows(
    client: InfluxClient,
    series: Sequence[Series],
    query: SeriesQuery,
    window_us: int,
    *,
    raw: bool,
    limit_us: int,
) -> Windows:
    """Summaries by window: whole minutes from before `limit_us`, whole seconds, then samples.

    Without `raw` waveforms the span is widened to whole seconds.
    """

    def part(unit: _Unit, from_us: int, to_us: int) -> Windows:
        span = replace(query, from_us=from_us, to_us=to_us)
        return _grouped(client, unit, series, span, window_us)

    samples_of = _Unit(1, _OF_SAMPLES, source(series[0]))
    if window_us % SECOND_US:
        return part(samples_of, query.from_us, query.to_us)
    begin_us, parts, made_of = query.from_us, [], "raw"
    if window_us % _MINUTES.us == 0 and begin_us < limit_us:
        begin_us = min(-(-limit_us // _MINUTES.us) * _MINUTES.us, query.to_us)
        made_of = "1m" if begin_us == query.to_us else "mixed"
        parts.append(part(_MINUTES, query.from_us // _MINUTES.us * _MINUTES.us, begin_us))
    if series[0].measurement != WAVEFORM_POINTS:
        parts.append(part(samples_of, begin_us, query.to_us))
    elif raw:
        first_us = -(-begin_us // SECOND_US) * SECOND_US
        last_us = max(query.to_us // SECOND_US * SECOND_US, first_us)
        parts.append(part(samples_of, begin_us, min(first_us, query.to_us)))
        parts.append(part(_SECONDS, first_us, last_us))
        parts.append(part(samples_of, last_us, query.to_us))
    else:
        ends = (begin_us // SECOND_US, -(-query.to_us // SECOND_US))
        parts.append(part(_SECONDS, *(end * SECOND_US for end in ends)))
    return replace(merged(parts), source=made_of)


def _grouped(
    client: InfluxClient, unit: _Unit, series: Sequence[Series], query: SeriesQuery, window_us: int
) -> Windows:
    if query.from_us >= query.to_us:
        return _NO_WINDOWS
    condition = where(series, query.from_us, query.to_us)
    tables = client.query(
        f"SELECT {unit.what} FROM {unit.origin} WHERE {condition} "  # noqa: S608
        f"GROUP BY time({window_us}u) fill(none)"
    )
    rows = [row for table in tables for row in table.rows if row[1]]
    if not rows:
        return _NO_WINDOWS
    times, counts, totals, lows, highs = map(np.array, zip(*rows, strict=True))
    means = totals / counts if unit.us > 1 else totals
    return Windows(
        times // 1000, counts.astype(np.int64), _floats(means), _floats(lows), _floats(highs)
    )


def _floats(values: npt.NDArray[Any]) -> Floats:
    return values.astype(np.float64)


def merged(parts: Sequence[Windows]) -> Windows:
    """Windows of several spans as one; a window that several touch is joined."""
    key = np.concatenate([p.t_us for p in parts])
    n = np.concatenate([p.n for p in parts])
    total = np.concatenate([p.mean for p in parts]) * n
    low, high = np.concatenate([p.low for p in parts]), np.concatenate([p.high for p in parts])
    if not len(key):
        return _NO_WINDOWS
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=key[0] - 1))
    count = np.add.reduceat(n[order], first)
    return Windows(
        key[first],
        count,
        np.add.reduceat(total[order], first) / count,
        np.minimum.reduceat(low[order], first),
        np.maximum.reduceat(high[order], first),
    )


def looked_up(client: InfluxClient, series: Series) -> Series:
    """The series with first and newest sample as InfluxDB has them now."""
    first, last = (_end(client, series, order) for order in ("first", "last"))
    if first is None or last is None:
        return replace(series, first_us=None, last_us=None, last_value=None)
    return replace(series, first_us=first[0], last_us=last[0], last_value=last[1])


def _end(client: InfluxClient, series: Series, order: str) -> tuple[int, float] | None:
    """Time and value of the first or last sample; of a waveform's second, where no more is kept."""
    condition = where([series], -(2**62), 2**62)
    origins = [(f"{order}(value)", source(series))]
    if series.measurement == WAVEFORM_POINTS:
        origins.append((f"{order}(mean)", _SECONDS.origin))
    for what, origin in origins:
        tables = client.query(f"SELECT {what} FROM {origin} WHERE {condition}")  # noqa: S608
        for row in (row for table in tables for row in table.rows):
            return int(row[0]) // 1000, float(row[1])
    return None


def begun(client: InfluxClient, series: Sequence[Series]) -> Iterator[Series]:
    """Series whose oldest samples were removed, with when they begin now."""
    for origin, field in {_origin(each): None for each in series}:
        asked = f"SELECT first({field}) FROM {origin} GROUP BY device, stream, metric"  # noqa: S608
        first_us = {
            (table.tags["device"], table.tags["stream"], table.tags["metric"]): row[0] // 1000
            for table in client.query(asked)
            for row in table.rows
        }
        for each in series:
            if _origin(each) == (origin, field):
                if each.key in first_us:
                    yield replace(each, first_us=first_us[each.key])
                else:
                    yield looked_up(client, each)


def _origin(series: Series) -> tuple[str, str]:
    """What has a point of every run of a series, and the field that it has."""
    if series.measurement == WAVEFORM_POINTS:
        return _SECONDS.origin, "mean"
    return source(series), "value"
