"""identity.db: one SQLite file with numbered migrations, shared by the gateway and its commands."""

from __future__ import annotations

from pathlib import Path

from ..sqlite_file import SqliteFile


class Database(SqliteFile):
    """The file, open as soon as it is made, see SqliteFile.

    Args:
        path: its folder is made private when it has to be made.

    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, f"{__package__}.migrations")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.open()

    def version(self) -> int:
        """A number that changes when another process has committed."""
        return int(self.rows("PRAGMA data_version")[0][0])
