"""Removing rows from the file, and the file from the disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vointi_contract.codec import decode
from vointi_contract.errors import ContractError

from ...errors import StoreError
from ..model import ErasedRows, WornSpan

#: A copy runs at some 6 M rows a second; this is a store a hundred times a city's.
COPY_S = 3600


def delete(
    con: Any, spans: Sequence[WornSpan], series: Mapping[tuple[str, str, str], int]
) -> ErasedRows:
    """Delete the spans' rows in the transaction at hand."""
    total = ErasedRows()
    for span in spans:
        sids = [sid for (device, *_), sid in series.items() if device == span.device]
        where = "sid IN (SELECT unnest(?)) AND (t_us IS NULL OR (t_us >= ? AND t_us < ?))"
        values = [sids, span.from_us, span.to_us]
        segments = con.execute(f"DELETE FROM segment WHERE {where}", values).fetchall()[0][0]  # noqa: S608
        scalars = con.execute(f"DELETE FROM scalar WHERE {where}", values).fetchall()[0][0]  # noqa: S608
        total += ErasedRows(int(segments), int(scalars), _delete_quarantined(con, span))
    return total


def _delete_quarantined(con: Any, span: WornSpan) -> int:
    edge, _, name = span.device.partition(".")
    rows = con.execute(
        "SELECT rowid, received_us, payload FROM quarantine WHERE edge = ? AND "
        "(ends_with(topic, ?) OR ends_with(topic, ?))",
        [edge, f"/d/{name}", f"/b/{name}"],
    ).fetchall()
    mine = [row for row, received_us, data in rows if _within(span, received_us, bytes(data))]
    con.execute("DELETE FROM quarantine WHERE rowid IN (SELECT unnest(?))", [mine])
    return len(mine)


def _within(span: WornSpan, received_us: int, payload: bytes) -> bool:
    """Whether a delivery may hold something of the span; by its arrival if it cannot be read."""
    try:
        times = [frame.wall_us for frame in decode(payload).frames]
    except ContractError:
        times = []
    if not times or None in times:
        return received_us >= span.from_us
    return any(t is not None and span.from_us <= t < span.to_us for t in times)


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
    command = [sys.executable, "-I", str(script), str(path), str(draft)]
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
