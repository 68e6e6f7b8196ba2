"""The radio half of an edge under trouble for hours of virtual time."""

from __future__ import annotations

import logging
import sys
import time
from collections import defaultdict

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from radio_soak import Report, soak
from virtual_time import run_virtual

NAME = "soak"


def run(settings: Settings) -> list[Row]:
    """Soak a home of six devices."""
    logging.disable(logging.WARNING)
    hours = 0.25 if settings.quick else 4.0
    began = time.monotonic()
    report = run_virtual(soak(hours * 3600, seed=1))
    logging.disable(logging.NOTSET)
    real_s = time.monotonic() - began
    return [
        Row("virtual time", report.virtual_s / 3600, "h"),
        Row("faster than real time", report.virtual_s / real_s, "x"),
        Row("troubles", report.troubles),
        *_radio(report),
        *_readings(report),
    ]


def _radio(report: Report) -> list[Row]:
    slowest, kind = max(report.healed_s)
    found = max(report.found_s, default=0.0)
    two, median = report.within_two_tries * 100, report.connect_median_s
    by_kind: dict[str, list[float]] = defaultdict(list)
    for healed_s, name in report.healed_s:
        by_kind[name].append(healed_s)
    return [
        Row("slowest stall found", found, "s", goal="<= 90", met=found <= 90),
        Row(f"slowest healed ({kind})", slowest, "s", goal="<= 120", met=slowest <= 120),
        Row("not healed", len(report.unhealed), goal="0", met=not report.unhealed),
        *(Row(f"healed, worst of {len(v)}: {k}", max(v), "s") for k, v in sorted(by_kind.items())),
        Row("connect, median", median, "s", goal="<= 1", met=median <= 1),
        Row("linked within two tries", two, "%", goal=">= 95", met=two >= 95),
    ]


def _readings(report: Report) -> list[Row]:
    counts = report.counts
    return [
        Row("readings accepted", counts.accepted),
        Row(
            "accepted = pending + committed + lost, gap-free",
            "yes" if report.conserved else "no",
            goal="yes",
            met=report.conserved,
        ),
    ]
