"""The registry's files: shared by the gateway and its commands."""

from __future__ import annotations

from pathlib import Path

from ..sqlite_file import Row, SqliteFile, migrations

__all__ = ["Database", "Row", "migrations"]


class Database(SqliteFile):
    """A file that several processes may have open, see SqliteFile."""

    def __init__(self, path: Path, migrations: str = f"{__package__}.migrations") -> None:
        super().__init__(path, migrations)
