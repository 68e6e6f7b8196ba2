"""Readings from before the clock was set, from the edge through the broker into the real store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edge_agent import Box, until
from edge_parts import SetClock
from gateway_kit import (
    EDGE,
    PASSWORDS,
    PILOT,
    GatewayProcess,
    gateway_toml,
    running_broker,
    running_gateway,
)
from vointi_contract.frame import ClockState
from vointi_contract.status import ClockAnchor
from vointi_edge.outbox.store import OutboxStore

pytestmark = pytest.mark.network
DEVICE = f"{EDGE}.strap-1"


@pytest.fixture(scope="module")
def gateway(module_tmp: Path) -> Iterator[tuple[int, GatewayProcess]]:
    with (
        running_broker(module_tmp / "broker", "mosquitto") as broker,
        running_gateway(module_tmp, gateway_toml(module_tmp, broker.port)) as gateway,
    ):
        yield broker.port, gateway.connected()


def rates(gateway: GatewayProcess) -> dict[int, int]:
    """Time → heart rate, as the API tells it."""
    query = {"device": DEVICE, "metric": "heart_rate", "from": "-3600s", "to": "-0s"}
    answer: dict[str, Any] = gateway.get("/series", params=query).json()
    return dict(zip(answer.get("t_us", ()), map(int, answer.get("value", ())), strict=True))


async def test_what_was_measured_before_the_clock_was_set_gets_its_time(
    tmp_path: Path, gateway: tuple[int, GatewayProcess]
) -> None:
    port, process = gateway
    folder = tmp_path / "edge"
    folder.mkdir()
    unsynced = SetClock(mono_us=5_000_000, wall_offset_us=None, state=ClockState.UNSYNCED)
    box = Box(folder, port, EDGE, PILOT, password=PASSWORDS[EDGE], clock=unsynced)
    offset_us = time.time_ns() // 1000 - 600_000_000
    async with box.run() as agent:
        for bpm in (61, 62):
            agent.reading(box.heart_rate(bpm))
        await asyncio.to_thread(_stored, process, 2)
        assert rates(process) == {}
        box.clock.wall_offset_us, box.clock.state = offset_us, ClockState.NTP
        await until(lambda: len(rates(process)) == 2)
        agent.reading(box.heart_rate(63))
        await until(lambda: len(rates(process)) == 3)
    assert rates(process) == {offset_us + (5 + n) * 1_000_000: 60 + n for n in (1, 2, 3)}


async def test_a_backlog_from_another_boot_is_placed_by_that_boots_anchor(
    tmp_path: Path, gateway: tuple[int, GatewayProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured unsynced, synced without a broker, restarted: the old boot's anchor was kept.

    The card is slow: a session that began before the anchors were read would tell of none.
    """
    read = OutboxStore.anchors

    def slowly(store: OutboxStore) -> list[ClockAnchor]:
        time.sleep(0.5)
        return read(store)

    monkeypatch.setattr(OutboxStore, "anchors", slowly)
    port, process = gateway
    folder = tmp_path / "edge"
    folder.mkdir()
    unsynced = SetClock(mono_us=5_000_000, wall_offset_us=None, state=ClockState.UNSYNCED)
    box = Box(folder, 1, EDGE, PILOT, password=PASSWORDS[EDGE], clock=unsynced)
    offset_us = time.time_ns() // 1000 - 600_000_000
    async with box.run() as agent:
        agent.reading(box.heart_rate(64))
        box.clock.wall_offset_us, box.clock.state = offset_us, ClockState.NTP
        await until(lambda: agent._steward.anchors)
    box.port, box.kernel = port, "kernel-2"
    box.clock = SetClock(mono_us=1, wall_offset_us=None, state=ClockState.UNSYNCED)
    async with box.run():
        await until(lambda: rates(process).get(offset_us + 6_000_000) == 64)


def _stored(process: GatewayProcess, count: int) -> None:
    end = time.monotonic() + 15
    while process.counts()["stored"] < count:
        assert time.monotonic() < end
        time.sleep(0.05)
