"""Giving readings up: counters, named losses, the cap, and what a withdrawal takes away."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

#: Which class goes first when the file is full; what the edge itself made of waveforms goes last.
LET_GO: Final = ("waveform", "scalar", "event", "summary")
FULL: Final = "outbox full"
UNREADABLE: Final = "unreadable"
WITHDRAWN: Final = "withdrawn"

# Deleting a little more than needed keeps the cap from being worked on at every commit.
_TRIM_TO: Final = 0.95
_TRIM_ROWS: Final = 256

_ISLANDS: Final = """
    SELECT device, boot, MIN(seq), MAX(seq), SUM(size) FROM (
        SELECT device, boot, seq, LENGTH(payload) AS size,
               seq - ROW_NUMBER() OVER (PARTITION BY device, boot ORDER BY seq) AS island
        FROM frame WHERE device = ? AND stream = ? AND class = ?
    ) GROUP BY device, boot, island ORDER BY device, boot, MIN(seq)
"""


def count(database: sqlite3.Connection, **changes: int) -> None:
    """Add to counters: accepted, committed, lost, bytes."""
    sums = ", ".join(f"{name} = {name} + ?" for name in changes)
    database.execute(f"UPDATE counter SET {sums}", tuple(changes.values()))  # noqa: S608


def note_loss(
    database: sqlite3.Connection, device: str, boot: int, span: tuple[int, int], reason: str
) -> None:
    """Name and count readings that nobody will get; neighbours share one entry."""
    first, last = span
    longer = database.execute(
        "UPDATE loss SET last_seq = ?"
        " WHERE device = ? AND boot = ? AND last_seq = ? AND reason = ?",
        (last, device, boot, first - 1, reason),
    ).rowcount
    if not longer:
        database.execute(
            "INSERT INTO loss VALUES (?, ?, ?, ?, ?)", (device, boot, first, last, reason)
        )
    count(database, lost=last - first + 1)


def trim(database: sqlite3.Connection, max_bytes: int) -> None:
    """Give up the oldest waveforms, then scalars, events and summaries, until the cap is kept."""
    (size,) = database.execute("SELECT bytes FROM counter").fetchone()
    if size <= max_bytes:
        return
    goal = round(max_bytes * _TRIM_TO)
    for class_ in LET_GO:
        while size > goal:
            freed = _give_up_oldest(database, class_, size - goal)
            if not freed:
                break
            size -= freed


def give_up(database: sqlite3.Connection, row_id: int, reason: str) -> int:
    """Delete one row as a named loss; return the bytes freed."""
    device, boot, seq, size = database.execute(
        "SELECT device, boot, seq, LENGTH(payload) FROM frame WHERE id = ?", (row_id,)
    ).fetchone()
    database.execute("DELETE FROM frame WHERE id = ?", (row_id,))
    note_loss(database, device, boot, (seq, seq), reason)
    count(database, bytes=-size)
    return int(size)


def erase(database: sqlite3.Connection, keep: Callable[[str, str, str], bool]) -> int:
    """Delete every row whose (device, stream, class) is not to be kept; return how many."""
    kinds = database.execute("SELECT DISTINCT device, stream, class FROM frame").fetchall()
    erased = 0
    for kind in kinds:
        if keep(*kind):
            continue
        for device, boot, first, last, size in database.execute(_ISLANDS, kind).fetchall():
            note_loss(database, device, boot, (first, last), WITHDRAWN)
            count(database, bytes=-size)
            erased += last - first + 1
        database.execute("DELETE FROM frame WHERE device = ? AND stream = ? AND class = ?", kind)
    return erased


def _give_up_oldest(database: sqlite3.Connection, class_: str, wanted: int) -> int:
    """Delete some of the oldest rows, at most about `wanted` bytes; return the bytes freed."""
    freed = 0
    query = "SELECT id FROM frame WHERE class = ? ORDER BY id LIMIT ?"
    for (row_id,) in database.execute(query, (class_, _TRIM_ROWS)).fetchall():
        if freed >= wanted:
            break
        freed += give_up(database, row_id, FULL)
    return freed
