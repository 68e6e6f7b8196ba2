"""The demo as a person meets it: it fills the store, shows what it says, and leaves nothing."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from running_demo import BIN, RunningDemo, wait_for

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]

DEVICES = {
    "home-1.strap-1", "home-1.oximeter-1", "home-1.thermometer-1", "home-1.scale-1",
    "home-1.cuff-1", "home-1.bedroom-air", "point-1.hall-air", "point-1.window-air",
    "point-1.box-1",
}  # fmt: skip


@pytest.fixture(scope="module")
def demo(module_tmp: Path) -> Iterator[RunningDemo]:
    with RunningDemo(module_tmp, "--seed", "3") as running:
        running.wait_stored(50)
        yield running


def test_every_device_delivers(demo: RunningDemo) -> None:
    def delivering() -> set[str]:
        return {row["device"] for row in demo.get("/api/v1/devices") if row["last_us"]}

    wait_for(lambda: delivering() >= DEVICES, 60, "all nine devices have delivered")
    assert delivering() == DEVICES


def test_the_counts_agree_at_every_look(demo: RunningDemo) -> None:
    seen = []
    for _ in range(20):
        counts = demo.counts()
        rest = sum(counts[name] for name in ("stored", "duplicates", "quarantined", "lost"))
        assert counts["accepted"] == rest
        seen.append(counts["stored"])
        time.sleep(0.1)
    assert seen[-1] > seen[0]
    assert counts["quarantined"] == counts["lost"] == 0


def test_the_heart_rates_of_one_person_agree(demo: RunningDemo) -> None:
    """The strap's own heart rate, the oximeter's pulse and the edge's beats are one heart."""

    def recent(device: str, metric: str) -> list[float]:
        path = f"/api/v1/series?device={device}&metric={metric}&from=-20s"
        return list(demo.get(path)["value"])

    wait_for(lambda: len(recent("home-1.strap-1", "beat")) > 12, 40, "twelve beats")
    heart = recent("home-1.strap-1", "heart_rate")
    intervals = recent("home-1.strap-1", "rr_interval")
    pulse = recent("home-1.oximeter-1", "pulse_rate")
    mean = sum(heart) / len(heart)
    assert 40 < mean < 180
    assert sum(pulse) / len(pulse) == pytest.approx(mean, abs=6)
    assert 60_000 / (sum(intervals) / len(intervals)) == pytest.approx(mean, abs=6)


def test_raw_ecg_is_regular_and_whole(demo: RunningDemo) -> None:
    wait_for(lambda: demo.counts()["stored"] > 200, 60, "some seconds of ECG")
    series = demo.get("/api/v1/series?device=home-1.strap-1&metric=ecg&from=-10s")
    times = series["t_us"]
    assert series["unit"] == "uV"
    assert len(times) > 500
    steps = [b - a for a, b in pairwise(times)]
    assert min(steps) > 0
    typical = sorted(steps)[len(steps) // 2]
    assert typical == pytest.approx(1e6 / 130.045, rel=0.005)
    assert max(series["value"]) - min(series["value"]) > 500


def test_the_page_is_served_without_foreign_assets(demo: RunningDemo) -> None:
    with urllib.request.urlopen(demo.url + "/", timeout=10) as response:
        page = response.read().decode()
        policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy or "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "https://" not in page.replace("https://www.w3.org/", "")


def test_an_edge_uses_little_memory(demo: RunningDemo) -> None:
    for part in ("home edge", "service-point edge"):
        status = Path(f"/proc/{demo.pids()[part]}/status").read_text()
        resident_kb = int(next(row for row in status.splitlines() if "VmRSS" in row).split()[1])
        assert resident_kb < 120 * 1024, f"{part}: {resident_kb} kB"


def test_two_demos_side_by_side_and_ctrl_c_leaves_nothing(
    demo: RunningDemo, tmp_path: Path
) -> None:
    with RunningDemo(tmp_path, "--seed", "4") as second:
        second.wait_stored(20)
        family = process_family(second)
        assert len(family) >= 6
        ports = listening_ports(family)
        assert second.port in ports
        assert second.stop() == 0
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    assert "stopped." in second.output()
    before = demo.counts()["stored"]
    demo.wait_stored(before)


def test_a_second_demo_on_the_same_port_is_told_so(demo: RunningDemo, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(BIN / "vointi-demo"), "--port", str(demo.port), "--state", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"PORT: 127.0.0.1:{demo.port} is in use" in done.stderr


def process_family(demo: RunningDemo) -> set[int]:
    """The supervisor and all who descend from it."""
    assert demo.process is not None
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    family = {demo.process.pid}
    while True:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        if not more:
            return family
        family |= more


def listening_ports(family: set[int]) -> set[int]:
    """TCP ports on which one of ``family`` listens."""
    inodes = set()
    for pid in family:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(entry.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[9] in inodes}


def test_withdrawn_consent_stops_the_radio_of_one_person(demo: RunningDemo) -> None:
    """Last, for it ends what the others look at. The room goes on: it is nobody's body."""
    strap, room = "home-1.strap-1", "home-1.bedroom-air"
    begun = time.monotonic()
    for purpose in ("care", "evaluation", "open_data"):
        who = {"pilot": "demo-home", "person": "p-7f3a", "purpose": purpose}
        demo.post("/api/v1/consents", who | {"kind": "withdrawn"})

    def links() -> dict[str, str]:
        return {row["device"]: row["link"] for row in demo.get("/api/v1/devices")}

    wait_for(lambda: links()[strap] not in ("connected", "connecting"), 60, "the strap is let go")
    assert time.monotonic() - begun < 60
    before = demo.counts()["stored"]
    wait_for(lambda: demo.counts()["stored"] > before + 2, 30, "the room is still measured")
    assert {r["device"] for r in demo.get("/api/v1/devices") if r["last_us"]} >= {room}
    reasons = {(r["device"], r["reason"]) for r in demo.get("/api/v1/refusals")}
    assert reasons <= {(d, "withdrawn") for d in DEVICES if d.startswith("home-1.")}
