"""The gateway's ingest on one core: decoded, checked, agreed, deduplicated, durable values."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.ingest_rig import Run, drain, one_core
from benchmarks.rows import Row, Settings
from benchmarks.strap_payloads import (
    NOTIFIED,
    SECONDS,
    Sent,
    Shape,
    Strap,
    bundles,
    frames,
    live,
    straps,
)

NAME = "ingest"
EDGES, PER_EDGE = 8, 2
#: What an edge puts into one backlog message: some 4 KiB.
BUNDLE = 20
LIVE_GOAL, BUNDLE_GOAL = 4e6, 7e6


def run(settings: Settings) -> list[Row]:
    """Drain what straps sent, live and from a backlog, into the embedded store."""
    homes = straps(EDGES, PER_EDGE)
    seconds, repeats = (60.0, 1) if settings.quick else (300.0, 3)
    settings.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=settings.out) as folder:
        for shape in (SECONDS, NOTIFIED):
            rows += _shape(Path(folder), homes, shape, seconds, repeats)
    return rows


def _shape(
    folder: Path, homes: list[Strap], shape: Shape, seconds: float, repeats: int
) -> list[Row]:
    every = {strap: list(frames(strap, shape, seconds)) for strap in homes}
    rows = []
    for lane, sent, goal in (
        ("live", live(every), LIVE_GOAL),
        ("bundles", bundles(every, BUNDLE), BUNDLE_GOAL),
    ):
        best = _best(folder, homes, sent, repeats)
        rows += _rows(f"{lane}, {shape.name}", best, goal)
    return rows


def _best(folder: Path, homes: list[Strap], sent: list[Sent], repeats: int) -> Run:
    runs = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(dir=folder) as place, one_core():
            runs.append(drain(Path(place) / "bench.duckdb", homes, sent))
    return min(runs, key=lambda run: run.cpu_s)


def _rows(name: str, best: Run, goal: float) -> list[Row]:
    rate = best.values / best.cpu_s
    commits = sorted(best.commits_ms)
    p50, p95 = commits[len(commits) // 2], commits[int(len(commits) * 0.95)]
    return [
        Row(
            f"{name}: a CPU second",
            rate,
            "values/s",
            goal=f">= {goal / 1e6:.0f} M",
            met=rate >= goal,
        ),
        Row(f"{name}: a second by the clock", best.values / best.wall_s, "values/s"),
        Row(f"{name}: CPU a frame", best.cpu_s / best.frames * 1e6, "us"),
        Row(f"{name}: commit, p50 of {len(commits)}", p50, "ms"),
        Row(f"{name}: commit, p95", p95, "ms"),
    ]
