"""The outbox as plain functions on one SQLite file; one thread owns it (see writer.py)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vointi_contract.ack import Watermark
from vointi_contract.frame import Loss
from vointi_contract.status import ClockAnchor, OutboxCounts

from vointi_edge.errors import UnreadableError
from vointi_edge.outbox import records, room
from vointi_edge.outbox.database import boot_id, open_database
from vointi_edge.outbox.salvage import save_mark
from vointi_edge.outbox.vault import OpenVault, Vault

Encode = Callable[[int, int], bytes]

_INSERT = (
    "INSERT INTO frame (device, boot, seq, class, payload, stream, key)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_SPAN = "FROM frame WHERE device = ? AND boot = ? AND seq BETWEEN ? AND ?"
_ENDS = (
    f"SELECT id {_SPAN} ORDER BY seq LIMIT 1",
    f"SELECT id {_SPAN} ORDER BY seq DESC LIMIT 1",
)
_SIZES = f"SELECT seq, LENGTH(payload) AS size {_SPAN} ORDER BY seq LIMIT ?"
_FIRST_ROWS = f"SELECT COUNT(*), COALESCE(SUM(size), 0), MAX(seq) FROM ({_SIZES})"  # noqa: S608
#: More rows than a card holds.
EVERYTHING = 2**62


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to keep: `encode(boot, seq)` gives the payload.

    `class_` decides what goes first when the file is full (room.LET_GO); device and `stream` are
    what a withdrawal finds it by.
    """

    device: str
    class_: str
    encode: Encode
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One kept frame: `id` orders rows in time, the payload is a one-frame batch.

    `class_` is known of rows that were just kept.
    """

    id: int
    device: str
    boot: int
    seq: int
    payload: bytes
    class_: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Pulse:
    """The oldest kept row (None: nothing waits) and the bytes of all payloads."""

    oldest: Row | None
    size: int


class OutboxStore:
    """Sequence numbers, rows and counters, changed together or not at all."""

    def __init__(
        self, path: Path, kernel_boot: str, max_bytes: int, vault: Vault | None = None
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._vault = vault or OpenVault()
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
            size = 0
            for entry in entries:
                seq = last.get(entry.device, 0) + 1
                last[entry.device] = seq
                row, kept = self._insert(database, entry, seq)
                rows.append(row)
                size += kept
            for device, count in (refused or {}).items():
                first = last.get(device, 0) + 1
                last[device] = first + count - 1
                room.note_loss(database, device, self.boot, (first, last[device]), "no room")
                room.count(database, accepted=count)
            self._save_sequences(database, last)
            room.count(database, accepted=len(rows), bytes=size)
            room.trim(database, self._max_bytes)
        self._last = last
        return rows

    def commit(self, marks: Iterable[Watermark], most: int = EVERYTHING) -> int:
        """Delete at most `most` rows that the gateway holds; return how many rows that were."""
        deleted = 0
        with self._database as database:
            for mark in marks:
                if mark.boot >= 2**63:
                    continue  # not ours: our boot ids fit SQLite's signed integers
                for first, last in _covered(mark):
                    deleted += self._delete(database, mark, (first, last), most - deleted)
        return deleted

    def read(self, after: int, upto: int, max_bytes: int) -> list[Row]:
        """Return rows with after < id ≤ upto, oldest first, ≤ max_bytes (but at least one).

        A row that cannot be opened any more is given up as a loss on the way.
        """
        while True:
            rows, unreadable = self._read(after, upto, max_bytes)
            if not unreadable:
                return rows
            with self._database as database:
                for row_id in unreadable:
                    room.give_up(database, row_id, room.UNREADABLE)
            if rows:
                return rows

    def _read(self, after: int, upto: int, max_bytes: int) -> tuple[list[Row], list[int]]:
        rows: list[Row] = []
        unreadable: list[int] = []
        size = 0
        for row_id, device, boot, seq, key, kept in self._database.execute(
            "SELECT id, device, boot, seq, key, payload FROM frame"
            " WHERE id > ? AND id <= ? ORDER BY id",
            (after, upto),
        ):
            size += len(kept)
            if rows and size > max_bytes:
                break
            try:
                payload = self._vault.open((device, boot, seq), key, kept)
            except UnreadableError:
                unreadable.append(row_id)
            else:
                rows.append(Row(row_id, device, boot, seq, payload))
        return rows, unreadable

    def erase(self, keep: Callable[[str, str, str], bool]) -> int:
        """Delete readings of which `keep(device, stream, class)` is false, beyond recovery.

        They become losses by the name "withdrawn"; returns how many.
        """
        self._database.execute("PRAGMA secure_delete = ON")
        try:
            with self._database as database:
                erased = room.erase(database, keep)
            # The log still holds the old pages until it is written back and cut.
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._database.execute("PRAGMA secure_delete = OFF")
        return erased

    def gap(self, marks: Iterable[Watermark]) -> tuple[int, int] | None:
        """Return the first and last id of the rows that lie in the marks' gaps (None: no row).

        Ids rise with a boot's numbers, so each end of a gap is one look into the index. After an
        outage a gap is the whole backlog, and a live reading waits while somebody walks over it.
        """
        ids: list[int] = []
        for mark in marks:
            if mark.boot >= 2**63:
                continue
            for first, last in mark.gaps:
                for end in _ENDS:
                    found = self._database.execute(end, (mark.device, mark.boot, first, last))
                    ids += [row_id for (row_id,) in found]
        return (min(ids), max(ids)) if ids else None

    def pulse(self) -> Pulse:
        """Return the oldest row and the bytes kept, without a walk over the rows."""
        (size,) = self._database.execute("SELECT bytes FROM counter").fetchone()
        return Pulse(next(iter(self.read(0, self.newest(), 1)), None), size)

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

    def save_mark(self) -> None:
        """Write counters and numbers beside the file, for the day when it is damaged."""
        save_mark(self._database, self._path)

    def save_anchor(self, anchor: ClockAnchor) -> None:
        """Keep a boot's clock anchor."""
        records.save_anchor(self._database, anchor)

    def anchors(self) -> list[ClockAnchor]:
        """Return the anchors of this boot and of every boot that readings are kept of."""
        return records.kept_anchors(self._database, self.boot)

    def note(self, entry: records.JournalEntry) -> None:
        """Write into the edge's journal."""
        records.write_journal(self._database, entry)

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

    def _insert(self, database: sqlite3.Connection, entry: Entry, seq: int) -> tuple[Row, int]:
        """Keep one entry; return its row and the bytes that it takes."""
        payload = entry.encode(self.boot, seq)
        kept = self._vault.seal((entry.device, self.boot, seq), payload)
        cursor = database.execute(
            _INSERT,
            (entry.device, self.boot, seq, entry.class_, kept, entry.stream, self._vault.key_id),
        )
        row_id = cursor.lastrowid or 0
        return Row(row_id, entry.device, self.boot, seq, payload, entry.class_), len(kept)

    def _delete(
        self, database: sqlite3.Connection, mark: Watermark, span: tuple[int, int], most: int
    ) -> int:
        """Delete the first rows of a span, and the losses in it that are confirmed with it."""
        key = (mark.device, mark.boot, *span)
        rows, size, upto = database.execute(_FIRST_ROWS, (*key, most)).fetchone()
        if rows:
            database.execute(f"DELETE {_SPAN}", (mark.device, mark.boot, span[0], upto))
            room.count(database, committed=rows, bytes=-size)
        database.execute(
            "DELETE FROM loss WHERE device = ? AND boot = ? AND first_seq >= ? AND last_seq <= ?",
            key,
        )
        return int(rows)


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
