"""Questions to the file: spans of samples, and their summaries by window."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..model import Floats, Int64s, Samples, SeriesQuery, Windows

_SPAN = "sid IN (SELECT unnest(?)) AND t_us < ? AND end_us >= ?"
_POINTS = "sid IN (SELECT unnest(?)) AND t_us < ? AND t_us >= ?"
_FIELDS = 't_us, rate_hz, n, quality, seq, scale, "offset", v'


def series(cursor: Any, device: str) -> tuple[tuple[str, str, int, int], ...]:
    """(stream, metric, first, last UTC µs) of every series of a device."""
    rows = cursor.execute(
        "SELECT stream, metric, min(x.a), max(x.b) FROM series JOIN ("
        "SELECT sid, t_us AS a, t_us AS b FROM scalar UNION ALL "
        "SELECT sid, t_us, end_us FROM segment) x USING (sid) "
        "WHERE device = ? AND x.a IS NOT NULL GROUP BY ALL ORDER BY stream, metric",
        [device],
    ).fetchall()
    return tuple((stream, metric, int(a), int(b)) for stream, metric, a, b in rows)


def count_samples(cursor: Any, sids: list[int], query: SeriesQuery) -> int:
    """Samples in the span, whole segments counted."""
    span = [sids, query.to_us, query.from_us]
    waves = cursor.execute(f"SELECT coalesce(sum(n), 0) FROM segment WHERE {_SPAN}", span)  # noqa: S608
    total = int(waves.fetchall()[0][0])
    points = cursor.execute(f"SELECT count(*) FROM scalar WHERE {_POINTS}", span)  # noqa: S608
    return total + int(points.fetchall()[0][0])


def samples(cursor: Any, sids: list[int], query: SeriesQuery) -> Samples:
    """Every sample in the span, by time, then sequence."""
    span = [sids, query.to_us, query.from_us]
    sql = f"SELECT {_FIELDS} FROM segment WHERE {_SPAN}"  # noqa: S608
    waves = _expand(cursor.sql(sql, params=span).to_arrow_table())
    sql = f"SELECT t_us, value, quality, seq FROM scalar WHERE {_POINTS}"  # noqa: S608
    points = _points(cursor.sql(sql, params=span).to_arrow_table())
    return _sorted(_clip(_join(waves, points), query))


def windows(cursor: Any, sids: list[int], query: SeriesQuery, window_us: int) -> Windows:
    """Summaries by window: whole segments by their stored sums, the others sample by sample."""
    inside = f"t_us // {window_us} = end_us // {window_us} AND t_us >= ? AND end_us < ?"
    span = [sids, query.to_us, query.from_us]
    ends = [query.from_us, query.to_us]
    sql = f"SELECT {_FIELDS} FROM segment WHERE {_SPAN} AND NOT ({inside})"  # noqa: S608
    parts = _expand(cursor.sql(sql, params=span + ends).to_arrow_table())
    sql = f"SELECT t_us, value, quality, seq FROM scalar WHERE {_POINTS}"  # noqa: S608
    points = _points(cursor.sql(sql, params=span).to_arrow_table())
    loose = _clip(_join(parts, points), query)
    sql = (
        f"SELECT t_us // {window_us} AS k, sum(n) AS n, sum(vsum) AS s, min(vmin) AS lo, "  # noqa: S608
        f"max(vmax) AS hi FROM segment WHERE {_SPAN} AND {inside} GROUP BY k"
    )
    whole = cursor.sql(sql, params=span + ends).to_arrow_table()
    return _merge(whole, loose, window_us)


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


def _merge(whole: Any, loose: Samples, window_us: int) -> Windows:
    ones = np.ones(len(loose.t_us), dtype=np.int64)
    key: Int64s = np.concatenate((_column(whole, "k", np.int64), loose.t_us // window_us))
    count: Int64s = np.concatenate((_column(whole, "n", np.int64), ones))
    total: Floats = np.concatenate((_column(whole, "s", np.float64), loose.value))
    low: Floats = np.concatenate((_column(whole, "lo", np.float64), loose.value))
    high: Floats = np.concatenate((_column(whole, "hi", np.float64), loose.value))
    if not len(key):
        none = np.zeros(0)
        return Windows(key, count, none, none, none)
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
    )
