"""From publish to queryable: a broker, a gateway process and a steady stream of live frames."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from vointi_contract.codec import pack
from vointi_contract.frame import Batch, Frame

from benchmarks.rows import ROOT

sys.path.append(str(ROOT / "tests" / "support"))

from gateway_kit import (
    DEVICE,
    EDGE,
    OTHER_EDGE,
    OTHER_PILOT,
    PILOT,
    EdgeClient,
    GatewayProcess,
    ecg_frame,
    gateway_toml,
    hr_frame,
    running_broker,
    running_gateway,
    wait_for,
)

#: One in so many frames is a heart rate, the others are ECG.
HEART_RATES = 3
#: What opens the gateway's metrics.
TOKEN = "scraper"


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[GatewayProcess, list[EdgeClient]]]:
    """A gateway on mosquitto, and two edges."""
    with running_broker(folder / "broker", "mosquitto") as broker:
        config = gateway_toml(folder, broker.port)
        (folder / "token").write_text(TOKEN)
        config.write_text(f'{config.read_text()}[metrics]\ntoken_file = "{folder / "token"}"\n')
        with (
            running_gateway(folder, config) as process,
            EdgeClient(broker.port) as one,
            EdgeClient(broker.port, OTHER_EDGE, OTHER_PILOT) as other,
        ):
            process.connected()
            yield process, [one, other]


def steady(edges: list[EdgeClient], rate_hz: float, seconds: float, sent: int = 0) -> int:
    """Publish at a steady rate, each frame's last sample being now; how many are sent then.

    `sent` is what an earlier call returned.
    """
    began, seq = time.monotonic(), sent
    total = sent + int(rate_hz * seconds)
    while seq < total:
        due = min(total, sent + int((time.monotonic() - began) * rate_hz) + 1)
        while seq < due:
            seq += 1
            edge = edges[seq % len(edges)]
            payload = pack(Batch((_now(seq, (seq + 1) // len(edges)),)), DEVICE)
            edge.client.publish(edge.topics.live(DEVICE), payload, qos=1)
        time.sleep(0.0005)
    return total


def in_time(process: GatewayProcess, upto_ms: float) -> tuple[int, int]:
    """Of all frames since the start: how many were committed within `upto_ms`, and how many."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    lines = process.get("/metrics", headers=headers).text.splitlines()
    named = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    bucket = f'vointi_live_delay_seconds_bucket{{le="{upto_ms / 1000}"}}'
    return int(named[bucket]), int(named["vointi_live_delay_seconds_count"])


def p50_p99(process: GatewayProcess, sent: int) -> tuple[float, float]:
    """Milliseconds from publish to committed, of the last 4,096 frames, once all are stored."""
    wait_for(lambda: process.counts()["stored"] >= sent, 120)
    found = process.health()["latency_ms"]
    return found["p50"], found["p99"]


def _now(seq: int, number: int) -> Frame:
    frame = hr_frame(number + 1) if seq // 2 % HEART_RATES == 0 else ecg_frame(number + 1)
    span_us = 72 * 1e6 / frame.rate_hz if frame.rate_hz else 0.0
    return replace(frame, boot=9, wall_us=round(time.time_ns() / 1000 - span_us))


__all__ = ["EDGE", "PILOT", "gateway", "in_time", "p50_p99", "steady"]
