"""Moving days that are over from the hot tables into the lake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vointi_contract.metrics import METRICS, Kind

from ...errors import StoreError
from . import summaries
from .lake import KINDS, Lake, Part
from .summaries import DAY_US, SUMS, TIME

EVENTS = tuple(metric.name for metric in METRICS if metric.kind is Kind.EVENT)


@dataclass(frozen=True, slots=True)
class Move:
    """Files that hold what the rows of each table up to `upto` say of days before `before_us`."""

    before_us: int
    upto: dict[str, int]
    parts: tuple[Part, ...]


def prepare(cursor: Any, lake: Lake, before_us: int) -> Move:
    """Write the files; the hot rows stay. Everything must be summarised. Any one thread."""
    cursor.begin()
    segment, scalar = summaries.mark(cursor)
    minute = cursor.execute("SELECT coalesce(max(rowid), -1) FROM minute").fetchall()[0][0]
    upto = {"segment": segment, "scalar": scalar, "minute": int(minute)}
    days = _days(cursor, before_us, upto)
    cursor.rollback()
    parts = []
    for table, pilot, day_us in days:
        for kind in KINDS[table]:
            sql = _select(table, kind, pilot, day_us, upto[table])
            part = lake.write(cursor, sql, kind, pilot, day_us)
            if part is not None:
                parts.append(part)
    return Move(before_us, upto, tuple(parts))


def carry_out(con: Any, lake: Lake, move: Move) -> None:
    """In the caller's transaction: list the files, drop their rows. Raises StoreError.

    What came since the files were written has a later row number and stays.
    """
    for table, upto in move.upto.items():
        gone = con.execute(
            f"DELETE FROM {table} WHERE {TIME[table]} < ? AND rowid <= ?",  # noqa: S608
            [move.before_us, upto],
        ).fetchall()[0][0]
        written = sum(part.n for part in move.parts if part.kind in KINDS[table])
        if gone != written:
            raise StoreError(f"lake: {table} changed in {gone - written} rows; it is tried again")
    lake.admit(con, move.parts)
    for part in move.parts:
        if part.kind == "minute":
            add_days(con, lake.read([part.path]))


def add_days(con: Any, minutes: str, where: str = "true") -> None:
    """Add the days' sums of a relation of minutes."""
    con.execute(
        "INSERT INTO day SELECT sid, d, sum(n), sum(s), min(lo), max(hi) FROM ("  # noqa: S608
        f"SELECT sid, t_us // {DAY_US} * {DAY_US} AS d, {SUMS} FROM {minutes} WHERE {where}) "
        "GROUP BY sid, d ORDER BY d, sid"
    )


def _days(cursor: Any, before_us: int, upto: dict[str, int]) -> Iterator[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    for table, last in upto.items():
        rows = cursor.execute(
            f"SELECT pilot, d FROM (SELECT sid, {TIME[table]} // {DAY_US} * {DAY_US} AS d "  # noqa: S608
            f"FROM {table} WHERE {TIME[table]} < ? AND rowid <= ? GROUP BY ALL) "
            "JOIN series USING (sid) "
            "GROUP BY ALL ORDER BY ALL",
            [before_us, last],
        ).fetchall()
        found += [(table, pilot, int(day_us)) for pilot, day_us in rows]
    return iter(found)


def _select(table: str, kind: str, pilot: str, day_us: int, upto: int) -> str:
    """The rows of one file. `pilot` is an id of the contract: nothing to quote."""
    names = ", ".join(f"'{name}'" for name in EVENTS)
    which = {"scalar": f"metric NOT IN ({names})", "event": f"metric IN ({names})"}.get(
        kind, "true"
    )
    kept = f"rowid <= {upto}"
    rows = summaries.kept(kept) if table == "minute" else f"(SELECT * FROM {table} WHERE {kept})"  # noqa: S608
    return (
        f"SELECT device, stream, metric, x.* FROM {rows} x JOIN series USING (sid) "  # noqa: S608
        f"WHERE pilot = '{pilot}' AND {which} AND t_us >= {day_us} AND t_us < {day_us + DAY_US}"
    )
