"""The power of a virtual machine cut at random moments, with the outbox on its disk."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from power_proof import Cut, cuts, possible

NAME = "power_cut"


def run(settings: Settings) -> list[Row]:
    """Cuts of the outbox as it is, and of one without fsync: there the proof has to fail."""
    why_not = possible()
    if why_not:
        return [Row("not run", why_not)]
    count, control = (3, 2) if settings.quick else (20, 4)
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        made = cuts(Path(folder), count)
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        careless = cuts(Path(folder), control, seed=2, unsafe=True)
    return [*_each(made), *_together(made), *_control(careless)]


def _each(made: list[Cut]) -> list[Row]:
    return [
        Row(
            f"{number}. after {cut.after_s:.1f} s",
            f"{cut.acked:,} told in {cut.commits:,} commits, {cut.gone} gone, {cut.integrity}",
        )
        for number, cut in enumerate(made, 1)
    ]


def _together(made: list[Cut]) -> list[Row]:
    gone, longest_s = sum(cut.gone for cut in made), max(cut.longest_wait_s for cut in made)
    writing = sum(cut.commits > 0 for cut in made)
    clean = all(cut.clean for cut in made)
    return [
        Row("cuts", len(made)),
        Row("of them while it wrote", writing),
        Row("readings told as durable", sum(cut.acked for cut in made)),
        Row("of them gone", gone, goal="0", met=gone == 0),
        Row("outbox sound, gap-free and balanced", "yes" if clean else "no", goal="yes", met=clean),
        Row("longest wait for a commit", longest_s, "s", goal="<= 1", met=longest_s <= 1),
    ]


def _control(careless: list[Cut]) -> list[Row]:
    gone = sum(cut.gone for cut in careless)
    broken = sum(not cut.clean for cut in careless)
    what = f"control: gone without fsync, {len(careless)} cuts, {broken} unclean"
    return [Row(what, gone, goal="> 0", met=gone > 0)]
