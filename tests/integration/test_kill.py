"""SIGKILL at random: afterwards nothing is missing and nothing is there twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from running_demo import RunningDemo, wait_for

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(300)]

RUN_S = 60.0
KILLS = 5
VICTIMS = ("gateway", "broker", "home edge", "service-point edge")


@pytest.fixture(scope="module")
def killed(module_tmp: Path) -> Iterator[RunningDemo]:
    """A demo whose four parts have each been killed five times within a minute."""
    with RunningDemo(module_tmp, "--seed", "5") as demo:
        demo.wait_stored(50)
        chance = random.Random(20261121)
        plan = sorted((chance.uniform(0, RUN_S), part) for part in VICTIMS for _ in range(KILLS))
        began = time.monotonic()
        done = dict.fromkeys(VICTIMS, 0)
        for moment, part in plan:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            pid = wait_for(lambda part=part: demo.pids().get(part), 20, f"{part} runs")
            os.kill(pid, signal.SIGKILL)
            done[part] += 1
            wait_for(lambda p=part, old=pid: demo.pids().get(p) != old, 20, f"{part} is gone")
        assert set(done.values()) == {KILLS}
        demo.wait_stored(demo_counts(demo)["stored"] + 20, timeout_s=60)
        yield demo


def demo_counts(demo: RunningDemo) -> dict[str, int]:
    return dict(wait_for(demo.counts, 30, "the gateway answers"))


def stop_edges_and_settle(demo: RunningDemo) -> dict[str, Any]:
    """Silence the simulator's devices, then wait until no edge has a reading pending."""
    pid = demo.pids()["simulator"]
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)

    def settled() -> dict[str, Any]:
        health = demo.health()
        boxes = [edge["outbox"] for edge in health.get("edges", [])]
        idle = len(boxes) == 2 and all(box and box["pending"] == 0 for box in boxes)
        return health if idle else {}

    first = wait_for(settled, 90, f"nothing is pending\n{demo.everything_said()}")
    time.sleep(4.0)  # two status rounds: what the edges say now is what is
    return wait_for(settled, 30, "still nothing is pending") if first else first


def test_accepted_is_stored_once_and_nothing_is_lost(killed: RunningDemo) -> None:
    health = stop_edges_and_settle(killed)
    counts = health["counts"]
    assert counts["accepted"] == sum(
        counts[name] for name in ("stored", "duplicates", "quarantined", "lost")
    )
    edges = [edge["outbox"] for edge in health["edges"]]
    assert counts["lost"] == sum(box["lost"] for box in edges) == 0
    assert counts["quarantined"] == 0
    assert sum(box["accepted"] for box in edges) == counts["stored"]
    assert sum(box["committed"] for box in edges) == counts["stored"]


def test_no_sample_is_there_twice(killed: RunningDemo) -> None:
    for device, metric in (("home-1.strap-1", "ecg"), ("home-1.strap-1", "heart_rate")):
        series = wait_for(
            lambda d=device, m=metric: series_of(killed, d, m), 30, "the gateway answers"
        )
        assert len(series["t_us"]) > 20
        assert all(later > earlier for earlier, later in pairwise(series["t_us"]))


def series_of(demo: RunningDemo, device: str, metric: str) -> dict[str, Any]:
    try:
        body: dict[str, Any] = demo.get(
            f"/api/v1/series?device={device}&metric={metric}&from=-280s"
        )
    except OSError:
        return {}
    return body
