"""The whole chain: how soon it shows a heartbeat, how late a reading is, what an edge costs."""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from chromium import distinct_pictures, open_browser
from running_demo import RunningDemo, wait_for

NAME = "chain"
SPOT_STREAMS = ("hr", "spo2")
PAGE, CANVAS = "/pilots/demo-home", ".ecg canvas"
PATH = "/api/v1/live?pilot=demo-home"


def run(settings: Settings) -> list[Row]:
    """Start a demo, listen to its live stream and look at its edges."""
    seconds = 20.0 if settings.quick else 60.0
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        began = time.monotonic()
        with RunningDemo(Path(folder)) as demo:
            first_s, late_ms = _listen(demo, began, seconds)
            memory = _resident_mb(demo.pids()["home edge"])
        moving_s = _moving_s(Path(folder))
    late_ms.sort()
    p50, p99 = late_ms[len(late_ms) // 2], late_ms[int(len(late_ms) * 0.99)]
    return [
        Row(
            "start to the first ECG on the live stream",
            first_s,
            "s",
            goal="<= 10",
            met=first_s <= 10,
        ),
        Row(
            "start to a moving trace in a browser", moving_s, "s", goal="<= 10", met=moving_s <= 10
        ),
        Row(f"notification to live stream, p50 of {len(late_ms)}", p50, "ms"),
        Row("notification to live stream, p99", p99, "ms", goal="<= 150", met=p99 <= 150),
        Row("memory of the home edge", memory, "MB", goal="<= 120", met=memory <= 120),
    ]


def _moving_s(folder: Path) -> float:
    """Seconds from the start of another demo until a waiting browser shows the trace move."""
    with open_browser() as browser:
        page = browser.new_page()
        began = time.monotonic()
        with RunningDemo(folder) as demo:
            wait_for(demo.health, 60, "the gateway answers")
            page.goto(demo.url + PAGE)
            page.locator(CANVAS).wait_for()
            while distinct_pictures(page, CANVAS, 3, 50) < 3:
                if time.monotonic() > began + 60:
                    raise TimeoutError("no moving trace within 60 s")
            return time.monotonic() - began


def _listen(demo: RunningDemo, began: float, seconds: float) -> tuple[float, list[float]]:
    """Seconds from the start to the first ECG, and how late each spot notification came.

    Heart rate and oximetry are stamped when their notification arrives, so now minus that stamp
    is the way through the whole chain. Every one counts, from the first that the edge has taken.
    """
    first_s, late_ms = 0.0, []
    with _stream(demo) as stream:
        for line in stream:
            if first_s and time.monotonic() > began + first_s + seconds:
                break
            if not line.startswith(b"data: "):
                continue
            reading = json.loads(line[6:])
            if reading.get("stream") == "ecg":
                first_s = first_s or time.monotonic() - began
            if reading.get("stream") in SPOT_STREAMS:
                late_ms.append(time.time() * 1e3 - reading["t_us"] / 1e3)
    return first_s, late_ms


def _stream(demo: RunningDemo) -> http.client.HTTPResponse:
    """The live stream, as soon as the gateway answers."""
    until = time.monotonic() + 60
    while True:
        try:
            return urllib.request.urlopen(demo.url + PATH, timeout=30)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _resident_mb(pid: int | None) -> float:
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(row for row in rows if row.startswith("VmRSS")).split()[1]) / 1024
