"""Looking for what is wrong with the store's summaries and its lake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb

from ..model import Check
from . import summaries
from .lake import Lake, Part, date_of

#: A pass takes in what came within a minute; a day's worth of one pilot says that none ran.
_BEHIND = 5_000_000


def examine(cursor: Any, lake: Lake) -> Iterator[Check]:
    """Every check."""
    yield _behind(cursor)
    yield _hot(cursor)
    faults = [fault for part in lake.listed(cursor) if (fault := _fault(cursor, lake, part))]
    yield from (Check("lake", False, f"{fault}; restore a backup") for fault in faults)
    known = {part.path for part in lake.listed(cursor)}
    for name in lake.present():
        if name not in known:
            yield Check("lake", False, f"{name} is not listed and not asked; remove it")
    if not faults:
        n, size = cursor.execute(
            "SELECT count(*), coalesce(sum(bytes), 0) FROM lake_file"
        ).fetchall()[0]
        yield Check("lake", True, f"{n} files, {size / 2**20:.1f} MiB, whole")
    yield _sums(cursor, lake)


def _behind(cursor: Any) -> Check:
    segment, scalar = summaries.mark(cursor)
    rows = cursor.execute(
        "SELECT (SELECT count(*) FROM segment WHERE rowid > ?) + "
        "(SELECT count(*) FROM scalar WHERE rowid > ?)",
        [segment, scalar],
    ).fetchall()[0][0]
    say = f"{rows} rows are not summarised yet"
    return Check("summaries", rows < _BEHIND, say if rows < _BEHIND else f"{say}; see the log")


def _hot(cursor: Any) -> Check:
    rows = cursor.execute(
        "SELECT min(t) FROM (SELECT min(t_us) AS t FROM segment UNION ALL "
        "SELECT min(t_us) FROM scalar)"
    ).fetchall()
    oldest = rows[0][0]
    return Check("hot days", True, "none" if oldest is None else f"since {date_of(int(oldest))}")


def _fault(cursor: Any, lake: Lake, part: Part) -> str | None:
    path = lake.folder / part.path
    if not path.is_file():
        return f"{part.path} is missing"
    if path.stat().st_size != part.bytes:
        return f"{part.path} has {path.stat().st_size} bytes and should have {part.bytes}"
    try:
        sql = f"SELECT count(*) FROM {lake.read([part.path])}"  # noqa: S608
        rows = cursor.execute(sql).fetchall()[0][0]
    except duckdb.Error:
        return f"{part.path} cannot be read"
    return None if rows == part.n else f"{part.path} has {rows} rows and should have {part.n}"


def _sums(cursor: Any, lake: Lake) -> Check:
    """Days say what their minutes say."""
    paths = [part.path for part in lake.listed(cursor) if part.kind == "minute"]
    days = cursor.execute("SELECT coalesce(sum(n), 0) FROM day").fetchall()[0][0]
    minutes = 0
    if paths:
        try:
            sql = f"SELECT coalesce(sum(n), 0) FROM {lake.read(paths)}"  # noqa: S608
            minutes = cursor.execute(sql).fetchall()[0][0]
        except duckdb.Error:
            return Check("days", False, "minutes of the lake cannot be read; restore a backup")
    say = f"{int(days)} samples in days, {int(minutes)} in the lake's minutes"
    return Check("days", days == minutes, say if days == minutes else f"{say}; restore a backup")
