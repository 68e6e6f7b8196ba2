"""Gateway, broker and edge killed while a backlog drains, and the broker's database deleted.

VOINTI_KILLS multiplies the number of kills.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from kill_proof import Kills, kills

NAME = "kills"
PLAN = {"gateway": 50, "broker": 10, "database": 3, "edge": 20}
QUICK = {"gateway": 3, "broker": 1, "database": 1, "edge": 2}
# The backlog has to last as long as the kills do: about five seconds each on the narrow line.
HOURS_A_KILL = 0.06


def run(settings: Settings) -> list[Row]:
    """One chain, every kill a row."""
    times = int(os.environ.get("VOINTI_KILLS", "1"))
    plan = {victim: n * times for victim, n in (QUICK if settings.quick else PLAN).items()}
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        found = kills(Path(folder), plan, hours=sum(plan.values()) * HOURS_A_KILL)
    return [*_each(found), *_together(found)]


def _each(found: Kills) -> list[Row]:
    return [
        Row(
            f"{number}. {row.victim}, {row.at_s:.1f} s",
            f"{row.accepted:,} accepted, {row.pending:,} wait, {row.uncommitted} uncommitted",
        )
        for number, row in enumerate(found.rows, 1)
    ]


def _together(found: Kills) -> list[Row]:
    account, worst = found.account, found.most_uncommitted
    mid = sum(row.pending > 0 for row in found.rows)
    yes = "yes" if account.conserved else "no"
    return [
        Row("kills", len(found.rows)),
        Row("of them while a backlog was under way", mid),
        Row("accepted by the edge", account.accepted),
        Row("different readings in the store", account.stored),
        Row("deliveries that were duplicates", account.tally["duplicates"]),
        Row("numbers missing", sum(account.missing.values()), goal="0", met=not account.missing),
        Row("duplicates stored", account.twice, goal="0", met=account.twice == 0),
        Row("accepted = stored + quarantined + lost", yes, goal="yes", met=account.conserved),
        Row(
            "uncommitted readings that the worst kill took",
            worst,
            goal="<= 7 (1 s)",
            met=worst <= 7,
        ),
    ]
