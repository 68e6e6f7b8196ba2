"""What is new in the file since a mark, as points for a copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..model import ExportMark, Point, SeriesQuery
from . import queries

_SECOND_US = 1_000_000
#: Seconds of one series that lie within this of each other are summarised by one query.
_NEAR_S = 60


def export(cursor: Any, after: ExportMark, limit: int) -> tuple[list[Point], ExportMark]:
    """Points after the mark, and the new mark."""
    scalars, last_scalar = _scalars(cursor, after.scalar, limit)
    seconds, last_segment = _seconds(cursor, after.segment, limit)
    return scalars + seconds, ExportMark(last_segment, last_scalar)


def _scalars(cursor: Any, after: int, limit: int) -> tuple[list[Point], int]:
    rows = cursor.execute(
        "SELECT x.rowid, pilot, device, stream, metric, t_us, value, quality FROM scalar x "
        "JOIN series USING (sid) WHERE x.rowid > ? ORDER BY x.rowid LIMIT ?",
        [after, limit],
    ).fetchall()
    points = [
        Point(pilot, device, stream, metric, t_us, (("value", value), ("quality", float(quality))))
        for _, pilot, device, stream, metric, t_us, value, quality in rows
        if t_us is not None
    ]
    return points, rows[-1][0] if rows else after


def _seconds(cursor: Any, after: int, limit: int) -> tuple[list[Point], int]:
    rows = cursor.execute(
        "SELECT x.rowid, sid, pilot, device, stream, metric, t_us, end_us FROM segment x "
        "JOIN series USING (sid) WHERE x.rowid > ? ORDER BY x.rowid LIMIT ?",
        [after, limit],
    ).fetchall()
    touched: dict[tuple[Any, ...], set[int]] = {}
    for _, *series, t_us, end_us in rows:
        if t_us is not None:
            seconds = range(t_us // _SECOND_US, end_us // _SECOND_US + 1)
            touched.setdefault(tuple(series), set()).update(seconds)
    points = [p for series, s in touched.items() for p in _summaries(cursor, series, s)]
    return points, rows[-1][0] if rows else after


def _summaries(cursor: Any, series: tuple[Any, ...], seconds: set[int]) -> Iterator[Point]:
    sid, pilot, device, stream, metric = series
    for first, last in _runs(sorted(seconds)):
        query = SeriesQuery(device, metric, first * _SECOND_US, (last + 1) * _SECOND_US)
        gathered = queries.Gathered([sid], _SECOND_US)
        gathered.sample(cursor, "segment", "scalar", query)
        found = gathered.windows(cursor, "raw")
        columns = (found.t_us, found.mean, found.low, found.high, found.n)
        for t_us, mean, low, high, n in zip(*(c.tolist() for c in columns), strict=True):
            fields = (("mean", mean), ("min", low), ("max", high), ("n", float(n)))
            yield Point(pilot, device, stream, metric, t_us, fields)


def _runs(seconds: list[int]) -> Iterator[tuple[int, int]]:
    first = last = seconds[0]
    for second in seconds[1:]:
        if second > last + _NEAR_S:
            yield first, last
            first = second
        last = second
    yield first, last
