"""The unmodified edge on real BlueZ under trouble, by days of virtual time.

    python -m benchmarks --only soak_bluez --hours 24 --seed 1 --seed 2 … --seed 7

A week is seven days with a seed each. What a day found is kept in the folder of results: a day that
is there is not played again, so a week may be interrupted, or its days played side by side.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from bluez_books import balanced
from uml import Machine, built

NAME = "soak_bluez"
# An hour takes a minute of a quiet core; the limit is for one that is thirty times slower.
_LIMIT_S_PER_HOUR = 1800.0
# What is still loaded in the first minutes is no growth.
_WARM_S = 900.0

Found = dict[str, Any]


def run(settings: Settings) -> list[Row]:
    """Soak a strap and an oximeter for `--hours` (24), once for each `--seed` (1).

    `--minutes` of real time end a day sooner: then the table is of the hours that went by, and the
    day is begun anew the next time.
    """
    if not built():
        return [Row("not run", "no User-Mode Linux here: make uml")]
    hours = settings.hours or (0.5 if settings.quick else 24.0)
    days = [_day(settings, hours, seed) for seed in settings.seeds or (1,)]
    virtual_h = sum(day["virtual_s"] for day in days) / 3600
    cost_s = sum(day["cpu_s"] for day in days) / virtual_h
    return [
        Row("virtual time", virtual_h, "h"),
        Row("days, each with a seed", len(days)),
        Row("processor time of a virtual hour", cost_s, "s"),
        Row("troubles", sum(day["troubles"] for day in days)),
        *_radio(days),
        *_readings(days),
        *_memory([life for day in days for life in day["memory"]]),
    ]


def _day(settings: Settings, hours: float, seed: int) -> Found:
    """One seed's hours: as they were found before, or played now."""
    file = settings.out / f"{NAME}-{hours:g}h-seed-{seed}.json"
    if file.exists():
        found: Found = json.loads(file.read_text())
        if found["virtual_s"] >= hours * 3600:
            return found
    found = _play(hours, seed, settings.minutes)
    settings.out.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found))
    return found


def _play(hours: float, seed: int, minutes: float | None) -> Found:
    cores = sorted(os.sched_getaffinity(0))
    before_s = _children_s()
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        machine = Machine(Path(folder) / "share", cpu=cores[seed % len(cores)])
        machine.share.mkdir()
        within_s = threading.TIMEOUT_MAX if minutes is None else minutes * 60
        stop = threading.Timer(within_s, _touch, [machine.share])
        stop.daemon = True
        stop.start()
        found = machine.play("soak", 600 + hours * _LIMIT_S_PER_HOUR, hours=hours, seed=seed)
        stop.cancel()
    return {**found, "cpu_s": _children_s() - before_s}


def _children_s() -> float:
    """Processor time of what was started here and has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _touch(share: Path) -> None:
    """Tell the scene to come to its end after the trouble that it is at."""
    (share / "stop").touch()


def _radio(days: list[Found]) -> list[Row]:
    healed, found, lost, connect_s, tries = (
        [each for day in days for each in day[key]]
        for key in ("healed", "found", "unhealed", "connect_s", "tries")
    )
    slowest, kind = max(healed)
    stall, how = max(found, default=(0.0, "none"))
    by_kind: dict[str, list[float]] = defaultdict(list)
    for healed_s, name in healed:
        by_kind[name].append(healed_s)
    median = statistics.median(connect_s)
    two = 100 * sum(tried <= 2 for tried in tries) / len(tries)
    return [
        Row(
            f"slowest stall of {len(found)} found ({how})",
            stall,
            "s",
            goal="<= 90",
            met=stall <= 90,
        ),
        Row(f"slowest healed ({kind})", slowest, "s", goal="<= 120", met=slowest <= 120),
        Row("not healed", len(lost), goal="0", met=not lost),
        *(Row(f"healed, worst of {len(v)}: {k}", max(v), "s") for k, v in sorted(by_kind.items())),
        Row("links made", len(tries)),
        Row("connect, median", median, "s", goal="<= 1", met=median <= 1),
        Row("linked within two tries", two, "%", goal=">= 95", met=two >= 95),
    ]


def _readings(days: list[Found]) -> list[Row]:
    books = "yes"
    for day in days:
        try:
            balanced(day)
        except AssertionError as error:
            books = f"no: {str(error)[:60]}"
    return [
        Row("readings accepted", sum(day["accepted"] for day in days)),
        Row("each at the gateway once", books, goal="yes", met=books == "yes"),
    ]


def _memory(lives: list[list[list[float]]]) -> list[Row]:
    """The edge's resident memory: the most of all, and how it grew in its longest life."""
    most = max(kb for life in lives for _, kb in life) / 1024
    longest = max(lives, key=lambda life: life[-1][0] if life else 0)
    warm = [kb / 1024 for age_s, kb in longest if age_s >= _WARM_S]
    rows = [Row("memory of the edge, most", most, "MB", goal="<= 90", met=most <= 90)]
    if len(warm) > 1:
        hours = (longest[-1][0] - _WARM_S) / 3600
        rows.append(Row(f"memory, last less first of {hours:.1f} h", warm[-1] - warm[0], "MB"))
    return rows
