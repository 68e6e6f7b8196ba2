"""Removing what is too old: hot rows, files of the lake, summaries, what has no time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model import Expired, Limit
from .archive import EVENTS
from .lake import Lake, Part
from .summaries import DAY_US, TIME

#: The hot table of each class; summaries are in two.
_TABLES = {"waveform": "segment", "scalar": "scalar", "event": "scalar"}


def note_undated(con: Any, now_us: int) -> None:
    """Remember when readings without a time were first met; forget those that got one."""
    missing = " UNION ".join(
        f"SELECT sid, boot FROM {table} WHERE t_us IS NULL"  # noqa: S608
        for table in ("segment", "scalar")
    )
    con.execute(f"DELETE FROM undated WHERE (sid, boot) NOT IN ({missing})")  # noqa: S608
    con.execute(
        f"INSERT INTO undated SELECT sid, boot, ? FROM ({missing}) "  # noqa: S608
        "WHERE (sid, boot) NOT IN (SELECT (sid, boot) FROM undated)",
        [now_us],
    )


def expire(con: Any, lake: Lake, limit: Limit) -> tuple[Expired, int]:
    """Remove in the caller's transaction; files go at the next sweep.

    What was removed, and how many rows of it from the file itself.
    """
    gone = dict.fromkeys((*_TABLES, "summary"), 0)
    hot = 0
    for kind, table in _TABLES.items():
        sids = _sids(con, limit.pilot, kind)
        before = getattr(limit, f"{kind}_us")
        rows = _delete(con, table, sids, before) + _delete_undated(con, table, sids, before)
        hot += rows
        gone[kind] += rows + _drop_files(con, lake, limit.pilot, kind, before)
    sids = [sid for kind in _TABLES for sid in _sids(con, limit.pilot, kind)]
    rows = _delete(con, "minute", sids, limit.summary_us)
    gone["summary"] = rows + _drop_files(con, lake, limit.pilot, "minute", limit.summary_us)
    # The file is written anew when days are moved: the bytes of a few sums may wait for that.
    _delete(con, "day", sids, limit.summary_us)
    quarantined = con.execute(
        "DELETE FROM quarantine WHERE received_us < ? AND edge IN (SELECT unnest(?))",
        [limit.scalar_us, list(limit.edges)],
    ).fetchall()[0][0]
    return Expired(**gone, quarantined=int(quarantined)), hot + rows + int(quarantined)


def _sids(con: Any, pilot: str, kind: str) -> list[int]:
    """Series of a class. A waveform's irregular readings are scalars, so it counts as both."""
    rows = con.execute("SELECT sid, metric FROM series WHERE pilot = ?", [pilot]).fetchall()
    return [sid for sid, metric in rows if (metric in EVENTS) == (kind == "event")]


def _delete(con: Any, table: str, sids: Sequence[int], before_us: int) -> int:
    at = TIME.get(table, "t_us")
    sql = f"DELETE FROM {table} WHERE {at} < ? AND sid IN (SELECT unnest(?))"  # noqa: S608
    return int(con.execute(sql, [before_us, list(sids)]).fetchall()[0][0])


def _delete_undated(con: Any, table: str, sids: Sequence[int], before_us: int) -> int:
    sql = (
        f"DELETE FROM {table} WHERE t_us IS NULL AND sid IN (SELECT unnest(?)) AND "  # noqa: S608
        "(sid, boot) IN (SELECT (sid, boot) FROM undated WHERE seen_us < ?)"
    )
    return int(con.execute(sql, [list(sids), before_us]).fetchall()[0][0])


def _drop_files(con: Any, lake: Lake, pilot: str, kind: str, before_us: int) -> int:
    rows = con.execute(
        "SELECT * FROM lake_file WHERE pilot = ? AND kind = ? AND day_us + ? <= ?",
        [pilot, kind, DAY_US, before_us],
    ).fetchall()
    parts = [Part(*row) for row in rows]
    lake.admit(con, (), instead_of=parts)
    return sum(part.n for part in parts)
