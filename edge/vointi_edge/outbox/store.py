"""The outbox as plain functions on one SQLite file; one thread owns it (see writer.py)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vointi_contract.ack import Watermark
from vointi_contract.frame import Loss
from vointi_contract.status import OutboxCounts

from vointi_edge.outbox.database import boot_id, open_database

Encode = Callable[[int, int], bytes]

# Deleting a little more than needed keeps the cap from being worked on at every commit.
_TRIM_TO = 0.95
_TRIM_ROWS = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to keep: `encode(boot, seq)` gives the payload.

    `class_` decides what goes first when the file is full: "waveform" before the rest.
    """

    device: str
    class_: str
    encode: Encode


@dataclass(frozen=True, slots=True)
class Row:
    """One kept frame: `id` orders rows in time, the payload is what goes over the wire."""

    id: int
    device: str
    boot: int
    seq: int
    payload: bytes


class OutboxStore:
    """Sequence numbers, rows and counters, changed together or not at all."""

    def __init__(self, path: Path, kernel_boot: str, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._database = open_database(path)
        self.boot = boot_id(self._database, kernel_boot)
        self._last = self._load_sequences()

    def append(self, entries: Sequence[Entry], refused: dict[str, int] | None = None) -> list[Row]:
        """Keep entries durably and return their rows; durable when this returns.

        `refused` counts, by device, readings that found no room before this call: they get
        sequence numbers and a loss, so that nobody takes them for something still under way.
        An entry whose encode raises must be left out by the caller (nothing is kept then).
        """
        last = dict(self._last)
        rows: list[Row] = []
        with self._database as database:
            for entry in entries:
                seq = last.get(entry.device, 0) + 1
                payload = entry.encode(self.boot, seq)
                last[entry.device] = seq
                rows.append(self._insert(database, entry, seq, payload))
            for device, count in (refused or {}).items():
                first = last.get(device, 0) + 1
                last[device] = first + count - 1
                self._note_loss(database, device, self.boot, (first, last[device]), "no room")
                self._count(database, accepted=count)
            self._save_sequences(database, last)
            self._count(database, accepted=len(rows), bytes=sum(len(row.payload) for row in rows))
            self._trim(database)
        self._last = last
        return rows

    def commit(self, marks: Iterable[Watermark]) -> int:
        """Delete what the gateway holds and return how many rows that were."""
        deleted = 0
        with self._database as database:
            for mark in marks:
                if mark.boot >= 2**63:
                    continue  # not ours: our boot ids fit SQLite's signed integers
                for first, last in _covered(mark):
                    deleted += self._delete(database, mark, first, last)
            if deleted:
                self._count(database, committed=deleted)
        return deleted

    def read(self, after: int, upto: int, max_bytes: int) -> list[Row]:
        """Return rows with after < id ≤ upto, oldest first, ≤ max_bytes (but at least one)."""
        rows: list[Row] = []
        size = 0
        for found in self._database.execute(
            "SELECT id, device, boot, seq, payload FROM frame WHERE id > ? AND id <= ? ORDER BY id",
            (after, upto),
        ):
            row = Row(*found)
            size += len(row.payload)
            if rows and size > max_bytes:
                break
            rows.append(row)
        return rows

    def gap(self, marks: Iterable[Watermark]) -> tuple[int, int] | None:
        """Return the first and last id of the rows that lie in the marks' gaps (None: no row)."""
        ids: list[int] = []
        for mark in marks:
            if mark.boot >= 2**63:
                continue
            for first, last in mark.gaps:
                found = self._database.execute(
                    "SELECT MIN(id), MAX(id) FROM frame"
                    " WHERE device = ? AND boot = ? AND seq BETWEEN ? AND ?",
                    (mark.device, mark.boot, first, last),
                ).fetchone()
                ids += [number for number in found if number is not None]
        return (min(ids), max(ids)) if ids else None

    def losses(self) -> list[Loss]:
        """Return the losses that the gateway has not confirmed."""
        return [
            Loss(*row)
            for row in self._database.execute(
                "SELECT device, boot, first_seq, last_seq, reason FROM loss ORDER BY 1, 2, 3"
            )
        ]

    def newest(self) -> int:
        """Return the id of the newest row that was ever kept (0: none)."""
        row = self._database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'frame'")
        return int((row.fetchone() or (0,))[0])

    def counts(self) -> OutboxCounts:
        """Return the four counters without counting rows: accepted = pending + committed + lost."""
        accepted, committed, lost = self._database.execute(
            "SELECT accepted, committed, lost FROM counter"
        ).fetchone()
        return OutboxCounts(accepted, accepted - committed - lost, committed, lost)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _load_sequences(self) -> dict[str, int]:
        return dict(
            self._database.execute("SELECT device, last FROM sequence WHERE boot = ?", (self.boot,))
        )

    def _save_sequences(self, database: sqlite3.Connection, last: dict[str, int]) -> None:
        changed = [(d, self.boot, n) for d, n in last.items() if self._last.get(d) != n]
        database.executemany(
            "INSERT INTO sequence VALUES (?, ?, ?)"
            " ON CONFLICT (device, boot) DO UPDATE SET last = excluded.last",
            changed,
        )

    def _insert(self, database: sqlite3.Connection, entry: Entry, seq: int, payload: bytes) -> Row:
        cursor = database.execute(
            "INSERT INTO frame (device, boot, seq, class, payload) VALUES (?, ?, ?, ?, ?)",
            (entry.device, self.boot, seq, entry.class_, payload),
        )
        return Row(cursor.lastrowid or 0, entry.device, self.boot, seq, payload)

    def _delete(self, database: sqlite3.Connection, mark: Watermark, first: int, last: int) -> int:
        where = "WHERE device = ? AND boot = ? AND seq BETWEEN ? AND ?"
        key = (mark.device, mark.boot, first, last)
        (size,) = database.execute(
            f"SELECT COALESCE(SUM(LENGTH(payload)), 0) FROM frame {where}",  # noqa: S608
            key,
        ).fetchone()
        deleted = database.execute(f"DELETE FROM frame {where}", key).rowcount  # noqa: S608
        self._count(database, bytes=-size)
        database.execute(
            "DELETE FROM loss WHERE device = ? AND boot = ? AND first_seq >= ? AND last_seq <= ?",
            key,
        )
        return deleted

    def _trim(self, database: sqlite3.Connection) -> None:
        """Give up the oldest waveforms, then the oldest of the rest, until the cap is kept."""
        (size,) = database.execute("SELECT bytes FROM counter").fetchone()
        if size <= self._max_bytes:
            return
        goal = round(self._max_bytes * _TRIM_TO)
        for which in ("WHERE class = 'waveform'", ""):
            while size > goal:
                freed = self._give_up(database, which, size - goal)
                if not freed:
                    break
                size -= freed

    def _give_up(self, database: sqlite3.Connection, which: str, wanted: int) -> int:
        """Delete some of the oldest rows, at most about `wanted` bytes; return the bytes freed."""
        freed = 0
        query = (
            f"SELECT id, device, boot, seq, LENGTH(payload) FROM frame {which} ORDER BY id LIMIT ?"  # noqa: S608
        )
        for number, device, boot, seq, length in database.execute(query, (_TRIM_ROWS,)).fetchall():
            if freed >= wanted:
                break
            database.execute("DELETE FROM frame WHERE id = ?", (number,))
            self._note_loss(database, device, boot, (seq, seq), "outbox full")
            freed += length
        self._count(database, bytes=-freed)
        return freed

    def _note_loss(
        self,
        database: sqlite3.Connection,
        device: str,
        boot: int,
        span: tuple[int, int],
        reason: str,
    ) -> None:
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
        self._count(database, lost=last - first + 1)

    def _count(self, database: sqlite3.Connection, **changes: int) -> None:
        for name, change in changes.items():
            database.execute(f"UPDATE counter SET {name} = {name} + ?", (change,))  # noqa: S608


def read_counts(database: sqlite3.Connection) -> OutboxCounts:
    """Return the counters of an open outbox file, pending counted from the rows themselves."""
    accepted, committed, lost, pending = database.execute(
        "SELECT accepted, committed, lost, (SELECT COUNT(*) FROM frame) FROM counter"
    ).fetchone()
    return OutboxCounts(accepted=accepted, pending=pending, committed=committed, lost=lost)


def _covered(mark: Watermark) -> list[tuple[int, int]]:
    """Return the ranges of sequence numbers that a watermark calls durable."""
    ranges: list[tuple[int, int]] = []
    start = 1
    for first, last in mark.gaps:
        if first > start:
            ranges.append((start, first - 1))
        start = last + 1
    if start <= mark.upto:
        ranges.append((start, mark.upto))
    return ranges
