"""Gateway, broker and store killed, stopped and slowed, the disk full or slow, either store.

All of it under load. VOINTI_KILLS multiplies the number of faults, VOINTI_KILLS_STORE names one
store. `--minutes N` ends each store's turn after N with as many as were done by then.

A full disk is what stops the embedded store, a slow one what slows it; InfluxDB is stopped, slowed
and killed beside that.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from store_kills import BACKENDS, Outcome, kills

NAME = "kills_gateway"
PLAN = {"gateway": 100, "broker": 10, "full": 5, "sync": 5}
QUICK = {"gateway": 3, "broker": 1, "full": 1, "sync": 1}
TROUBLE = {"stop": 5, "slow": 5, "kill": 10}
QUICK_TROUBLE = {"stop": 1, "slow": 1, "kill": 1}


def run(settings: Settings) -> list[Row]:
    """Each store in turn."""
    named = os.environ.get("VOINTI_KILLS_STORE")
    backends = BACKENDS if named is None else (named,)
    return [row for backend in backends for row in _rows(_measure(backend, settings))]


def _measure(backend: str, settings: Settings) -> Outcome:
    plan = dict(QUICK if settings.quick else PLAN)
    if backend == "influx":
        plan |= QUICK_TROUBLE if settings.quick else TROUBLE
    times = int(os.environ.get("VOINTI_KILLS", "1"))
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        planned = {fault: n * times for fault, n in plan.items()}
        longest_s = math.inf if settings.minutes is None else settings.minutes * 60
        return kills(Path(folder), backend, planned, longest_s=longest_s, tell=_say)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _rows(found: Outcome) -> list[Row]:
    faults = ", ".join(f"{n} {fault}" for fault, n in found.done.items())
    name = found.backend
    same = found.counts["stored"] == found.sent
    return [
        Row(f"{name}: faults", faults),
        Row(f"{name}: gateways killed after they had made something durable", found.at_work),
        Row(f"{name}: under load for", round(found.took_s), "s"),
        Row(f"{name}: readings sent", found.sent),
        Row(f"{name}: deliveries that were duplicates", found.counts["duplicates"]),
        Row(f"{name}: lost", found.missing, goal="0", met=found.missing == 0),
        Row(f"{name}: stored twice", found.twice, goal="0", met=found.twice == 0),
        Row(f"{name}: counted as stored", found.counts["stored"], goal="as sent", met=same),
    ]
