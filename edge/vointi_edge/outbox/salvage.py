"""A damaged outbox: what can still be read moves into the new file, the rest becomes a named loss.

The loss names every sequence number that was given out and is not salvaged. Some of those are
stored at the gateway already; it counts a number once, and stored wins. How many are really gone is
known from the counters, of the file itself or of the mark beside it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vointi_edge.files import read_if_there, write_atomically
from vointi_edge.outbox.room import count, note_loss

log = logging.getLogger(__name__)

DAMAGED: Final = "file damaged"
_COLUMNS: Final = "id, device, boot, seq, class, payload, stream, key"
_TYPES: Final = (int, str, int, int, str, bytes, str, str)


@dataclass(frozen=True, slots=True)
class Mark:
    """Counters and last sequence numbers, as (device, boot, last)."""

    accepted: int
    committed: int
    lost: int
    sequences: tuple[tuple[str, int, int], ...]


def read_mark(database: sqlite3.Connection) -> Mark:
    """The mark of an open outbox."""
    accepted, committed, lost = database.execute(
        "SELECT accepted, committed, lost FROM counter"
    ).fetchone()
    sequences = database.execute("SELECT device, boot, last FROM sequence").fetchall()
    return Mark(accepted, committed, lost, tuple(sequences))


def save_mark(database: sqlite3.Connection, path: Path) -> None:
    """Write the mark beside the outbox file. Raises OSError."""
    mark = read_mark(database)
    content = {
        "accepted": mark.accepted,
        "committed": mark.committed,
        "lost": mark.lost,
        "sequences": mark.sequences,
    }
    write_atomically(_beside(path), json.dumps(content).encode())


def salvage(aside: Path, path: Path, new: sqlite3.Connection) -> None:
    """Carry over from the damaged file `aside` into the outbox just made at `path`."""
    old = sqlite3.connect(aside)
    try:
        mark = _best_mark(old, path)
        with new:
            saved = _copy_rows(old, new)
            gone = _account(new, mark, saved)
    finally:
        old.close()
    log.warning("outbox: %d readings saved from the damaged file, %d are lost", saved, gone)


def _best_mark(old: sqlite3.Connection, path: Path) -> Mark:
    with contextlib.suppress(sqlite3.Error, TypeError):
        return read_mark(old)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(read_if_there(_beside(path)) or b"")
        rows = tuple((str(d), int(b), int(n)) for d, b, n in found["sequences"])
        return Mark(found["accepted"], found["committed"], found["lost"], rows)
    return Mark(0, 0, 0, ())


def _copy_rows(old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    saved = 0
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in _sound(old, order):
                saved += new.execute(
                    f"INSERT OR IGNORE INTO frame ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                    row,
                ).rowcount
    size = new.execute("SELECT COALESCE(SUM(LENGTH(payload)), 0) FROM frame").fetchone()[0]
    count(new, bytes=size)
    return saved


def _sound(old: sqlite3.Connection, order: str) -> Iterator[tuple[object, ...]]:
    for row in old.execute(f"SELECT {_COLUMNS} FROM frame ORDER BY id {order}"):  # noqa: S608
        if all(isinstance(value, kind) for value, kind in zip(row, _TYPES, strict=True)):
            yield row


def _account(new: sqlite3.Connection, mark: Mark, saved: int) -> int:
    """Set counters and losses; return how many readings are gone."""
    gone = max(0, mark.accepted - mark.committed - mark.lost - saved)
    for device, boot, last in mark.sequences:
        for span in _missing(new, device, boot, last):
            note_loss(new, device, boot, span, DAMAGED)
    new.execute(
        "UPDATE counter SET accepted = ?, committed = ?, lost = ?",
        (mark.committed + mark.lost + gone + saved, mark.committed, mark.lost + gone),
    )
    new.executemany("INSERT OR REPLACE INTO sequence VALUES (?, ?, ?)", mark.sequences)
    return gone


def _missing(
    new: sqlite3.Connection, device: str, boot: int, last: int
) -> Iterator[tuple[int, int]]:
    """Ranges of 1 … last that no row of the new file holds."""
    query = "SELECT seq FROM frame WHERE device = ? AND boot = ? ORDER BY seq"
    expected = 1
    for (seq,) in [*new.execute(query, (device, boot)).fetchall(), (last + 1,)]:
        if seq > expected:
            yield expected, seq - 1
        expected = seq + 1


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".mark")
