"""One SQLite file with numbered migrations, of one process or of several."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from .errors import StoreError, StoreLockedError

#: Another process holds the write lock for milliseconds; this covers a slow disk.
BUSY_S = 10.0

Row = sqlite3.Row


class SqliteFile:
    """The file `path`: WAL, every commit flushed, deleted bytes overwritten.

    Any thread may use it.

    Args:
        path: its folder is made; the file is readable by its owner alone.
        migrations: package whose NNNN_name.sql files are applied in order.
        alone: whether no other process may have it open at the same time.

    """

    def __init__(self, path: Path, migrations: str, *, alone: bool = False) -> None:
        self.path = path
        self._migrations, self._alone = migrations, alone
        self._lock = threading.RLock()
        self._con: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open anew and migrate. Raises StoreLockedError, StoreError."""
        self.close()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600, exist_ok=True)
            self._con = self._connect()
            self._migrate()
        except (sqlite3.Error, OSError) as exc:
            self.close()
            if self._alone and "locked" in str(exc):
                problem = "another gateway uses it; stop that one or choose another data_dir"
                raise StoreLockedError(f"data_dir: {problem}") from exc
            raise StoreError(f"data_dir: {self.path.name} cannot be used: {exc}") from exc
        except StoreError:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        con = sqlite3.connect(
            *(self.path, 0.0 if self._alone else BUSY_S),
            isolation_level=None,
            check_same_thread=False,
        )
        con.row_factory = Row
        for pragma in (
            *(("locking_mode = EXCLUSIVE",) if self._alone else ()),
            *("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"),
            *("foreign_keys = ON", "temp_store = MEMORY"),
        ):
            con.execute(f"PRAGMA {pragma}")
        return con

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._lock:
            con, self._con = self._con, None
        if con is not None:
            con.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of the block or nothing. Raises StoreError when the disk fails."""
        with self._lock, self._disk():
            con = self._open_connection()
            con.execute("BEGIN IMMEDIATE")
            try:
                yield con
                con.execute("COMMIT")
            except BaseException:
                con.rollback()
                raise

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Every row of a query. Raises StoreError when the disk fails."""
        with self._lock, self._disk():
            return self._open_connection().execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> Row | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(sql, *values)), None)

    def wipe_log(self) -> None:
        """Bring the write-ahead log into the file and empty it: it may hold erased rows."""
        with self._lock, self._disk():
            self._open_connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy_to(self, path: Path) -> None:
        """A consistent copy, while others go on writing."""
        with self._lock:
            copy = sqlite3.connect(path)
            try:
                self._open_connection().backup(copy)
            finally:
                copy.close()

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """A full, read-only or failing disk is no programming error: what waits is tried again."""
        try:
            yield
        except sqlite3.OperationalError as exc:
            raise StoreError(f"data_dir: {self.path.name} cannot be used: {exc}") from exc

    def _open_connection(self) -> sqlite3.Connection:
        if self._con is None:
            raise StoreError(f"{self.path.name} is closed")
        return self._con

    def _migrate(self) -> None:
        con = self._open_connection()
        steps = migrations(self._migrations)
        version = int(con.execute("PRAGMA user_version").fetchone()[0])
        if version > len(steps):
            raise StoreError(
                f"data_dir: {self.path.name} has schema {version}, this version knows "
                f"{len(steps)}; use the version that wrote it"
            )
        for number, sql in enumerate(steps[version:], version + 1):
            script = f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;"
            con.executescript(script)


def migrations(package: str) -> Sequence[str]:
    """The SQL of every migration, in order."""
    files = sorted(
        (f for f in resources.files(package).iterdir() if f.name.endswith(".sql")),
        key=lambda f: f.name,
    )
    return [f.read_text(encoding="utf-8") for f in files]
