"""Devices that measured while nobody was linked: told later, with their own times, once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest
from radio_home import Scene
from virtual_time import run_virtual
from vointi_contract.frame import Quality
from vointi_edge.config import DeviceConfig
from vointi_edge.reading import Reading
from vointi_sim.clock import PacedClock
from vointi_sim.extras import Extra
from vointi_sim.places import home
from vointi_sim.wearables.memory import MemoryMeter

ADDRESS = "C0:DE:00:00:00:21"
AWAY_S = 7560.0
Story = Callable[["Away"], Awaitable[None]]


class Away:
    """One device that remembers, and an edge that comes and goes."""

    def __init__(self, scene: Scene, stream: str, origin_s: float) -> None:
        self.scene = scene
        self.device = cast(MemoryMeter, scene.place.devices[0])
        self._stream, self._origin_s = stream, origin_s

    @property
    def readings(self) -> list[Reading]:
        return (self.scene.hub.kept or {}).get(("meter-1", self._stream), [])

    @property
    def times_s(self) -> list[int]:
        """When each was measured, by the simulator's clock."""
        return [round(one.mono_us / 1e6 - self._origin_s) for one in self.readings]

    async def told(self, count: int) -> None:
        await self.scene.until(lambda: len(self.readings) >= count, 300)
        await asyncio.sleep(60)
        assert len(self.readings) == count

    async def again(self) -> None:
        """Lose the link, and wait for the next one."""
        links = len(self.scene.hub.links)
        self.device.drop(8)
        await self.scene.until(
            lambda: any(e[2] == "connected" for e in self.scene.hub.links[links:])
        )
        await asyncio.sleep(30)


def play(kind: str, model: str, stream: str, story: Story) -> None:
    """Run a story in virtual time; the edge has been away for two hours."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        origin_s = loop.time()
        place = home(PacedClock(1.0, loop.time), 1, [Extra(kind, "home", ADDRESS, b"")])
        wanted = DeviceConfig("meter-1", model, ADDRESS, None, None)
        scene = Scene(place=place, devices=(wanted,))
        scene.hub.kept = {}
        async with scene:
            await asyncio.sleep(1)
            await scene.stop_edge()
            await asyncio.sleep(AWAY_S)
            scene.start_edge()
            await story(Away(scene, stream, origin_s))

    run_virtual(run())


def test_a_cuff_s_stored_measurements_come_with_their_own_times_before_the_next_live_one() -> None:
    async def story(away: Away) -> None:
        await away.told(5)
        assert away.times_s == pytest.approx([15, 1815, 3615, 5415, 7215], abs=2)
        assert all(one.quality & Quality.LATE for one in away.readings)
        assert len(away.device.stored) == 0
        await asyncio.sleep(1500)
        await away.told(6)
        assert away.times_s[-1] == pytest.approx(9015, abs=2)
        assert not away.readings[-1].quality & Quality.LATE

    play("memory-cuff", "ble-bp-cuff", "pressure", story)


@pytest.mark.parametrize(
    ("kind", "model", "stream", "count"),
    [("memory-cuff", "ble-bp-cuff", "pressure", 5), ("memory-scale", "ble-scale", "weight", 1)],
)
def test_what_is_told_again_after_a_lost_link_or_a_restart_is_kept_once(
    kind: str, model: str, stream: str, count: int
) -> None:
    async def story(away: Away) -> None:
        away.device.forgets_confirmations = True
        await away.told(count)
        sent = away.device.sent
        for _ in range(2):
            await away.again()
        assert away.device.sent >= sent + 2 * count  # it did tell them again
        await away.scene.stop_edge()
        away.scene.start_edge()
        await away.told(count)

    play(kind, model, stream, story)


def test_a_glucose_meter_is_asked_for_all_and_then_for_what_is_new() -> None:
    async def story(away: Away) -> None:
        await away.told(13)
        assert away.times_s == pytest.approx([20 + 600 * n for n in range(13)], abs=2)
        sent = away.device.sent
        await asyncio.sleep(900)
        await away.again()
        await away.told(15)
        # The last record, the two new ones, and the answer: not the meter's whole memory.
        assert away.device.sent == sent + 4
        assert len(away.device.stored) == 15

    play("glucose-meter", "ble-glucose", "glucose", story)
