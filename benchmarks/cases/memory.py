"""What a gateway process holds in memory while it takes readings for an hour (`--minutes N`).

Everything runs as in a house: broker, gateway, embedded store, summaries by the minute.
VOINTI_FRAMES_HZ sends an hour's frames in less time: 1000 for 12 minutes are as many.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.rows import Row, Settings

NAME = "memory"
#: A home of six devices gives some six frames a second: thirty homes.
FRAMES_HZ = float(os.environ.get("VOINTI_FRAMES_HZ", "200"))
#: Of a run that says something while one waits for it; of the full one.
QUICK_MINUTES, FULL_MINUTES = 2.0, 60.0
SAMPLE_S = 5.0
#: From the second sixth of the run to the last one. Before that caches fill.
GOAL_PERCENT = 10.0


def run(settings: Settings) -> list[Row]:
    """Publish at a steady rate and look at the process every few seconds."""
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") is None:
        return [Row("memory of a gateway", "mosquitto is not installed")]
    minutes = settings.minutes or (QUICK_MINUTES if settings.quick else FULL_MINUTES)
    settings.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.out) as folder:
        return _rows(minutes, *_measure(Path(folder), minutes * 60))


def _measure(folder: Path, seconds: float) -> tuple[int, list[float]]:
    """Frames sent and stored, and the gateway's megabytes by time."""
    from benchmarks.publish_rig import gateway, steady, wait_for

    sent, found = 0, []
    with gateway(folder) as (process, edges):
        assert process.child is not None
        for _ in range(max(6, round(seconds / SAMPLE_S))):
            sent = steady(edges, FRAMES_HZ, SAMPLE_S, sent)
            found.append(sum(map(_resident_mb, _family(process.child.pid))))
        wait_for(lambda: process.counts()["stored"] >= sent, 120)
    return sent, found


def _family(pid: int) -> Iterator[int]:
    """The process and those that it started."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _family(int(child))


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _slope(found: list[float]) -> tuple[float, float]:
    """Megabytes a look by Theil and Sen, and half of what 95 of 100 resampled runs span.

    Looks follow one another too closely to be independent: runs of a twelfth are resampled.
    """
    chance, length = Random(1), max(1, len(found) // 12)
    looks = list(enumerate(found))
    starts = range(len(looks) - length + 1)
    again = sorted(
        _median_slope(
            [each for at in chance.choices(starts, k=12) for each in looks[at : at + length]]
        )
        for _ in range(200)
    )
    return _median_slope(looks), (again[194] - again[5]) / 2


def _median_slope(looks: list[tuple[int, float]]) -> float:
    thin = looks[:: max(1, len(looks) // 60)]
    pairs = ((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(thin, 2) if a[0] != b[0])
    return median(pairs)


def _rows(minutes: float, sent: int, found: list[float]) -> list[Row]:
    sixth = len(found) // 6
    slope, unsure = _slope(found[sixth:])
    early, late = median(found[sixth : 2 * sixth]), median(found[-sixth:])
    grown = 100 * (late - early) / early
    whole = minutes >= FULL_MINUTES
    return [
        Row("run", minutes, "min"),
        Row(f"frames stored, at {FRAMES_HZ:.0f} a second", sent),
        Row("first look", found[0], "MB"),
        Row("second sixth", early, "MB"),
        Row("last sixth", late, "MB"),
        Row("most", max(found), "MB"),
        Row("slope from the second sixth on", slope * 3600 / SAMPLE_S, "MB/h"),
        Row("its uncertainty (95 %)", unsure * 3600 / SAMPLE_S, "MB/h"),
        Row(
            "grown from the second sixth to the last",
            grown,
            "%",
            goal=f"<= {GOAL_PERCENT:.0f} over an hour" if whole else "",
            met=grown <= GOAL_PERCENT if whole else None,
        ),
    ]
