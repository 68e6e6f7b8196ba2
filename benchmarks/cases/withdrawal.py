"""How soon a withdrawal, and a pause, stop the radio of the edge: over HTTP, broker and policy.

The simulated strap itself says when its link has ended. VOINTI_WITHDRAWALS is how many there are.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from withdrawal_proof import SETTLED_S, Told, tell

NAME = "withdrawal"
REPETITIONS = 20
QUICK = 3
GOAL_S = 60.0


def run(settings: Settings) -> list[Row]:
    """One chain, every word a sample."""
    plan = QUICK if settings.quick else int(os.environ.get("VOINTI_WITHDRAWALS", REPETITIONS))
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        found = tell(Path(folder), plan, lambda line: print(line, file=sys.stderr), SETTLED_S)
    stored = sum(told.stored_after for told in found)
    return [
        *_rows("withdrawal", [told for told in found if told.kind == "withdrawn"]),
        *_rows("pause", [told for told in found if told.kind == "paused"]),
        Row("readings sent after it that were stored", stored, goal="0", met=stored == 0),
    ]


def _rows(name: str, found: list[Told]) -> list[Row]:
    silent_s = [told.silent_s for told in found]
    back_s = [told.back_s for told in found]
    worst_s = max(silent_s)
    goal = f"<= {GOAL_S:.0f} s"
    return [
        Row(f"{name}: repetitions", len(found)),
        Row(f"{name} until the link has ended, p50", round(statistics.median(silent_s), 2), "s"),
        Row(
            f"{name} until the link has ended, max",
            *(round(worst_s, 2), "s"),
            goal=goal,
            met=worst_s <= GOAL_S,
        ),
        Row(f"{name}: undone until linked again, p50", round(statistics.median(back_s), 2), "s"),
        Row(f"{name}: undone until linked again, max", round(max(back_s), 2), "s"),
    ]
