"""Spans of samples out of the database, and their summaries by window."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..model import Floats, Int64s, Samples, SeriesQuery, Windows
from .connection import Link, Rows

_SEGMENTS = "sid = ANY(CAST(:sids AS integer[])) AND t_us < :to AND end_us >= :from"
_SCALARS = "sid = ANY(CAST(:sids AS integer[])) AND t_us < :to AND t_us >= :from"


def count_samples(link: Link, sids: list[int], query: SeriesQuery) -> int:
    """Samples in the span, whole segments counted."""
    span: dict[str, Any] = {"sids": sids, "from": query.from_us, "to": query.to_us}
    waves = link.run(f"SELECT coalesce(sum(n), 0) FROM segment WHERE {_SEGMENTS}", **span)  # noqa: S608
    points = link.run(f"SELECT count(*) FROM scalar WHERE {_SCALARS}", **span)  # noqa: S608
    return int(waves[0][0]) + int(points[0][0])


def samples(link: Link, sids: list[int], query: SeriesQuery) -> Samples:
    """Every sample in the span, by time, then sequence."""
    span: dict[str, Any] = {"sids": sids, "from": query.from_us, "to": query.to_us}
    fields = 't_us, rate_hz, quality, seq, scale, "offset", v'
    waves = link.run(f"SELECT {fields} FROM segment WHERE {_SEGMENTS}", **span)  # noqa: S608
    fields = "t_us, value, quality, seq"
    points = link.run(f"SELECT {fields} FROM scalar WHERE {_SCALARS}", **span)  # noqa: S608
    parts = [_expand(row) for row in waves]
    if points:
        parts.append(_points(points))
    return _sorted(parts, query)


def windows(found: Samples, window_us: int) -> Windows:
    """Summaries of sorted samples by window."""
    key = found.t_us // window_us
    if not len(key):
        none = np.zeros(0)
        return Windows(key, key, none, none, none)
    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    n: Int64s = np.diff(np.append(first, len(key)))
    return Windows(
        key[first] * window_us,
        n,
        np.add.reduceat(found.value, first) / n,
        np.minimum.reduceat(found.value, first),
        np.maximum.reduceat(found.value, first),
    )


def _expand(row: list[Any]) -> Samples:
    t_us, rate_hz, quality, seq, scale, offset, data = row
    codes: Floats = np.frombuffer(data, "<i4").astype(np.float64)
    after: Int64s = np.rint(np.arange(len(codes)) * (1e6 / rate_hz)).astype(np.int64)
    n = len(codes)
    return Samples(
        t_us + after,
        codes * scale + offset,
        np.full(n, quality, np.int64),
        np.full(n, seq, np.int64),
    )


def _points(rows: Rows) -> Samples:
    t_us, value, quality, seq = zip(*rows, strict=True)
    return Samples(
        np.array(t_us, np.int64),
        np.array(value, np.float64),
        np.array(quality, np.int64),
        np.array(seq, np.int64),
    )


def _sorted(parts: list[Samples], query: SeriesQuery) -> Samples:
    ints = np.zeros(0, np.int64)
    every = [Samples(ints, np.zeros(0), ints, ints), *parts]
    t_us = np.concatenate([p.t_us for p in every])
    seq = np.concatenate([p.seq for p in every])
    order = np.lexsort((seq, t_us))
    order = order[(t_us[order] >= query.from_us) & (t_us[order] < query.to_us)]
    value = np.concatenate([p.value for p in every])
    quality = np.concatenate([p.quality for p in every])
    return Samples(t_us[order], value[order], quality[order], seq[order])
