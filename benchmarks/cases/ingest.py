"""The gateway's ingest on one core: decoded, checked, agreed, deduplicated, durable values.

A group's frames are those of a Polar H10: 73 samples of ECG, 36 of acceleration on three axes, a
heart rate with its intervals; or a second of each. They come as edges send them: packed, live ones
with what waited for each other (edge, `LiveLane`). One line says what single ones in format 0x01
cost, which an edge sends to an older gateway. CPU seconds are judged, because other work on
the machine cannot take them; what the clock said stands beside them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.ingest_rig import Run, drain, one_core, resident_mb
from benchmarks.ingest_stages import commit_times, measure
from benchmarks.rows import Row, Settings
from benchmarks.strap_payloads import (
    NOTIFIED,
    SECONDS,
    Sent,
    Strap,
    alone,
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
#: What the writer takes at once when so much waits.
GROUP = 2000
COMMIT_VALUES, COMMIT_GOAL_MS = 10_000, 10.0
POINTS_GOAL = 10.0
FRAMES_HZ, LATE_GOAL_MS = 2000.0, 50.0
#: With a merge of row groups and a pass of the summaries in it, which come once a minute.
LATE_S = 90.0


def run(settings: Settings) -> list[Row]:
    """Drain what straps sent, live and from a backlog, into the embedded store."""
    homes = straps(EDGES, PER_EDGE)
    seconds, repeats = (60.0, 2) if settings.quick else (300.0, 4)
    settings.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=settings.out) as place:
        folder = Path(place)
        for shape in (SECONDS, NOTIFIED):
            every = {strap: list(frames(strap, shape, seconds)) for strap in homes}
            now, later, single = live(every), bundles(every, BUNDLE), alone(every)
            for lane, sent, goal in (
                ("live", now, LIVE_GOAL),
                ("bundles", later, BUNDLE_GOAL),
                ("live in format 0x01", single, None),
            ):
                best, grown_mb = _best(folder, homes, sent, repeats)
                rows += _rates(f"{lane}, {shape.name}", best, goal)
                rows.append(Row(f"{lane}, {shape.name}: memory grown by it", grown_mb, "MB"))
        rows += _stages(folder, homes, "live", now[:GROUP])
        rows += _stages(folder, homes, "live in format 0x01", single[:GROUP])
        rows += _stages(folder, homes, "bundles", later[: GROUP // BUNDLE])
        rows += _commits(folder, homes, now)
        rows += _peer(rows, now[:GROUP])
        rows += _late(folder, 3.0 if settings.quick else LATE_S)
    return rows


def _best(folder: Path, homes: list[Strap], sent: list[Sent], repeats: int) -> tuple[Run, float]:
    """The run that cost least, and what memory the later ones took beyond the first."""
    runs, memory = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(dir=folder) as place, one_core():
            runs.append(drain(Path(place) / "bench.duckdb", homes, sent))
        memory.append(resident_mb())
    return min(runs, key=lambda run: run.cpu_s), memory[-1] - memory[0]


def _rates(name: str, best: Run, goal: float | None) -> list[Row]:
    rate = best.values / best.cpu_s
    words, met = ("", None) if goal is None else (f">= {goal / 1e6:.0f} M", rate >= goal)
    return [
        Row(f"{name}: a CPU second", rate, "values/s", goal=words, met=met),
        Row(f"{name}: a second by the clock", best.values / best.wall_s, "values/s"),
        Row(f"{name}: CPU a frame", best.cpu_s / best.frames * 1e6, "us"),
    ]


def _stages(folder: Path, homes: list[Strap], lane: str, sent: list[Sent]) -> list[Row]:
    """The stages of one full group, as CPU time for each frame."""
    with tempfile.TemporaryDirectory(dir=folder) as place, one_core():
        found = measure(Path(place), homes, sent)
    count = sum(message.frames for message in sent)
    parts = {
        "decompress": found.unpack_s,
        "parse, check, sum (compiled)": found.read_s,
        "dedup, consent, group": found.decide_s,
        "columns for the store": found.columns_s,
        "transaction": found.transaction_s,
    }
    rows = [
        Row(f"{lane}, stage: {name}", part / count * 1e6, "us/frame")
        for name, part in parts.items()
    ]
    ours, pure = found.unpack_s + found.read_s, found.pure_s
    return [
        *rows,
        Row(f"{lane}, all stages", found.total_s / count * 1e6, "us/frame"),
        Row(
            f"{lane}, decode",
            ours / count * 1e6,
            "us/frame",
            pure / count * 1e6,
            "the contract's reader (Protobuf library, numpy)",
            pure / ours,
        ),
    ]


def _commits(folder: Path, homes: list[Strap], sent: list[Sent]) -> list[Row]:
    """How long a commit of ten thousand values takes by the clock."""
    per = COMMIT_VALUES * len(sent) // sum(message.values for message in sent)
    with one_core():
        times = sorted(commit_times(folder / "commits.duckdb", homes, list(_batched(sent, per))))
    p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
    goal = f"<= {COMMIT_GOAL_MS:.0f}"
    return [
        Row(f"commit of {COMMIT_VALUES:,} values, p50 of {len(times)}", p50, "ms"),
        Row(
            f"commit of {COMMIT_VALUES:,} values, p95",
            p95,
            "ms",
            goal=goal,
            met=p95 <= COMMIT_GOAL_MS,
        ),
        Row(f"commit of {COMMIT_VALUES:,} values, slowest: with a checkpoint", times[-1], "ms"),
    ]


def _peer(rows: list[Row], sent: list[Sent]) -> list[Row]:
    """Ours, live, beside a script with influxdb-client's Points, both without the MQTT client."""
    from benchmarks.point_script import values_per_cpu_second

    name = f"live, {NOTIFIED.name}: a CPU second"
    ours = next(float(row.ours) for row in rows if row.metric == name)
    try:
        with one_core():
            peer = values_per_cpu_second(sent[: GROUP // 8])
    except ImportError:
        return [Row("beside a Point script", "influxdb-client is not installed")]
    ratio = ours / peer
    return [
        Row(
            "beside a Point script",
            ours,
            "values/s",
            peer,
            "JSON to influxdb-client Points to a server that only says 204",
            ratio,
            f">= {POINTS_GOAL:.0f}x",
            ratio >= POINTS_GOAL,
        )
    ]


def _late(folder: Path, seconds: float) -> list[Row]:
    """Publish to queryable, through mosquitto and a gateway process, on every core there is."""
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") is None:
        return [Row("publish to queryable", "mosquitto is not installed")]
    from benchmarks.publish_rig import gateway, in_time, p50_p99, steady

    with gateway(folder) as (process, edges):
        sent = steady(edges, FRAMES_HZ, seconds)
        p50, p99 = p50_p99(process, sent)
        soon, counted = in_time(process, LATE_GOAL_MS)
    name = f"publish to queryable at {FRAMES_HZ:,.0f} frames/s"
    share = 100 * soon / sent
    return [
        Row(f"{name}, p50 of the last 4,096", p50, "ms"),
        Row(f"{name}, p99 of the last 4,096", p99, "ms"),
        Row(
            f"{name}, within {LATE_GOAL_MS:.0f} ms of all {counted:,}",
            share,
            "%",
            goal=">= 99",
            met=share >= 99,
        ),
    ]


def _batched(sent: list[Sent], size: int) -> Iterator[list[Sent]]:
    for at in range(0, len(sent) - size + 1, size):
        yield sent[at : at + size]
