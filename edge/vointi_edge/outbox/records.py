"""What the outbox file keeps beside readings: clock anchors of its boots, and a journal."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from vointi_contract.frame import ClockState
from vointi_contract.status import ClockAnchor

# A year of a clock that jumps daily; older entries go.
_JOURNAL_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """Something that happened to the edge itself; `detail` holds no value and no name."""

    boot: int
    mono_us: int
    wall_us: int | None
    kind: str
    detail: str


def save_anchor(database: sqlite3.Connection, anchor: ClockAnchor) -> None:
    """Keep the newest anchor of its boot."""
    row = (
        anchor.boot,
        anchor.mono_us,
        anchor.wall_us,
        anchor.uncertainty_us,
        int(anchor.clock),
        anchor.jump_us,
    )
    with database:
        database.execute("INSERT OR REPLACE INTO anchor VALUES (?, ?, ?, ?, ?, ?)", row)


def kept_anchors(database: sqlite3.Connection, boot: int) -> list[ClockAnchor]:
    """Anchors of this boot and of every boot that readings are still kept of; others go."""
    with database:
        database.execute(
            "DELETE FROM anchor WHERE boot <> ? AND boot NOT IN (SELECT DISTINCT boot FROM frame)",
            (boot,),
        )
    rows = database.execute(
        "SELECT boot, mono_us, wall_us, uncertainty_us, clock, jump_us FROM anchor ORDER BY boot"
    )
    return [ClockAnchor(b, m, w, u, ClockState(clock), jump) for b, m, w, u, clock, jump in rows]


def write_journal(database: sqlite3.Connection, entry: JournalEntry) -> None:
    """Add an entry, and let the oldest go."""
    with database:
        database.execute(
            "INSERT INTO journal (boot, mono_us, wall_us, kind, detail) VALUES (?, ?, ?, ?, ?)",
            (entry.boot, entry.mono_us, entry.wall_us, entry.kind, entry.detail),
        )
        database.execute(
            "DELETE FROM journal WHERE id <= (SELECT MAX(id) FROM journal) - ?", (_JOURNAL_ROWS,)
        )


def read_journal(database: sqlite3.Connection, limit: int = 50) -> list[JournalEntry]:
    """The newest entries, oldest first."""
    rows = database.execute(
        "SELECT boot, mono_us, wall_us, kind, detail FROM journal ORDER BY id DESC LIMIT ?",
        (limit,),
    ).fetchall()
    return [JournalEntry(*row) for row in reversed(rows)]
