"""Opening the outbox file: pragmas, integrity check, numbered migrations, boot id."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from importlib.resources import files
from pathlib import Path

from vointi_edge.errors import OutboxError
from vointi_edge.outbox.salvage import salvage

log = logging.getLogger(__name__)

# A commit writes whole pages: with 1 KiB, which a usual row fits, a card takes 2.6 times less in a
# day than with SQLite's 4 KiB (measured). Only a new file can be given it.
_PAGE_BYTES = 1024
_BUSY_S = 5.0  # `vointi-edge status` reads beside the running edge


def open_database(path: Path) -> sqlite3.Connection:
    """Open `path` durably (WAL, synchronous=FULL), checked and migrated.

    A damaged file is moved aside and a new one begun with what could be saved: sampling goes on.
    Raises OutboxError when the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _checked(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise OutboxError(str(path), f"cannot be opened ({error}); check the disk") from error
        return _begin_anew(path, error)
    except OSError as error:
        raise OutboxError(str(path), f"cannot be written ({error.strerror})") from error


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Open `path` for reading beside a running edge; raises OutboxError when there is none."""
    if not path.exists():
        raise OutboxError(str(path), "not found; has this edge ever run?")
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_BUSY_S)


def boot_id(database: sqlite3.Connection, kernel_boot: str) -> int:
    """Return this boot's id: random, kept while the kernel's boot id and the file stay the same.

    63 bits, because SQLite's integers are signed.
    """
    row = database.execute(
        "SELECT (SELECT value FROM meta WHERE key = 'boot'),"
        " (SELECT value FROM meta WHERE key = 'kernel_boot')"
    ).fetchone()
    if row[0] is not None and row[1] == kernel_boot:
        return int(row[0])
    boot = secrets.randbits(63) or 1
    with database:
        database.executemany(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [("boot", str(boot)), ("kernel_boot", kernel_boot)],
        )
    return boot


def _checked(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        database.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        database.execute("PRAGMA journal_mode = WAL")
        # FULL, not NORMAL: NORMAL lost 40 % of acknowledged rows in a measured power cut.
        database.execute("PRAGMA synchronous = FULL")
        _check(database)
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _begin_anew(path: Path, error: sqlite3.DatabaseError) -> sqlite3.Connection:
    aside = _move_aside(path)
    log.warning("outbox: damaged (%s); kept as %s, a new one begins", error, aside.name)
    database = _checked(path)
    try:
        salvage(aside, path, database)
    except sqlite3.Error as defect:
        log.warning("outbox: nothing could be saved from %s (%s)", aside.name, defect)
    return database


def _check(database: sqlite3.Connection) -> None:
    answer = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise sqlite3.DatabaseError(answer)


def _migrate(database: sqlite3.Connection) -> None:
    """Run every numbered script above the file's user_version, each in its own transaction."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    scripts = files(__package__).joinpath("migrations").iterdir()
    for script in sorted(scripts, key=lambda file: file.name):
        number = int(script.name[:4])
        if number > version:
            database.executescript(
                f"BEGIN;\n{script.read_text(encoding='utf-8')}\n"
                f"PRAGMA user_version = {number};\nCOMMIT;"
            )


def _move_aside(path: Path) -> Path:
    """Keep one damaged file, the newest: a failing card must not fill up with them."""
    aside = path.with_name(f"{path.name}.damaged")
    for suffix in ("", "-wal"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.replace(aside.with_name(aside.name + suffix))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    return aside
