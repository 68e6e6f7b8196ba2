"""The SQLite file beside InfluxDB: receipts, counts, and readings that have no time yet."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from ...errors import StoreError, StoreLockedError
from ..model import Anchor, Commit, Counts, Outcome, Quarantined, Receipt, Refused, WornSpan
from ..receipts import merge_receipts
from ..worn import may_hold

SCHEMA_VERSION = "1"
_WRAP = 1 << 64


def signed(boot: int) -> int:
    """A boot's 64 bits as SQLite and InfluxDB keep them."""
    return boot - _WRAP if boot >= _WRAP // 2 else boot


class Ledger:
    """The file `path`, of one process: WAL, every commit flushed, deleted bytes overwritten."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._con: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open anew, and make what is missing. Raises StoreLockedError, StoreError."""
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._con = sqlite3.connect(
                self.path, timeout=0.0, isolation_level=None, check_same_thread=False
            )
            for pragma in (
                *("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"),
                *("secure_delete = ON", "temp_store = MEMORY"),
            ):
                self._con.execute(f"PRAGMA {pragma}")
            self._prepare()
        except sqlite3.OperationalError as exc:
            self.close()
            if "locked" in str(exc):
                problem = "another gateway uses it; stop that one or choose another data_dir"
                raise StoreLockedError(f"data_dir: {problem}") from exc
            raise StoreError(f"data_dir: {self.path.name} cannot be opened: {exc}") from exc
        except sqlite3.Error as exc:
            self.close()
            raise StoreError(f"data_dir: {self.path.name} cannot be opened: {exc}") from exc

    def _prepare(self) -> None:
        sql = resources.files(__package__).joinpath("ledger.sql").read_text(encoding="utf-8")
        con = self._connection()
        con.executescript(sql)
        found = con.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        if found is None:
            con.execute("INSERT INTO meta VALUES ('schema', ?)", (SCHEMA_VERSION,))
        elif found[0] != SCHEMA_VERSION:
            self.close()
            raise StoreError(
                f"data_dir: {self.path.name} has schema {found[0]}, this version reads "
                f"{SCHEMA_VERSION}; use the version that wrote it"
            )

    def close(self) -> None:
        """Release the file. May be called twice."""
        with self._lock:
            con, self._con = self._con, None
            if con is not None:
                con.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of the block or nothing. Raises StoreError."""
        with self._lock:
            con = self._connection()
            try:
                con.execute("BEGIN IMMEDIATE")
                yield con
                con.execute("COMMIT")
            except BaseException as exc:
                if con.in_transaction:
                    con.execute("ROLLBACK")
                if isinstance(exc, sqlite3.Error):
                    raise StoreError(f"the store refused a commit: {exc}") from exc
                raise

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Every row of a query. Raises StoreError."""
        with self._lock:
            try:
                return self._connection().execute(sql, values).fetchall()
            except sqlite3.Error as exc:
                raise StoreError(f"the store could not answer: {exc}") from exc

    def _connection(self) -> sqlite3.Connection:
        if self._con is None:
            raise StoreError("the store is closed")
        return self._con

    def compact(self) -> None:
        """Join receipts that touch."""
        merged = list(merge_receipts(self.receipts()))
        with self.write() as con:
            con.execute("DELETE FROM receipt")
            put_receipts(con, merged)

    def copy_to(self, path: Path) -> None:
        """A consistent copy in a new file."""
        with self._lock:
            try:
                target = sqlite3.connect(path)
                try:
                    self._connection().backup(target)
                finally:
                    target.close()
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
