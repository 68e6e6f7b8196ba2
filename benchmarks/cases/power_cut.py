"""The power of a virtual machine cut at random moments, with the outbox on its disk."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections import Counter
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
    gone = sum(cut.gone for cut in made)
    writing = sum(cut.commits > 0 for cut in made)
    clean = all(cut.clean for cut in made)
    return [
        Row("cuts", len(made)),
        Row("of them while it wrote", writing),
        Row("readings told as durable", sum(cut.acked for cut in made)),
        Row("of them gone", gone, goal="0", met=gone == 0),
        *(Row(f"gone of {device}", n, goal="0", met=n == 0) for device, n in _gone_of(made)),
        Row("outbox sound, gap-free and balanced", "yes" if clean else "no", goal="yes", met=clean),
        *_waits(made),
    ]


def _waits(made: list[Cut]) -> list[Row]:
    """How long what a cut takes had waited: a waveform up to 250 ms, all else 20, and the disk."""
    rows = []
    for class_ in sorted({class_ for cut in made for class_ in cut.waits_s}):
        waits = [wait_s for cut in made for wait_s in cut.waits_s.get(class_, ())]
        longest_s = max(waits)
        rows += [
            Row(f"oldest {class_} of a commit, median wait", statistics.median(waits), "s"),
            Row(f"longest wait, {class_}", longest_s, "s", goal="<= 1", met=longest_s <= 1),
        ]
    return rows


def _gone_of(made: list[Cut]) -> list[tuple[str, int]]:
    gone: Counter[str] = Counter()
    for cut in made:
        gone.update(cut.gone_of)
    return sorted(gone.items())


def _control(careless: list[Cut]) -> list[Row]:
    gone = sum(cut.gone for cut in careless)
    broken = sum(not cut.clean for cut in careless)
    what = f"control: gone without fsync, {len(careless)} cuts, {broken} unclean"
    return [Row(what, gone, goal="> 0", met=gone > 0)]
