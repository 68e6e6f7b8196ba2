"""Days that are over, as Parquet files: ``lake/pilot=P/date=YYYY-MM-DD/KIND-ID.parquet``.

The store's file lists them, so that a file counts from the transaction on that drops its rows from
the hot tables, and until the one that drops the file. A file is never changed: it is replaced.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import StoreError
from .summaries import DAY_US

#: The kinds of files that the rows of each hot table go to. Each kind has its own retention.
KINDS = {"segment": ("waveform",), "scalar": ("scalar", "event"), "minute": ("minute",)}
#: Rows that are read together: small enough to skip most of a day for one of many devices.
GROUP_ROWS = {"waveform": 4096, "scalar": 61_440, "event": 61_440, "minute": 61_440}


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the lake: what is in it, and where it lies below the folder."""

    path: str
    kind: str
    pilot: str
    day_us: int
    first_us: int
    last_us: int
    n: int
    bytes: int


class Lake:
    """The files below `folder`.

    Args:
        folder: absolute; made when the first file is.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pilots: dict[int, str] = {}

    def relation(
        self, cursor: Any, table: str, fields: str, sids: Sequence[int], *span: int
    ) -> str:
        """SQL: hot and cold rows, of these series and the span [from, to) at least."""
        hot = f"SELECT {fields} FROM {table}"  # noqa: S608
        cold = self.cold(cursor, table, sids, *span)
        if cold is None:
            return f"({hot})"
        return f"({hot} UNION ALL SELECT {fields} FROM {cold})"  # noqa: S608

    def cold(self, cursor: Any, table: str, sids: Sequence[int], *span: int) -> str | None:
        """SQL: the lake's rows alone; None when it has none."""
        parts = self.parts(cursor, sids, KINDS[table], *span)
        return self.read(part.path for part in parts) if parts else None

    def parts(
        self, cursor: Any, sids: Sequence[int], kinds: Iterable[str], from_us: int, to_us: int
    ) -> list[Part]:
        """Files that may have something of these series within [from, to), by day, then path."""
        if not sids:
            return []
        among = ", ".join(f"'{pilot}'" for pilot in self._pilots_of(cursor, sids))
        names = ", ".join(f"'{kind}'" for kind in kinds)
        rows = cursor.execute(
            f"SELECT * FROM lake_file WHERE first_us < {to_us} AND last_us >= {from_us} "  # noqa: S608
            f"AND kind IN ({names}) AND pilot IN ({among})"
        ).fetchall()
        # The engine would take as long to plan a sort as to find the rows.
        return sorted((Part(*row) for row in rows), key=lambda part: (part.day_us, part.path))

    def _pilots_of(self, cursor: Any, sids: Sequence[int]) -> set[str]:
        """Whose series these are, by ids of the contract; a series never changes hands."""
        new = ", ".join(str(sid) for sid in sids if sid not in self._pilots)
        if new:
            rows = cursor.execute(f"SELECT sid, pilot FROM series WHERE sid IN ({new})").fetchall()  # noqa: S608
            self._pilots.update(rows)
        return {self._pilots[sid] for sid in sids}

    def listed(self, cursor: Any) -> list[Part]:
        """Every file that counts."""
        return [Part(*row) for row in cursor.execute("SELECT * FROM lake_file").fetchall()]

    def present(self) -> list[str]:
        """Every file that lies there."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.folder)) for path in files)

    def read(self, paths: Iterable[str]) -> str:
        """SQL: the rows of files."""
        names = ", ".join(quoted(self.folder / path) for path in paths)
        return f"read_parquet([{names}], hive_partitioning = false)"

    def write(self, cursor: Any, sql: str, kind: str, pilot: str, day_us: int) -> Part | None:
        """Write a query's rows durably as a new file; None when there are none.

        The file is read back and compared with the query, row by row, before it counts. Until
        `admit` it is on the list of files to unlink. Raises StoreError.
        """
        name = f"pilot={pilot}/date={date_of(day_us)}/{kind}-{secrets.token_hex(6)}.parquet"
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        cursor.execute("INSERT INTO lake_drop VALUES (?)", [name])
        cursor.execute(
            f"COPY ({sql} ORDER BY sid, t_us) TO {quoted(draft)} (FORMAT parquet, "
            f"COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE {GROUP_ROWS[kind]})"
        )
        wanted, found = _print_of(cursor, f"({sql})"), _print_of(cursor, _one(draft))
        if wanted != found:
            draft.unlink()
            raise StoreError(f"lake: {name} does not read back as it was written; look at the disk")
        if found[0] == 0:
            draft.unlink()
            return None
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
        end = "end_us" if kind == "waveform" else "t_us"
        ends = f"SELECT min(t_us), max({end}) FROM {_one(path)}"  # noqa: S608
        first, last = cursor.execute(ends).fetchall()[0]
        return Part(name, kind, pilot, day_us, first, last, found[0], path.stat().st_size)

    def admit(self, con: Any, parts: Iterable[Part], instead_of: Iterable[Part] = ()) -> None:
        """List files, in the caller's transaction, and put others on the list to unlink.

        Raises StoreError for a file that is not waiting for it: a sweep has unlinked that.
        """
        for old in instead_of:
            con.execute("INSERT INTO lake_drop VALUES (?)", [old.path])
            con.execute("DELETE FROM lake_file WHERE path = ?", [old.path])
        for part in parts:
            values = [getattr(part, name) for name in Part.__slots__]
            con.execute("INSERT INTO lake_file VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            waiting = "DELETE FROM lake_drop WHERE path = ?"
            if con.execute(waiting, [part.path]).fetchall()[0][0] != 1:
                raise StoreError(f"lake: {part.path} was dropped meanwhile; it is tried again")

    def sweep(self, con: Any) -> None:
        """Unlink what is on the list, and the folders that are empty then."""
        rows = con.execute("SELECT path FROM lake_drop").fetchall()
        for (name,) in rows:
            path = self.folder / name
            for victim in (path, path.with_suffix(".draft")):
                victim.unlink(missing_ok=True)
            for folder in (path.parent, path.parent.parent):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        if rows:
            con.execute("DELETE FROM lake_drop")


def date_of(day_us: int) -> str:
    """The UTC date that a day's start lies on."""
    return datetime.fromtimestamp(day_us // 1_000_000, UTC).date().isoformat()


def day_of(t_us: int) -> int:
    """The start of the UTC day."""
    return t_us // DAY_US * DAY_US


def quoted(path: Path) -> str:
    """A path as a literal of SQL."""
    text = str(path).replace("'", "''")
    return f"'{text}'"


def _one(path: Path) -> str:
    return f"read_parquet({quoted(path)}, hive_partitioning = false)"


def _print_of(cursor: Any, relation: str) -> tuple[int, int]:
    """Number of rows, and a sum over all their values that does not depend on their order."""
    sql = f"SELECT count(*), coalesce(sum(hash(x)), 0) FROM {relation} x"  # noqa: S608
    count, total = cursor.execute(sql).fetchall()[0]
    return int(count), int(total)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
