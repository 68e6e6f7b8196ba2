"""What one edge costs: six devices, two of them with raw ECG, on the virtual radio.

VOINTI_COST_HOURS sets how much compressed time shows that nothing grows (168: a week).
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from byte_proof import Size, simulated
from cost_proof import Cost, Growth, cost, growth

NAME = "edge_cost"
GB = 1e9
DAY_S = 86_400
#: Seeds: who walks sends more than who sits, and two minutes of anybody may be a walk.
PEOPLE = (1, 2, 3, 4)


def run(settings: Settings) -> list[Row]:
    """A real edge for a minute, and a fed one for a compressed day."""
    seconds = 20.0 if settings.quick else 120.0
    hours = float(os.environ.get("VOINTI_COST_HOURS", "0.5" if settings.quick else "24"))
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        found = cost(Path(folder), seconds)
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        grown = growth(Path(folder), hours)
    minutes = 10 if settings.quick else 60
    mean = simulated(PEOPLE, minutes * 60.0)
    return [*_edge(found), *_bytes(found, mean, minutes), *_growth(grown)]


def _edge(found: Cost) -> list[Row]:
    cpu, radio, rss = found.cpu_share * 100, found.radio_share * 100, found.rss_mb
    return [
        Row("devices; seconds measured", f"{found.devices}; {found.seconds:.0f}"),
        Row("readings a second", found.readings / found.seconds, "/s"),
        Row("processor, share of one core", cpu, "%", goal="<= 3", met=cpu <= 3),
        Row("  of it the virtual radio's host, not on a Pi", radio, "%"),
        Row("  of it the edge itself", cpu - radio, "%"),
        Row("memory (RSS)", rss, "MB", goal="<= 90", met=rss <= 90),
        Row("disk writes", found.written / found.seconds * DAY_S / GB, "GB a day"),
    ]


def _bytes(found: Cost, mean: Size, minutes: int) -> list[Row]:
    now = found.size
    name = f"live, raw ECG + ACC, {minutes} minutes of {len(PEOPLE)} people"
    return [
        Row("live messages", found.live_messages_per_s, "/s"),
        Row("live, raw ECG + ACC, in these seconds", now.live, "B/value"),
        Row("  all that a strap says, by raw values", now.live_all, "B/value"),
        Row("  in bundles, raw ECG + ACC", now.bundled, "B/value"),
        Row(name, mean.live, "B/value", goal="<= 1.15", met=mean.live <= 1.15),
        Row("  all that a strap says, by raw values", mean.live_all, "B/value"),
        Row("  in bundles", mean.bundled, "B/value", goal="<= 1.0", met=mean.bundled <= 1.0),
    ]


def _growth(grown: Growth) -> list[Row]:
    more, account = grown.last_mb - grown.early_mb, grown.account
    even = account.conserved and account.lost == 0
    return [
        Row("compressed time", grown.hours, "h"),
        Row("readings through the outbox", grown.readings),
        Row("processor a reading, without radio", grown.cpu_s / grown.readings * 1e6, "us"),
        Row("memory after a tenth of it", grown.early_mb, "MB"),
        Row("growth after that", more, "MB", goal="<= 5", met=more <= 5),
        Row("  at most on the way", grown.most_mb - grown.early_mb, "MB"),
        Row("accepted; lost", f"{account.accepted:,}; {account.lost}"),
        Row("in the store; twice", f"{account.stored:,}; {account.twice}"),
        Row("accepted = stored, none lost", "yes" if even else "no", goal="yes", met=even),
    ]
