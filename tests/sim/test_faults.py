"""Faults by the control port, and what is said to a wrong one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sim_central import remote, until
from vointi_sim.clock import PacedClock
from vointi_sim.control import ControlPort
from vointi_sim.faults import Faults
from vointi_sim.places import OXIMETER, SCALE, STRAP, home

pytestmark = pytest.mark.network


class Desk:
    """A home with its control port, and one conversation with it."""

    def __init__(self) -> None:
        clock = PacedClock()
        self.place = home(clock, 7)
        self.control = ControlPort([self.place], Faults([self.place], clock), clock)

    async def open(self) -> None:
        await self.place.start("127.0.0.1", 0, "--home")
        host, port = await self.control.start("127.0.0.1", 0, "--control")
        self._reader, self._writer = await asyncio.open_connection(host, port)

    async def close(self) -> None:
        self._writer.close()
        await self.control.stop()
        await self.place.stop()

    async def say(self, line: str) -> dict[str, Any]:
        self._writer.write(line.encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._reader.readline())
        return answer

    async def do(self, **table: Any) -> None:
        assert await self.say(json.dumps(table)) == {"ok": True}

    def device(self, address: str) -> Any:
        return next(device for device in self.place.devices if device.address == address)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    one = Desk()
    await one.open()
    yield one
    await one.close()


async def test_a_drop_hits_the_named_device_only(desk: Desk) -> None:
    async with remote(desk.place.port.address) as central:
        strap = await central.connect(STRAP)
        meter = await central.connect(OXIMETER)
        await desk.do(op="drop", device=STRAP)
        await asyncio.wait_for(strap.lost.wait(), 1)
        assert not meter.lost.is_set()
        await desk.do(op="drop")
        await asyncio.wait_for(meter.lost.wait(), 1)


async def test_out_of_range_ends_the_link_after_the_supervision_time(desk: Desk) -> None:
    async with remote(desk.place.port.address) as central:
        link = await central.connect(SCALE)
        await desk.do(op="range", device="Scale SIM", **{"in": False}, supervision_s=1)
        await asyncio.sleep(0.1)
        assert not link.lost.is_set()
        await asyncio.wait_for(link.lost.wait(), 3)
        await desk.do(op="range", device="Scale SIM", **{"in": True})
        await central.connect(SCALE)


async def test_back_in_range_in_time_keeps_the_link(desk: Desk) -> None:
    async with remote(desk.place.port.address) as central:
        link = await central.connect(SCALE)
        await desk.do(op="range", device=SCALE, **{"in": False}, supervision_s=1)
        await desk.do(op="range", device=SCALE, **{"in": True})
        await asyncio.sleep(1.2)
        assert not link.lost.is_set()
        assert await link.read(0x2A19) == bytes([64])


async def test_a_battery_is_told_to_who_subscribed(desk: Desk) -> None:
    async with remote(desk.place.port.address) as central:
        link = await central.connect(STRAP)
        levels = await link.subscribe(0x2A19)
        await desk.do(op="battery", device=STRAP, percent=4)
        async with asyncio.timeout(1):
            assert await levels.get() == bytes([4])


async def test_the_radio_s_faults(desk: Desk) -> None:
    await desk.do(op="adv_loss", probability=0.25)
    await desk.do(op="delay", place="home", seconds=0.1)
    await desk.do(op="wear", worn=False)
    assert (desk.place.radio.adv_loss, desk.place.radio.delay_s) == (0.25, 0.1)
    assert not desk.device(STRAP).worn


async def test_statistics(desk: Desk) -> None:
    async with remote(desk.place.port.address) as central:
        link = await central.connect(OXIMETER)
        await link.subscribe(0x2A5F)
        await until(lambda: desk.device(OXIMETER).sent, 5)
        stats = await desk.say('{"op": "stats"}')
    assert stats["ok"]
    device = stats["places"]["home"]["devices"][OXIMETER]
    assert device["connected"]
    assert device["sent"] >= 1
    assert stats["places"]["home"]["hosts_seen"] == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("drop everything", "line: is no JSON object"),
        ("[" * 3000, "line: is no JSON object"),
        ("[]", "line: is no JSON object"),
        ('{"op": "explode"}', "op: 'explode' is unknown; use one of drop, range"),
        ('{"op": "drop", "device": "x"}', "device: 'x' is unknown; use one of C0:DE:00"),
        ('{"op": "drop", "place": "x"}', "place: 'x' is unknown; use one of home"),
        ('{"op": "drop", "reason": 0}', "reason: 0 is wrong; use a number from 1 to 255"),
        ('{"op": "range", "in": 1}', "in: 1 is wrong; use true or false"),
        ('{"op": "adv_loss", "probability": 2}', "probability: 2 is wrong"),
        ('{"op": "delay", "second": 2}', "second: is unknown here; use place, seconds"),
        ('{"op": "battery"}', "percent: None is wrong; use a number from 0 to 100"),
    ],
)
async def test_a_wrong_fault_is_said_and_nothing_stops(desk: Desk, line: str, said: str) -> None:
    answer = await desk.say(line)
    assert answer["ok"] is False
    assert answer["error"].startswith(said)
    assert (await desk.say('{"op": "stats"}'))["ok"]
