"""Row groups merged by the minute's pass, minute after minute: what waits for it, and in memory.

Nothing is committed meanwhile. The peer is the same store with row groups of the engine's size.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from vointi_gateway.store.embedded import EmbeddedStore, opening

from benchmarks.ingest_rig import resident_mb
from benchmarks.rows import Row, Settings

NAME = "merges"
#: What the engine takes by itself.
ENGINES = 122_880
#: Checkpoints between two merges, and rows of each: 2,000 frames a second for a minute.
CHECKPOINTS, ROWS = 28, 4000
SAMPLES = 73
_ROWS = f"""
    INSERT INTO segment
    SELECT i % 20, 1, i, i * 561538, i * 561538, 0, NULL, 3, 1000, 130, {SAMPLES}, 0, 1, 0,
        list_min(v), list_max(v), list_sum(v), v
    FROM (
        SELECT i, list_transform(range({SAMPLES}),
            lambda k: CAST(400 * sin((i * {SAMPLES} + k) / 17) AS INTEGER)
                + CAST(hash(i * 523 + k) % 31 AS INTEGER)) AS v
        FROM range({{first}}, {{last}}) r(i)
    )
"""


@dataclass(frozen=True, slots=True)
class Merge:
    """What one merge took."""

    wall_s: float
    cpu_s: float
    more_mb: float


def run(settings: Settings) -> list[Row]:
    """Merge several minutes' row groups one after the other, in either store."""
    minutes = 2 if settings.quick else 6
    settings.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.out) as folder, _row_group(ENGINES):
        engines = list(_merges(Path(folder), minutes))
    with tempfile.TemporaryDirectory(dir=settings.out) as folder:
        ours = list(_merges(Path(folder), minutes))
    mine, peer = _worst(ours), _worst(engines)
    name = f"row groups of {ENGINES:,}"
    return [
        Row("rows of each minute", CHECKPOINTS * ROWS),
        _row("slowest merge, by the clock", mine.wall_s, peer.wall_s, "s", name),
        _row("slowest merge, processor", mine.cpu_s, peer.cpu_s, "s", name),
        _row("memory of a merge, most", mine.more_mb, peer.more_mb, "MB", name),
    ]


def _row(metric: str, ours: float, peer: float, unit: str, name: str) -> Row:
    return Row(metric, ours, unit, peer, name, peer / ours if ours else None)


def _worst(merges: list[Merge]) -> Merge:
    return Merge(
        max(merge.wall_s for merge in merges),
        max(merge.cpu_s for merge in merges),
        max(merge.more_mb for merge in merges),
    )


@contextmanager
def _row_group(rows: int) -> Iterator[None]:
    """Let files that are opened have row groups of this size."""
    before = opening.ROW_GROUP
    opening.ROW_GROUP = rows
    try:
        yield
    finally:
        opening.ROW_GROUP = before


def _merges(folder: Path, minutes: int) -> Iterator[Merge]:
    store = EmbeddedStore(folder / "merges.duckdb")
    store.open()
    con, at = store._con, 0
    try:
        for _ in range(minutes):
            for _ in range(CHECKPOINTS):
                con.execute(_ROWS.format(first=at, last=at + ROWS))
                con.execute("FORCE CHECKPOINT")
                at += ROWS
            con.execute(_ROWS.format(first=at, last=at + 1))  # the log has something
            at += 1
            store._checkpoints.begin()
            store._checkpoints.committed({"segment": pa.table({"n": [1]})})
            store._let_go()
            yield _merge(store)
    finally:
        store.close()


def _merge(store: EmbeddedStore) -> Merge:
    assert store._checkpoints.merge_due
    before, seen, done = resident_mb(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            seen.append(resident_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        store._merge_groups()
    finally:
        wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        done.set()
        watcher.join()
    if store._checkpoints.merge_due:
        raise RuntimeError("the merge failed: somebody else wrote")
    return Merge(wall_s, cpu_s, max(seen) - before)
