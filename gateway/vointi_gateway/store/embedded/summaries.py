"""One-minute summaries: every sample is in exactly one row, whenever it came.

A pass takes in the rows that were appended since the last one. It adds rows and changes none, so
that late readings cost no more than others; readers add up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
#: Kept as the mark of a copy is: a file that is written anew renumbers its rows.
MARK = "export:summary"
#: Rows of each table that one transaction takes in: some seconds of work.
STEP = 2_000_000
#: Where the time of a row of each hot table stands, in µs.
TIME = {"segment": "t_us", "scalar": "t_us", "minute": f"at_min * {MINUTE_US}"}
#: Of a relation of minutes: n, and the sum and the extremes of its samples.
SUMS = "n, vsum AS s, coalesce(vmin, vsum) AS lo, coalesce(vmax, vsum) AS hi"


def kept(where: str = "true") -> str:
    """SQL: the hot minutes in the form of the lake's, (sid, t_us, n, vsum, vmin, vmax)."""
    return f"(SELECT sid, {TIME['minute']} AS t_us, n, vsum, vmin, vmax FROM minute WHERE {where})"  # noqa: S608


def add(con: Any, minutes: str) -> None:
    """Append a relation of minutes. The extremes of a single value are NULL: they are its sum."""
    con.execute(
        f"INSERT INTO minute SELECT sid, t_us // {MINUTE_US}, n, vsum, "  # noqa: S608
        "CASE WHEN n > 1 THEN vmin END, CASE WHEN n > 1 THEN vmax END "
        f"FROM ({minutes}) ORDER BY t_us // {DAY_US}, sid, t_us"
    )


def minutes_of(segments: str, scalars: str, where: str = "true") -> str:
    """SQL: (sid, t_us, n, vsum, vmin, vmax) by minute of the rows of two relations.

    A segment that lies in one minute is taken by its own sums, another one sample by sample, at the
    times that `queries` gives them. `where` may test `sid` and the minute `m`.
    """
    inside = f"t_us // {MINUTE_US} = end_us // {MINUTE_US}"
    return f"""
        SELECT sid, m AS t_us, CAST(sum(n) AS BIGINT) AS n, sum(s) AS vsum,
               min(lo) AS vmin, max(hi) AS vmax
        FROM (
            SELECT sid, t_us // {MINUTE_US} * {MINUTE_US} AS m, n, vsum AS s, vmin AS lo, vmax AS hi
            FROM {segments} WHERE t_us IS NOT NULL AND {inside}
            UNION ALL
            SELECT sid, t // {MINUTE_US} * {MINUTE_US}, 1, x, x, x FROM (
                SELECT sid, v * scale + "offset" AS x,
                       t_us + CAST(round_even((i - 1) * (1e6 / rate_hz), 0) AS BIGINT) AS t
                FROM (
                    SELECT sid, t_us, rate_hz, scale, "offset", unnest(v) AS v,
                           generate_subscripts(v, 1) AS i
                    FROM {segments} WHERE t_us IS NOT NULL AND NOT ({inside})
                )
            )
            UNION ALL
            SELECT sid, t_us // {MINUTE_US} * {MINUTE_US}, 1, value, value, value
            FROM {scalars} WHERE t_us IS NOT NULL
        ) WHERE {where} GROUP BY sid, m
    """  # noqa: S608 - the relations are ours


def mark(cursor: Any) -> tuple[int, int]:
    """The last rows of `segment` and `scalar` that are summarised."""
    rows = cursor.execute(f"SELECT value FROM meta WHERE key = '{MARK}'").fetchall()  # noqa: S608
    if not rows:
        return -1, -1
    segment, scalar = json.loads(rows[0][0])
    return int(segment), int(scalar)


def take_in(cursor: Any) -> int:
    """Summarise the next rows in a transaction of its own; how many there were."""
    cursor.begin()
    (a, b), (c, d) = _next(cursor)
    if (a, b) == (c, d):
        cursor.rollback()
        return 0
    segments = f"(SELECT * FROM segment WHERE rowid > {a} AND rowid <= {c})"  # noqa: S608
    scalars = f"(SELECT * FROM scalar WHERE rowid > {b} AND rowid <= {d})"  # noqa: S608
    add(cursor, minutes_of(segments, scalars))
    cursor.execute("DELETE FROM meta WHERE key = ?", [MARK])
    cursor.execute("INSERT INTO meta VALUES (?, ?)", [MARK, json.dumps([c, d])])
    cursor.commit()
    return c - a + d - b


def _next(cursor: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """The mark, and the one after this pass."""
    before = mark(cursor)
    last = cursor.execute(
        "SELECT (SELECT coalesce(max(rowid), -1) FROM segment), "
        "(SELECT coalesce(max(rowid), -1) FROM scalar)"
    ).fetchall()[0]
    after = [max(a, min(a + STEP, int(b))) for a, b in zip(before, last, strict=True)]
    return before, (after[0], after[1])


def add_placed(con: Any, boot: int, offset_us: int, sids: Sequence[int]) -> None:
    """Summarise rows that get their time now, of those that a pass went by.

    Called before they get it, in the same transaction.
    """
    segment, scalar = mark(con)
    among = ", ".join(map(str, sids))
    mine = f"boot = {boot} AND t_us IS NULL AND sid IN ({among})"
    at = f"mono_us + {offset_us}"
    end = f"{at} + CAST(round((n - 1) * 1e6 / rate_hz) AS BIGINT)"
    segments = (
        f"(SELECT * REPLACE ({at} AS t_us, {end} AS end_us) FROM segment "  # noqa: S608
        f"WHERE {mine} AND rowid <= {segment})"
    )
    scalars = (
        f"(SELECT * REPLACE ({at} AS t_us) FROM scalar "  # noqa: S608
        f"WHERE {mine} AND rowid <= {scalar})"
    )
    add(con, minutes_of(segments, scalars))


def merge(con: Any) -> None:
    """One row a minute, by day and series: what a question about one of them reads is together."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE merged AS SELECT sid, t_us, CAST(sum(n) AS BIGINT) AS n, "  # noqa: S608
        f"sum(s) AS vsum, min(lo) AS vmin, max(hi) AS vmax FROM (SELECT sid, t_us, {SUMS} "
        f"FROM {kept()}) GROUP BY sid, t_us"
    )
    con.execute("DELETE FROM minute")
    add(con, "FROM merged")
    con.execute("DROP TABLE merged")
