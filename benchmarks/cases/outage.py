"""13 h without a broker in compressed time, and the way back over 1 Mbit/s and 80 ms.

VOINTI_OUTAGE_HOURS sets another length.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from outage_proof import LINE_BYTES_PER_S, Outage, outage

NAME = "outage"


def run(settings: Settings) -> list[Row]:
    """A fed edge, a real broker and gateway; the line is the project's own slow relay."""
    hours = float(os.environ.get("VOINTI_OUTAGE_HOURS", "0.5" if settings.quick else "13"))
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        found = outage(Path(folder), hours)
    return [*_drain(found), *_account(found)]


def _drain(found: Outage) -> list[Row]:
    share = found.drain_rate / LINE_BYTES_PER_S * 100
    return [
        Row("time without a broker", found.hours, "h"),
        Row("real time that it took to pass", found.filled_s, "s"),
        Row("readings that waited", found.backlog),
        Row("outbox on disk", found.backlog_bytes / 1e6, "MB"),
        Row("backlog drained in", found.drain_s, "s"),
        Row("readings drained a second", found.backlog / found.drain_s, "/s"),
        Row("share of the line while it drains", share, "%", goal=">= 85", met=share >= 85),
        *_late("live without a backlog", found.quiet_late_ms, None),
        *_late("live while the backlog drains", found.late_ms, 150.0),
    ]


def _late(what: str, late_ms: list[float], goal: float | None) -> list[Row]:
    if not late_ms:
        return [Row(what, "nothing came", goal="readings", met=False)]
    p50, p99 = (late_ms[int(len(late_ms) * share)] for share in (0.5, 0.99))
    rows = [Row(f"{what}, p50 of {len(late_ms)}", p50, "ms")]
    if goal is None:
        return [*rows, Row(f"{what}, p99", p99, "ms")]
    return [*rows, Row(f"{what}, p99", p99, "ms", goal=f"<= {goal:.0f}", met=p99 <= goal)]


def _account(found: Outage) -> list[Row]:
    account, tally = found.account, found.account.tally
    yes = "yes" if account.conserved else "no"
    return [
        *(Row(f"last number of {name}", last) for name, last in sorted(account.ranges.items())),
        Row("accepted by the edge", account.accepted),
        Row("different readings in the store", account.stored),
        Row("deliveries that were duplicates", tally["duplicates"]),
        Row("quarantined", tally["quarantined"], goal="0", met=tally["quarantined"] == 0),
        Row("lost", account.lost, goal="0", met=account.lost == 0),
        Row("numbers missing", sum(account.missing.values()), goal="0", met=not account.missing),
        Row("duplicates stored", account.twice, goal="0", met=account.twice == 0),
        Row("accepted = stored + quarantined + lost", yes, goal="yes", met=account.conserved),
    ]
