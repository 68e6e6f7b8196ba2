"""Questions to the file: spans of samples, and their summaries by window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..model import Floats, Int64s, Samples, SeriesQuery, Windows
from . import summaries
from .lake import Lake, Part
from .summaries import DAY_US, MINUTE_US

#: Window number, n, sum, min, max of parts of windows.
_Part: TypeAlias = tuple[Int64s, Int64s, Floats, Floats, Floats]

#: Every time that a reading can have.
ALWAYS = (-(2**62), 2**62)

_FIELDS = 't_us, rate_hz, n, quality, seq, scale, "offset", v'
#: What summaries and samples are made of.
SEGMENT = f"sid, end_us, vmin, vmax, vsum, {_FIELDS}"
SCALAR = "sid, t_us, value, quality, seq"


def series(cursor: Any, lake: Lake, sids: list[int]) -> tuple[tuple[str, str, int, int], ...]:
    """(stream, metric, first, last UTC µs) of every one of these series that has samples."""
    wanted = "sid IN (SELECT unnest($1))"
    spans = [f"SELECT sid, t_us AS a, t_us AS b FROM scalar WHERE {wanted}"]  # noqa: S608
    spans.append(f"SELECT sid, t_us, end_us FROM segment WHERE {wanted}")  # noqa: S608
    for kind, end in (("scalar", "t_us"), ("event", "t_us"), ("waveform", "end_us")):
        ends = _outer(cursor, sids, lake.parts(cursor, sids, (kind,), *ALWAYS))
        if ends:
            spans.append(f"SELECT sid, t_us, {end} FROM {lake.read(ends)} WHERE {wanted}")  # noqa: S608
    every = " UNION ALL ".join(spans)
    rows = cursor.execute(
        f"SELECT stream, metric, min(x.a), max(x.b) FROM series JOIN ({every}) x "  # noqa: S608
        "USING (sid) WHERE x.a IS NOT NULL GROUP BY ALL ORDER BY stream, metric",
        [sids],
    ).fetchall()
    return tuple((stream, metric, int(a), int(b)) for stream, metric, a, b in rows)


def summarised(cursor: Any, sids: list[int]) -> tuple[tuple[str, str, int, int], ...]:
    """(stream, metric, start of the first, end of the last) of the series' summaries.

    To the minute where they are hot, to the day where they are in the lake.
    """
    rows = cursor.execute(
        f"SELECT stream, metric, min(a), max(b) FROM series JOIN ("  # noqa: S608
        f"SELECT sid, t_us AS a, t_us + {MINUTE_US} AS b FROM {summaries.kept()} UNION ALL "
        f"SELECT sid, t_us, t_us + {DAY_US} FROM day) x USING (sid) "
        "WHERE sid IN (SELECT unnest(?)) GROUP BY ALL ORDER BY stream, metric",
        [sids],
    ).fetchall()
    return tuple((stream, metric, int(a), int(b)) for stream, metric, a, b in rows)


def _outer(cursor: Any, sids: list[int], parts: list[Part]) -> list[str]:
    """Of the files, those of each series' first and last days."""
    if not parts:
        return []
    rows = cursor.execute(
        "SELECT min(t_us), max(t_us) FROM day WHERE sid IN (SELECT unnest(?)) AND t_us >= ? "
        "GROUP BY sid",
        [sids, parts[0].day_us],
    ).fetchall()
    # A segment lies with its first sample: what ends a day may be in the file of the one before.
    days = {int(day) for first, last in rows for day in (first, last, last - DAY_US)}
    return [part.path for part in parts if part.day_us in days]


def count_samples(cursor: Any, lake: Lake, sids: list[int], query: SeriesQuery) -> int:
    """Samples in the span, whole segments counted."""
    segments, scalars = _relations(cursor, lake, sids, query)
    rows = cursor.execute(
        f"SELECT (SELECT coalesce(sum(n), 0) FROM {segments} WHERE {_span(sids, query, 'end_us')})"  # noqa: S608
        f" + (SELECT count(*) FROM {scalars} WHERE {_span(sids, query, 't_us')})"
    ).fetchall()
    return int(rows[0][0])


def samples(cursor: Any, lake: Lake, sids: list[int], query: SeriesQuery) -> Samples:
    """Every sample in the span, by time, then sequence."""
    segments, scalars = _relations(cursor, lake, sids, query)
    sql = f"SELECT {_FIELDS} FROM {segments} WHERE {_span(sids, query, 'end_us')}"  # noqa: S608
    waves = _expand(cursor.sql(sql).to_arrow_table())
    where = _span(sids, query, "t_us")
    sql = f"SELECT t_us, value, quality, seq FROM {scalars} WHERE {where}"  # noqa: S608
    points = _points(cursor.sql(sql).to_arrow_table())
    return _sorted(_clip(_join(waves, points), query))


def _span(sids: list[int], query: SeriesQuery, end: str) -> str:
    return f"{among(sids)} AND t_us < {query.to_us} AND {end} >= {query.from_us}"


def windows(
    cursor: Any, lake: Lake, sids: list[int], query: SeriesQuery, window_us: int
) -> Windows:
    """Summaries by window: from those by minute or day where they fit, else from the samples.

    The ends of a span that are no whole minutes are summed from their samples.
    """
    first, end = -(-query.from_us // MINUTE_US) * MINUTE_US, query.to_us // MINUTE_US * MINUTE_US
    gathered = Gathered(sids, window_us)
    if window_us % MINUTE_US or first >= end:
        gathered.sample(cursor, *_relations(cursor, lake, sids, query), query)
        return gathered.windows(cursor, "raw")
    for a, b in ((query.from_us, first), (end, query.to_us)):
        if a < b:
            edge = replace(query, from_us=a, to_us=b)
            gathered.sample(cursor, *_relations(cursor, lake, sids, edge), edge)
    inner = replace(query, from_us=first, to_us=end)
    tail = summaries.mark(cursor)
    if _any(cursor, tail, sids, inner):
        gathered.sample(cursor, *_after(tail), inner)
    gathered.sum_hot(first // MINUTE_US, end // MINUTE_US)
    first_day, end_day = -(-first // DAY_US) * DAY_US, end // DAY_US * DAY_US
    days = window_us % DAY_US == 0 and first_day < end_day
    if days:
        gathered.sum("day", first_day, end_day)
    for a, b in ((first, first_day), (end_day, end)) if days else ((first, end),):
        files = lake.cold(cursor, "minute", sids, a, b) if a < b else None
        if files is not None:
            gathered.sum(files, a, b)
    return gathered.windows(cursor, "1d" if days else "1m")


def _any(cursor: Any, mark: tuple[int, int], sids: list[int], query: SeriesQuery) -> bool:
    """Whether there are rows after it: asked in a fifth of the time that reading none takes."""
    segments, scalars = (f"rowid > {last} AND" for last in mark)
    rows = cursor.execute(
        f"(SELECT 1 FROM segment WHERE {segments} {_span(sids, query, 'end_us')} LIMIT 1) "  # noqa: S608
        f"UNION ALL (SELECT 1 FROM scalar WHERE {scalars} {_span(sids, query, 't_us')} LIMIT 1)"
    ).fetchall()
    return bool(rows)


class Gathered:
    """Parts of windows: whole ones as SQL that is asked at once, the others as arrays.

    Args:
        sids: the series.
        window_us: width of a window.

    """

    def __init__(self, sids: list[int], window_us: int) -> None:
        self._among, self._window_us = among(sids), window_us
        self._key = f"t_us // {window_us} AS k"
        self._texts: list[str] = []
        self._loose: list[Samples] = []
        #: A row is a window already: grouping them takes longer than reading them.
        self._narrow = window_us == MINUTE_US

    def sum(self, relation: str, from_us: int, to_us: int) -> None:
        """Take kept summaries."""
        self._texts.append(
            f"SELECT {self._key}, {summaries.SUMS} FROM {relation} "  # noqa: S608
            f"WHERE {self._among} AND t_us >= {from_us} AND t_us < {to_us}"
        )

    def sum_hot(self, from_min: int, to_min: int) -> None:
        """Take the hot minutes, in the table's own unit; the window is of whole minutes."""
        self._texts.append(
            f"SELECT at_min // {self._window_us // MINUTE_US} AS k, {summaries.SUMS} FROM minute "  # noqa: S608
            f"WHERE {self._among} AND at_min >= {from_min} AND at_min < {to_min}"
        )

    def sample(self, cursor: Any, segments: str, scalars: str, query: SeriesQuery) -> None:
        """Take rows: whole segments by their stored sums, the others sample by sample."""
        start, end, width = query.from_us, query.to_us, self._window_us
        inside = f"t_us // {width} = end_us // {width} AND t_us >= {start} AND end_us < {end}"
        span = f"{self._among} AND t_us < {end} AND end_us >= {start}"
        self._narrow = False
        self._texts += [
            f"SELECT {self._key}, n, vsum AS s, vmin AS lo, vmax AS hi FROM {segments} "  # noqa: S608
            f"WHERE {span} AND {inside}",
            f"SELECT {self._key}, 1, value, value, value FROM {scalars} "  # noqa: S608
            f"WHERE {self._among} AND t_us < {end} AND t_us >= {start}",
        ]
        sql = f"SELECT {_FIELDS} FROM {segments} WHERE {span} AND NOT ({inside})"  # noqa: S608
        self._loose.append(_clip(_expand(cursor.sql(sql).to_arrow_table()), query))

    def windows(self, cursor: Any, source: str) -> Windows:
        """Everything that was taken, by window."""
        every = " UNION ALL ".join(self._texts)
        sums = "CAST(sum(n) AS BIGINT) AS n, sum(s) AS s, min(lo) AS lo, max(hi) AS hi"
        grouped = f"SELECT k, {sums} FROM ({every}) GROUP BY k"  # noqa: S608
        found = cursor.execute(every if self._narrow else grouped).fetchnumpy()
        names = (("k", np.int64), ("n", np.int64), ("s", float), ("lo", float), ("hi", float))
        key, n, total, low, high = (np.asarray(found[name], kind) for name, kind in names)
        parts: list[_Part] = [(key, n, total, low, high)]
        for loose in self._loose:
            ones = np.ones(len(loose.t_us), dtype=np.int64)
            parts.append((loose.t_us // self._window_us, ones, *(loose.value,) * 3))
        return _merge(parts, self._window_us, source)


def among(sids: Sequence[int]) -> str:
    """SQL: one of the series. Written out, which is read twice as fast as a list that is passed."""
    return f"sid IN ({', '.join(map(str, sids))})" if sids else "false"


def newest(cursor: Any, lake: Lake, sids: list[int]) -> list[tuple[int, int, float]]:
    """(sid, UTC µs, value) of the newest sample that the lake has of each of these series."""
    found = []
    for kind, end, value in (
        ("scalar", "t_us", "value"),
        ("event", "t_us", "value"),
        ("waveform", "end_us", 'v[-1] * scale + "offset"'),
    ):
        ends = _outer(cursor, sids, lake.parts(cursor, sids, (kind,), *ALWAYS)) if sids else []
        if ends:
            found += cursor.execute(
                f"SELECT sid, max({end}), arg_max({value}, {end}) FROM {lake.read(ends)} "  # noqa: S608
                "WHERE sid IN (SELECT unnest(?)) GROUP BY sid",
                [sids],
            ).fetchall()
    return found


def daily(cursor: Any, from_us: int, to_us: int) -> list[tuple[Any, ...]]:
    """The columns of `Daily` for the UTC days within [from, to)."""
    rows: list[tuple[Any, ...]] = cursor.execute(
        f"""
        WITH part AS ({_days(cursor)})
        SELECT pilot, metric, d, count(DISTINCT sid), CAST(sum(n) AS BIGINT), sum(s) / sum(n),
               min(lo), max(hi)
        FROM part JOIN series USING (sid) GROUP BY ALL ORDER BY d, pilot, metric
        """,  # noqa: S608
        [from_us, to_us],
    ).fetchall()
    return rows


def device_days(cursor: Any, metric: str, from_us: int, to_us: int) -> list[tuple[Any, ...]]:
    """The columns of `DeviceDay` for the UTC days within [from, to)."""
    rows: list[tuple[Any, ...]] = cursor.execute(
        f"""
        WITH part AS ({_days(cursor)} HAVING sid IN (SELECT sid FROM series WHERE metric = ?))
        SELECT device, d, CAST(sum(n) AS BIGINT), sum(s) / sum(n)
        FROM part JOIN series USING (sid) GROUP BY device, d ORDER BY device, d
        """,  # noqa: S608
        [from_us, to_us, metric],
    ).fetchall()
    return rows


def _days(cursor: Any) -> str:
    """SQL of the sums of each series by UTC day, within two parameters."""
    fresh = summaries.minutes_of(*unsummarised(cursor))
    fields = f"sid, t_us, {summaries.SUMS}"
    return f"""
        SELECT sid, t_us // {DAY_US} * {DAY_US} AS d, sum(n) AS n, sum(s) AS s,
               min(lo) AS lo, max(hi) AS hi
        FROM (
            SELECT {fields} FROM day UNION ALL
            SELECT {fields} FROM {summaries.kept()} UNION ALL
            SELECT {fields} FROM ({fresh})
        ) WHERE t_us >= ? AND t_us < ? GROUP BY sid, d
        """  # noqa: S608


def unsummarised(cursor: Any) -> tuple[str, str]:
    """The hot rows that no summary has yet."""
    return _after(summaries.mark(cursor))


def _after(mark: tuple[int, int]) -> tuple[str, str]:
    segment, scalar = mark
    return (
        f"(SELECT * FROM segment WHERE rowid > {segment})",  # noqa: S608
        f"(SELECT * FROM scalar WHERE rowid > {scalar})",  # noqa: S608
    )


def _relations(cursor: Any, lake: Lake, sids: list[int], query: SeriesQuery) -> tuple[str, str]:
    span = (query.from_us, query.to_us)
    return (
        lake.relation(cursor, "segment", SEGMENT, sids, *span),
        lake.relation(cursor, "scalar", SCALAR, sids, *span),
    )


def _column(table: Any, name: str, kind: Any) -> Any:
    return table.column(name).to_numpy(zero_copy_only=False).astype(kind)


def _expand(table: Any) -> Samples:
    if table.num_rows == 0:
        return _empty()
    n = _column(table, "n", np.int64)
    lists = table.column("v").combine_chunks()
    codes = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    starts = np.repeat(np.cumsum(n) - n, n)
    step = np.repeat(1e6 / _column(table, "rate_hz", np.float64), n)
    after = np.rint((np.arange(len(codes)) - starts) * step).astype(np.int64)
    value = codes * np.repeat(_column(table, "scale", np.float64), n)
    value += np.repeat(_column(table, "offset", np.float64), n)
    return Samples(
        np.repeat(_column(table, "t_us", np.int64), n) + after,
        value,
        np.repeat(_column(table, "quality", np.int64), n),
        np.repeat(_column(table, "seq", np.int64), n),
    )


def _points(table: Any) -> Samples:
    return Samples(
        _column(table, "t_us", np.int64),
        _column(table, "value", np.float64),
        _column(table, "quality", np.int64),
        _column(table, "seq", np.int64),
    )


def _empty() -> Samples:
    ints = np.zeros(0, dtype=np.int64)
    return Samples(ints, np.zeros(0), ints, ints)


def _join(a: Samples, b: Samples) -> Samples:
    return Samples(
        np.concatenate((a.t_us, b.t_us)),
        np.concatenate((a.value, b.value)),
        np.concatenate((a.quality, b.quality)),
        np.concatenate((a.seq, b.seq)),
    )


def _take(s: Samples, where: npt.NDArray[Any]) -> Samples:
    return Samples(s.t_us[where], s.value[where], s.quality[where], s.seq[where])


def _clip(s: Samples, query: SeriesQuery) -> Samples:
    return _take(s, (s.t_us >= query.from_us) & (s.t_us < query.to_us))


def _sorted(s: Samples) -> Samples:
    return _take(s, np.lexsort((s.seq, s.t_us)))


def _merge(parts: Sequence[_Part], window_us: int, source: str) -> Windows:
    """Windows from parts of them."""
    key, count, total, low, high = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if not len(key):
        none = np.zeros(0)
        return Windows(key, count, none, none, none, source)
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    n = np.add.reduceat(count[order], first)
    return Windows(
        key[first] * window_us,
        n,
        np.add.reduceat(total[order], first) / n,
        np.minimum.reduceat(low[order], first),
        np.maximum.reduceat(high[order], first),
        source,
    )
