"""The whole chain: how soon it shows a heartbeat, how late a reading is, what an edge costs."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from running_demo import RunningDemo

NAME = "chain"
PATH = "/api/v1/live?pilot=demo-home"


def run(settings: Settings) -> list[Row]:
    """Start a demo, listen to its live stream and look at its edges."""
    seconds = 20.0 if settings.quick else 60.0
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        began = time.monotonic()
        with RunningDemo(Path(folder)) as demo:
            demo.wait_stored(0, 60)
            first_s = time.monotonic() - began
            time.sleep(8)  # every device has found its edge
            late_ms = sorted(_lateness_ms(demo, seconds))
            memory = _resident_mb(demo.pids()["home edge"])
    p50, p99 = late_ms[len(late_ms) // 2], late_ms[int(len(late_ms) * 0.99)]
    return [
        Row("start to first stored reading", first_s, "s", goal="<= 10", met=first_s <= 10),
        Row(f"notification to live stream, p50 of {len(late_ms)}", p50, "ms"),
        Row("notification to live stream, p99", p99, "ms", goal="<= 150", met=p99 <= 150),
        Row("memory of the home edge", memory, "MB", goal="<= 120", met=memory <= 120),
    ]


def _lateness_ms(demo: RunningDemo, seconds: float) -> list[float]:
    """Now minus the arrival time of each heart-rate notification, as a listener sees it."""
    found = []
    until = time.monotonic() + seconds
    with urllib.request.urlopen(demo.url + PATH, timeout=30) as stream:
        for line in stream:
            if time.monotonic() > until:
                return found
            if not line.startswith(b"data: "):
                continue
            reading = json.loads(line[6:])
            if reading.get("stream") == "hr":
                found.append(time.time() * 1e3 - reading["t_us"] / 1e3)
    return found


def _resident_mb(pid: int | None) -> float:
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(row for row in rows if row.startswith("VmRSS")).split()[1]) / 1024
