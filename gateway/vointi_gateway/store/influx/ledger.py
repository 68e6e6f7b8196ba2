"""The SQLite file beside InfluxDB: receipts, counts, and readings that have no time yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import StoreError
from ...sqlite_file import SqliteFile
from ..model import Anchor, Commit, Counts, Outcome, Quarantined, Receipt, Refused, WornSpan
from ..receipts import merge_receipts
from ..worn import may_hold

_WRAP = 1 << 64


def signed(boot: int) -> int:
    """A boot's 64 bits as SQLite and InfluxDB keep them."""
    return boot - _WRAP if boot >= _WRAP // 2 else boot


class Ledger(SqliteFile):
    """The file `path`, of one process. What SQLite refuses is a StoreError."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, f"{__package__}.migrations", alone=True)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of the block or nothing. Raises StoreError."""
        try:
            with super().write() as con:
                yield con
        except sqlite3.Error as exc:
            raise StoreError(f"the store refused a commit: {exc}") from exc

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Every row of a query. Raises StoreError."""
        try:
            return super().rows(sql, *values)
        except sqlite3.Error as exc:
            raise StoreError(f"the store could not answer: {exc}") from exc

    def compact(self) -> None:
        """Join receipts that touch."""
        merged = list(merge_receipts(self.receipts()))
        with self.write() as con:
            con.execute("DELETE FROM receipt")
            put_receipts(con, merged)

    def copy_to(self, path: Path) -> None:
        """A consistent copy in a new file. Raises StoreError."""
        try:
            super().copy_to(path)
        except sqlite3.Error as exc:
            raise StoreError(f"the store could not be copied: {exc}") from exc

    def wipe_log(self) -> None:
        """Bring everything into the one file, so that no deleted byte is left in the log."""
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def receipts(self) -> Iterator[Receipt]:
        """Every settled range."""
        rows = self.rows("SELECT * FROM receipt ORDER BY edge, device, boot, outcome, first")
        return (Receipt(e, d, b % _WRAP, i, j, Outcome(o)) for e, d, b, i, j, o in rows)

    def counts(self) -> Mapping[str, Counts]:
        """Counts per edge."""
        return {row[0]: Counts(*row[1:]) for row in self.rows("SELECT * FROM tally")}

    def refused(self) -> tuple[Refused, ...]:
        """Readings of which only the number was kept."""
        rows = self.rows("SELECT * FROM refused ORDER BY edge, device, reason")
        return tuple(Refused(*row) for row in rows)

    def digests(self) -> set[bytes]:
        """Digests of what is in quarantine."""
        return {bytes(row[0]) for row in self.rows("SELECT digest FROM quarantine")}

    def quarantined(self) -> tuple[Quarantined, ...]:
        """What is in quarantine."""
        rows = self.rows(
            "SELECT edge, topic, payload, field, fix, digest, received_us FROM quarantine "
            "ORDER BY received_us, rowid"
        )
        return tuple(
            Quarantined(edge, topic, bytes(payload), field, fix, bytes(digest), at_us)
            for edge, topic, payload, field, fix, digest, at_us in rows
        )

    def births(self) -> Mapping[str, str]:
        """The newest birth document of every edge."""
        return dict(self.rows("SELECT edge, document FROM birth"))


def put_commit(con: sqlite3.Connection, commit: Commit) -> None:
    """Everything of a commit but its readings."""
    put_receipts(con, commit.receipts)
    sums = ", ".join(f"{n} = {n} + excluded.{n}" for n in Counts.__dataclass_fields__)
    con.executemany(
        f"INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET {sums}",  # noqa: S608
        [
            (edge, c.accepted, c.stored, c.duplicates, c.quarantined, c.lost)
            for edge, c in commit.tally.items()
        ],
    )
    con.executemany(
        "DELETE FROM quarantine WHERE digest = ?", [(digest,) for digest in commit.released]
    )
    con.executemany(
        "INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (q.received_us, q.edge, q.topic, q.field, q.fix, q.digest, q.payload)
            for q in commit.quarantined
        ],
    )
    con.executemany(
        "INSERT INTO refused VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
        [(r.edge, r.device, r.reason, r.n) for r in commit.refused],
    )
    con.executemany("INSERT OR REPLACE INTO birth VALUES (?, ?)", list(commit.births.items()))
    put_anchors(con, commit.anchors)


def put_receipts(con: sqlite3.Connection, receipts: Iterable[Receipt]) -> None:
    """Settled ranges."""
    con.executemany(
        "INSERT INTO receipt VALUES (?, ?, ?, ?, ?, ?)",
        [(r.edge, r.device, signed(r.boot), r.first, r.last, r.outcome.value) for r in receipts],
    )


def put_anchors(con: sqlite3.Connection, anchors: Iterable[Anchor]) -> None:
    """The newest anchor of each boot."""
    con.executemany(
        "INSERT OR REPLACE INTO anchor VALUES (?, ?, ?)",
        [(a.edge, signed(a.boot), a.offset_us) for a in anchors],
    )


def erase_quarantined(con: sqlite3.Connection, spans: Sequence[WornSpan]) -> int:
    """Deliveries that may hold something of the spans; how many."""
    mine: set[int] = set()
    for span in spans:
        edge, _, name = span.device.partition(".")
        rows = con.execute(
            "SELECT rowid, received_us, payload, topic FROM quarantine WHERE edge = ?", (edge,)
        )
        mine |= {
            row
            for row, received_us, data, topic in rows
            if topic.endswith((f"/d/{name}", f"/b/{name}")) and may_hold(span, received_us, data)
        }
    con.executemany("DELETE FROM quarantine WHERE rowid = ?", [(row,) for row in mine])
    return len(mine)
