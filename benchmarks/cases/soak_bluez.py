"""The unmodified edge on real BlueZ under trouble: half an hour, or a day of virtual time."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from bluez_books import balanced
from uml import Machine, built

NAME = "soak_bluez"
# An hour takes two minutes of a quiet core; the limit is for one that is fifteen times slower.
_LIMIT_S_PER_HOUR = 1800.0
# What is still loaded in the first minutes is no growth.
_WARM_S = 900.0


def run(settings: Settings) -> list[Row]:
    """Soak a strap and an oximeter; VOINTI_SOAK_HOURS makes it longer or shorter.

    VOINTI_SOAK_MINUTES of real time end it sooner: then the table is of the hours that went by.
    """
    if not built():
        return [Row("not run", "no User-Mode Linux here: make uml")]
    hours = float(os.environ.get("VOINTI_SOAK_HOURS", "0.5" if settings.quick else "24"))
    minutes = float(os.environ.get("VOINTI_SOAK_MINUTES", "inf"))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        machine = Machine(Path(folder) / "share")
        machine.share.mkdir()
        stop = threading.Timer(min(minutes * 60, threading.TIMEOUT_MAX), _touch, [machine.share])
        stop.daemon = True
        stop.start()
        found = machine.play("soak", 600 + hours * _LIMIT_S_PER_HOUR, hours=hours, seed=4)
        stop.cancel()
    real_s = time.monotonic() - began
    return [
        Row("virtual time", found["virtual_s"] / 3600, "h"),
        Row("faster than real time", found["virtual_s"] / real_s, "x"),
        Row("troubles", found["troubles"]),
        *_radio(found),
        *_readings(found),
        *_memory(found["memory"]),
    ]


def _touch(share: Path) -> None:
    """Tell the scene to come to its end after the trouble that it is at."""
    (share / "stop").touch()


def _radio(found: dict[str, Any]) -> list[Row]:
    slowest, kind = found["healed"][0]
    stall, how = found["found"][0] if found["found"] else (0.0, "none")
    by_kind: dict[str, list[float]] = defaultdict(list)
    for healed_s, name in found["healed"]:
        by_kind[name].append(healed_s)
    median = statistics.median(found["connect_s"])
    two = 100 * sum(tries <= 2 for tries in found["tries"]) / len(found["tries"])
    lost = found["unhealed"]
    return [
        Row(f"slowest stall found ({how})", stall, "s", goal="<= 90", met=stall <= 90),
        Row(f"slowest healed ({kind})", slowest, "s", goal="<= 120", met=slowest <= 120),
        Row("not healed", len(lost), goal="0", met=not lost),
        *(Row(f"healed, worst of {len(v)}: {k}", max(v), "s") for k, v in sorted(by_kind.items())),
        Row("connect, median", median, "s", goal="<= 1", met=median <= 1),
        Row("linked within two tries", two, "%", goal=">= 95", met=two >= 95),
    ]


def _readings(found: dict[str, Any]) -> list[Row]:
    try:
        balanced(found)
        books = "yes"
    except AssertionError as error:
        books = f"no: {str(error)[:60]}"
    return [
        Row("readings accepted", found["accepted"]),
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
