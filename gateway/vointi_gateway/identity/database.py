"""identity.db: one SQLite file with numbered migrations, shared by the gateway and its commands."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from .errors import IdentityError

#: A command may hold the write lock while it makes a key; nothing takes longer than that.
BUSY_S = 5.0


class Database:
    """The open file. Any thread may use it; writes are one transaction each.

    Args:
        path: the file; its folder is made private when it has to be made.

    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row
        for pragma in (
            *("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"),
            "foreign_keys = ON",
        ):
            self._connection.execute(f"PRAGMA {pragma}")
        self._migrate()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that sees and changes; rolled back when the block raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def wipe_log(self) -> None:
        """Bring the write-ahead log into the file and empty it: it may hold erased rows."""
        with self._lock:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def version(self) -> int:
        """A number that changes when another process has committed."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _migrate(self) -> None:
        folder = files(__package__) / "migrations"
        steps = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))
        with self._lock:
            done = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if done > len(steps):
                fix = f"is of a newer gateway (schema {done}); install that one"
                raise IdentityError("identity.db", fix)
            for number, name in enumerate(steps[done:], done + 1):
                text = (folder / name).read_text(encoding="utf-8")
                script = f"BEGIN IMMEDIATE;\n{text}\nPRAGMA user_version = {number};\nCOMMIT;"
                self._connection.executescript(script)
