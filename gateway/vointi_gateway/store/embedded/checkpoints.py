"""What a checkpoint costs a commit: small ones often, row groups merged apart from them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

#: One is made with the rows by which the log gets longer than this. One of 64 MB took the writer
#: 0.1 to 0.4 s, which every reading waited for (docs/decisions/0064).
LOG_BYTES = 6_000_000
#: The engine's own limit, for a log that nobody looks after: of what is not rows of readings. A
#: checkpoint that meets bytes which wait would press those as well (docs/decisions/0093).
THRESHOLD = "32MB"
_NOW, _LATER = "SET checkpoint_threshold = '1kB'", f"SET checkpoint_threshold = '{THRESHOLD}'"
#: A checkpoint writes a row group of its own, and would merge those before it: every second one
#: twice as many rows as the one before. Merged at once when they fill a group of 122,880, they are
#: written twice, not seven times.
MERGE_ROWS = 110_000
#: Tasks that merge, of one checkpoint: none as a rule, the engine's default when they are due.
NO_MERGES, MERGES = "SET max_vacuum_tasks = 0", "RESET max_vacuum_tasks"
_TABLES = ("segment", "scalar")


class Checkpoints:
    """Follows the log of one file; the writer says what it committed.

    The engine unlinks its log while the writer waits, and the kernel takes more than a millisecond
    for each megabyte to give its blocks back. As long as somebody holds it, nothing is given back:
    then a thread of its own lets go. The engine locks only the file, no handle of which is touched.

    Args:
        path: the DuckDB file.

    """

    def __init__(self, path: Path) -> None:
        self._wal = path.with_name(path.name + ".wal")
        self._handle: int | None = None
        self._loose: dict[str, int] = {}
        self.begin()

    def begin(self) -> None:
        """The file was opened, maybe with groups that nobody merged: they are due soon."""
        self._loose = dict.fromkeys(_TABLES, MERGE_ROWS)

    def end(self) -> None:
        """The file was closed."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def committed(self, tables: Mapping[str, pa.Table | None]) -> None:
        """Rows were added, and the log may be a new one."""
        for name in _TABLES:
            table = tables.get(name)
            self._loose[name] += 0 if table is None else table.num_rows
        if self._handle is not None and os.fstat(self._handle).st_nlink == 0:
            threading.Thread(target=os.close, args=(self._handle,), name="log", daemon=True).start()
            self._handle = None
        if self._handle is None:
            self._hold()

    @contextmanager
    def with_rows(self, con: Any) -> Iterator[None]:
        """Around a transaction that makes rows of all that waits: the moment for a checkpoint."""
        if self._handle is None or os.fstat(self._handle).st_size < LOG_BYTES:
            yield
            return
        con.execute(_NOW)
        try:
            yield
        finally:
            with suppress(duckdb.Error):  # a file that failed is opened anew
                con.execute(_LATER)

    def _hold(self) -> None:
        try:
            self._handle = os.open(self._wal, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # there is none just after a checkpoint
            self._handle = None

    @property
    def merge_due(self) -> bool:
        """Whether row groups ought to be merged."""
        return any(rows > MERGE_ROWS for rows in self._loose.values())

    def merged(self) -> None:
        """They were."""
        self._loose = dict.fromkeys(_TABLES, 0)
