"""Removing rows from the file, and the file from the disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import StoreError
from ..model import ErasedRows, WornSpan
from ..worn import may_hold
from . import queries, summaries
from .archive import add_days
from .lake import KINDS, Lake, Part
from .opening import form
from .summaries import DAY_US, MINUTE_US

ALL_KINDS = tuple(kind for kinds in KINDS.values() for kind in kinds)

#: In `meta`: the file holds deleted rows still.
_OWED = "owed"
#: A copy runs at some 6 M rows a second; this is a store a hundred times a city's.
COPY_S = 3600


@dataclass(frozen=True, slots=True)
class Cut:
    """What is to go of one device, and how far its waveforms reach over the span's ends (UTC µs).

    What starts before the span and reaches into it stays, to `head_us`; what starts within it goes,
    to `tail_us`: the summaries of these minutes are made again.
    """

    span: WornSpan
    sids: tuple[int, ...]
    head_us: int
    tail_us: int

    @property
    def among(self) -> str:
        """SQL: one of the device's series."""
        return queries.among(self.sids)

    @property
    def rows(self) -> str:
        """SQL: what is placed in the span."""
        return f"({self.among} AND t_us >= {self.span.from_us} AND t_us < {self.span.to_us})"

    @property
    def minutes(self) -> str:
        """SQL: the lake's summaries that know something of what goes."""
        return self._minutes("t_us")

    @property
    def hot_minutes(self) -> str:
        """SQL: the same of the hot ones."""
        return self._minutes(summaries.TIME["minute"])

    def _minutes(self, at: str) -> str:
        after = self.span.from_us - MINUTE_US
        return f"({self.among} AND {at} > {after} AND {at} < {self.tail_us})"


def cuts(
    cursor: Any, lake: Lake, spans: Sequence[WornSpan], series: Mapping[tuple[str, str, str], int]
) -> list[Cut]:
    """The spans, as far as they reach."""
    found = []
    for span in spans:
        sids = tuple(sid for (device, *_), sid in series.items() if device == span.device)
        cut = Cut(span, sids, span.from_us, span.to_us)
        rows = lake.relation(
            cursor, "segment", "sid, t_us, end_us", sids, span.from_us, span.to_us + 1
        )
        head, tail = cursor.execute(
            f"SELECT max(end_us) FILTER (t_us < {span.from_us} AND end_us >= {span.from_us}), "  # noqa: S608
            f"max(end_us) FILTER {cut.rows} FROM {rows} WHERE {cut.among}"
        ).fetchall()[0]
        head_us = span.from_us if head is None else int(head) + 1
        tail_us = span.to_us if tail is None else max(span.to_us, int(tail) + 1)
        found.append(Cut(span, sids, head_us, tail_us))
    return found


def replace_files(
    cursor: Any, lake: Lake, wanted: Sequence[Cut]
) -> tuple[list[tuple[Part, Part | None]], ErasedRows]:
    """Files without those rows for the lake's that have some, and how many those are."""
    hits: dict[Part, list[str]] = {}
    for cut in wanted:
        span = (cut.span.from_us - MINUTE_US, cut.tail_us)
        for part in lake.parts(cursor, cut.sids, ALL_KINDS, *span):
            hits.setdefault(part, []).append(cut.minutes if part.kind == "minute" else cut.rows)
    pairs: list[tuple[Part, Part | None]] = []
    total = ErasedRows()
    for part, conditions in hits.items():
        rows = lake.read([part.path])
        kept = f"SELECT * FROM {rows} WHERE NOT ({' OR '.join(conditions)})"  # noqa: S608
        new = lake.write(cursor, kept, part.kind, part.pilot, part.day_us)
        gone = part.n - (new.n if new else 0)
        if gone:
            pairs.append((part, new))
            total += _rows_of(part.kind, gone)
    return pairs, total


def _rows_of(kind: str, n: int) -> ErasedRows:
    if kind == "minute":
        return ErasedRows(summaries=n)
    return ErasedRows(segments=n) if kind == "waveform" else ErasedRows(scalars=n)


def delete(con: Any, wanted: Sequence[Cut]) -> ErasedRows:
    """Delete the hot rows in the transaction at hand."""
    total = ErasedRows()
    for cut in wanted:
        rows = f"{cut.rows} OR ({cut.among} AND t_us IS NULL)"
        gone = [
            int(con.execute(f"DELETE FROM {table} WHERE {where}").fetchall()[0][0])  # noqa: S608
            for table, where in (("segment", rows), ("scalar", rows), ("minute", cut.hot_minutes))
        ]
        total += ErasedRows(gone[0], gone[1], _delete_quarantined(con, cut.span), gone[2])
    return total


def summarise_again(con: Any, lake: Lake, wanted: Sequence[Cut]) -> None:
    """Days, and the minutes at the ends, of what is left; after the files were replaced."""
    for cut in wanted:
        for minute_us in _ends(cut):
            _minute_again(con, lake, cut, minute_us)
        first = cut.span.from_us // DAY_US * DAY_US
        touched = con.execute(
            f"DELETE FROM day WHERE {cut.among} AND t_us >= ? AND t_us < ? RETURNING t_us",  # noqa: S608
            [first, cut.tail_us],
        ).fetchall()
        for day_us in {int(row[0]) for row in touched}:
            minutes = lake.cold(con, "minute", cut.sids, day_us, day_us + DAY_US)
            if minutes is not None:
                add_days(con, minutes, cut.among)


def _ends(cut: Cut) -> set[int]:
    """The starts of the minutes that know of the span and of something beside it."""
    minutes = set()
    for start, end in ((cut.span.from_us, cut.head_us), (cut.span.to_us, cut.tail_us)):
        first = start // MINUTE_US * MINUTE_US
        end_us = max(end, start + 1 if start % MINUTE_US else start)
        minutes |= set(range(first, end_us, MINUTE_US))
    return minutes


def _minute_again(con: Any, lake: Lake, cut: Cut, minute_us: int) -> None:
    end_us = minute_us + MINUTE_US
    mine = f"{cut.among} AND t_us < {end_us}"
    segments = lake.relation(con, "segment", queries.SEGMENT, cut.sids, minute_us, end_us)
    scalars = lake.relation(con, "scalar", queries.SCALAR, cut.sids, minute_us, end_us)
    sql = summaries.minutes_of(
        f"(SELECT * FROM {segments} WHERE {mine} AND end_us >= {minute_us})",  # noqa: S608
        f"(SELECT * FROM {scalars} WHERE {mine} AND t_us >= {minute_us})",  # noqa: S608
        f"m = {minute_us}",
    )
    summaries.add(con, sql)


def _delete_quarantined(con: Any, span: WornSpan) -> int:
    edge, _, name = span.device.partition(".")
    rows = con.execute(
        "SELECT rowid, received_us, payload FROM quarantine WHERE edge = ? AND "
        "(ends_with(topic, ?) OR ends_with(topic, ?))",
        [edge, f"/d/{name}", f"/b/{name}"],
    ).fetchall()
    mine = [row for row, received_us, data in rows if may_hold(span, received_us, bytes(data))]
    con.execute("DELETE FROM quarantine WHERE rowid IN (SELECT unnest(?))", [mine])
    return len(mine)


def marks(cursor: Any) -> dict[str, list[int]]:
    """How far each copy came, in row numbers of a file without the deleted rows."""
    rows = cursor.execute(
        "SELECT key, value FROM meta WHERE starts_with(key, 'export:')"
    ).fetchall()
    found = {}
    for key, value in rows:
        segment, scalar = json.loads(value)
        counts = cursor.execute(
            "SELECT (SELECT count(*) FROM segment WHERE rowid <= ?), "
            "(SELECT count(*) FROM scalar WHERE rowid <= ?)",
            [segment, scalar],
        ).fetchall()[0]
        found[key] = [int(n) - 1 for n in counts]
    return found


def owe(con: Any, found: Mapping[str, list[int]]) -> None:
    """Note, in the transaction that deletes, that the file has to be written anew."""
    con.execute("INSERT INTO meta VALUES (?, ?)", [_OWED, json.dumps(found)])


def owed(con: Any) -> dict[str, list[int]] | None:
    """The marks for the new file, if one is owed."""
    rows = con.execute("SELECT value FROM meta WHERE key = ?", [_OWED]).fetchall()
    return json.loads(rows[0][0]) if rows else None


def must_have_room(path: Path) -> None:
    """Raises StoreError when a second copy of the file would not fit: nothing was changed yet."""
    free, needed = shutil.disk_usage(path.parent).free, path.stat().st_size
    if free < needed:
        mib = (needed - free) / 2**20
        raise StoreError(f"data_dir: the store cannot be written anew; make {mib:.0f} MiB of room")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file that is open here, by another process. Raises StoreError.

    Closing any handle on a file drops every lock that this process has on it (POSIX.1 fcntl), and
    the lock is what keeps a second gateway out.
    """
    script = "import shutil, sys; shutil.copyfile(*sys.argv[1:])"
    command = [sys.executable, "-I", "-c", script, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COPY_S, check=False)
    if done.returncode:
        raise StoreError(f"the store could not be copied: {done.stderr.strip().splitlines()[-1]}")


def rewrite(path: Path, found: Mapping[str, list[int]]) -> None:
    """Replace the closed file by a fresh copy. Raises StoreError: the old file is still there."""
    draft = path.with_suffix(".fresh")
    draft.unlink(missing_ok=True)
    # As a file, alone: the package's own imports would take longer than a small copy.
    script = Path(__file__).with_name("fresh.py")
    command = [sys.executable, "-I", str(script), str(path), str(draft), form()]
    done = subprocess.run(
        command,
        input=json.dumps(found),
        capture_output=True,
        text=True,
        timeout=COPY_S,
        check=False,
    )
    if done.returncode:
        draft.unlink(missing_ok=True)
        why = done.stderr.strip().splitlines() or ["no reason given"]
        raise StoreError(f"the store could not be written anew: {why[-1]}")
    draft.replace(path)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
