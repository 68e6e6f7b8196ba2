"""Opening the DuckDB file: its settings, its lock, its numbered migrations."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from ...errors import StoreError, StoreLockedError
from . import checkpoints
from .lake import quoted

#: Files that 1.5 can still read; DuckDB 2.0 would otherwise write a header that it cannot.
STORAGE_VERSION = "v1.5.0"
#: Rows of a row group. A merge writes three full ones anew with those that fill up behind them: of
#: the engine's 122,880 that is a second without a commit, and 260 MB (docs/decisions/0095).
ROW_GROUP = 16_384
#: Of each connection: the file is attached, for only so can its row groups be chosen.
USE = "USE store"


def form() -> str:
    """What a new file is attached with, as options of SQL."""
    return f"STORAGE_VERSION '{STORAGE_VERSION}', ROW_GROUP_SIZE {ROW_GROUP}"


def connect(path: Path, lake: Path) -> Any:
    """A connection that reads no file but this one and the lake's.

    Raises StoreLockedError when another process has the file open, else StoreError.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "storage_compatibility_version": STORAGE_VERSION,
        "checkpoint_threshold": checkpoints.THRESHOLD,
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
    }
    try:
        # One process has one instance of a file, however often it is opened.
        con = duckdb.connect(f":memory:{path.absolute()}", config=config)
        try:
            _attach(con, path, lake)
        except duckdb.Error:
            con.close()
            raise
    except duckdb.Error as exc:
        if "lock" in str(exc).lower():
            raise StoreLockedError(
                "data_dir: another gateway uses it; stop that one or choose another data_dir"
            ) from exc
        raise StoreError(f"data_dir: {path.name} cannot be opened: {line_of(exc)}") from exc
    return con


def _attach(con: Any, path: Path, lake: Path) -> None:
    con.execute(f"ATTACH IF NOT EXISTS {quoted(path)} AS store (ROW_GROUP_SIZE {ROW_GROUP})")
    con.execute(USE)
    found = con.execute("SELECT current_setting('enable_external_access')").fetchall()
    if found[0][0]:
        con.execute(f"SET allowed_directories = [{quoted(lake)}]")
        con.execute("SET enable_external_access = false")
    con.execute(checkpoints.NO_MERGES)


def migrate(con: Any, name: str) -> None:
    """Bring the tables to this version's schema, in one transaction.

    Raises StoreError for a file that a later version wrote.
    """
    steps, version = _steps(), _version(con)
    if version > len(steps):
        raise StoreError(
            f"data_dir: {name} has schema {version}, this version reads {len(steps)}; use the "
            "version that wrote it"
        )
    if version == len(steps):
        return
    con.begin()
    for sql in steps[version:]:
        con.execute(sql)
    con.execute("DELETE FROM meta WHERE key = 'schema'")
    con.execute("INSERT INTO meta VALUES ('schema', ?)", [str(len(steps))])
    con.commit()


def line_of(exc: BaseException) -> str:
    """The first line of what an engine says."""
    return str(exc).strip().splitlines()[0]


def _steps() -> list[str]:
    """The SQL of every migration, in order."""
    folder = resources.files(__package__).joinpath("migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [f.read_text(encoding="utf-8") for f in files]


def _version(con: Any) -> int:
    there = con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'meta'").fetchall()
    rows = con.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall() if there else []
    return int(rows[0][0]) if rows else 0
