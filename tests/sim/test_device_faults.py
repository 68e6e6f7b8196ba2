"""Each fault of a device does what its page says; no socket, virtual time."""

from __future__ import annotations

import asyncio
import random
import struct
from typing import Any

import pytest
from sim_central import Link, wired
from virtual_time import run_virtual
from vointi_sim.clock import PacedClock
from vointi_sim.errors import ArgumentError
from vointi_sim.faults import Faults
from vointi_sim.places import HOME_RUUVITAG, OXIMETER, STRAP, THERMOMETER, Place, home
from vointi_sim.wearables import polar
from vointi_sim.wearables.mischief import LIES, Mischief
from vointi_sim.wearables.polar import UNSET_CLOCK_NS

START_ECG = "02000001820001010e00"


class Stage:
    """A home, its faults, and a host that is wired to the air."""

    async def __aenter__(self) -> Stage:
        self.clock = PacedClock(1.0, asyncio.get_running_loop().time)
        self.place: Place = home(self.clock, 3)
        self.faults = Faults([self.place], self.clock, 3)
        await self.place.switch_on()
        self.central = await wired(self.place.radio)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.place.stop()

    async def fault(self, op: str, **fields: Any) -> None:
        await self.faults.plan({"op": op, **fields})()

    async def ecg(self) -> tuple[Link, asyncio.Queue[bytes]]:
        link = await self.central.connect(STRAP)
        answers = await link.subscribe(polar.CONTROL_POINT)
        assert (await link.ask(polar.CONTROL_POINT, answers, START_ECG)).startswith("f0020000")
        return link, await link.subscribe(polar.DATA)


def on_stage(story: Any) -> None:
    async def run() -> None:
        async with Stage() as stage:
            await story(stage)

    run_virtual(run())


async def of(queue: asyncio.Queue[bytes], count: int) -> list[bytes]:
    async with asyncio.timeout(120):
        return [await queue.get() for _ in range(count)]


def stamps(frames: list[bytes]) -> list[int]:
    return [struct.unpack_from("<Q", frame, 1)[0] for frame in frames]


def test_a_frozen_device_keeps_its_link_and_says_nothing() -> None:
    async def story(stage: Stage) -> None:
        link, queue = await stage.ecg()
        await of(queue, 2)
        await stage.fault("freeze", device=STRAP, frozen=True)
        await asyncio.sleep(60)
        assert queue.qsize() <= 1
        assert not link.lost.is_set()
        await stage.fault("freeze", device=STRAP, frozen=False)
        await of(queue, 3)

    on_stage(story)


def test_an_empty_cell_tells_1_percent_and_then_nothing_until_it_is_renewed() -> None:
    async def story(stage: Stage) -> None:
        link = await stage.central.connect(STRAP)
        levels = await link.subscribe(0x2A19)
        await stage.fault("empty", device=STRAP, in_s=20)
        assert await of(levels, 1) == [b"\x01"]
        await asyncio.sleep(19)
        assert not link.lost.is_set()
        await asyncio.wait_for(link.lost.wait(), 2)
        heard: list[str] = []
        stage.central.device.on("advertisement", lambda a: heard.append(str(a.address)[:17]))
        await stage.central.device.start_scanning(legacy=True, filter_duplicates=False)
        await asyncio.sleep(10)
        assert STRAP not in heard
        await stage.fault("power", device=STRAP, on=True)
        _, queue = await stage.ecg()
        (first,) = stamps(await of(queue, 1))
        assert UNSET_CLOCK_NS < first < UNSET_CLOCK_NS + 5e9  # a new cell, a new beginning

    on_stage(story)


def test_the_device_clock_drifts_steps_and_begins_again() -> None:
    async def story(stage: Stage) -> None:
        _, queue = await stage.ecg()
        await stage.fault("clock", device=STRAP, drift_ppm=1000)
        await of(queue, 2)
        plain = stamps(await of(queue, 20))
        assert (plain[-1] - plain[0]) / 19 == pytest.approx(73e9 / 130.045 * 1.001, rel=1e-6)
        await stage.fault("clock", device=STRAP, step_s=3600)
        # A frame is stamped when it begins to fill: the next one is still of before.
        (stepped,) = stamps((await of(queue, 2))[1:])
        assert stepped - plain[-1] == pytest.approx(3600e9, abs=2e9)
        await stage.fault("clock", device=STRAP, reset=True)
        (reset,) = stamps((await of(queue, 2))[1:])
        assert abs(reset - UNSET_CLOCK_NS) < 3e9

    on_stage(story)


@pytest.mark.parametrize(("honest", "expected"), [(True, 3 * 16), (False, 3 * 16 - 1)])
def test_a_small_mtu_makes_small_frames_or_cut_ones(honest: bool, expected: int) -> None:
    async def story(stage: Stage) -> None:
        mtu = 3 + 10 + 3 * 16 - (0 if honest else 1)
        await stage.fault("mtu", device=STRAP, mtu=mtu, honest=honest)
        _, queue = await stage.ecg()
        assert {len(frame) - 10 for frame in await of(queue, 5)} == {expected}

    on_stage(story)


def test_poor_electrodes_add_noise_and_none_leave_noise_alone() -> None:
    async def story(stage: Stage) -> None:
        _, queue = await stage.ecg()
        quiet = spread(await of(queue, 10))
        await stage.fault("noise", microvolts=2000)
        await of(queue, 1)
        noisy = spread(await of(queue, 10))
        await stage.fault("wear", device=STRAP, worn=False)
        await of(queue, 1)
        assert quiet < 1500 < noisy < 4000 < spread(await of(queue, 10))

    on_stage(story)


def spread(frames: list[bytes]) -> float:
    values = [
        int.from_bytes(frame[at : at + 3], "little", signed=True)
        for frame in frames
        for at in range(10, len(frame), 3)
    ]
    mean = sum(values) / len(values)
    return float((sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5)


def test_a_finger_that_is_out_reads_not_a_number() -> None:
    async def story(stage: Stage) -> None:
        link = await stage.central.connect(OXIMETER)
        values = await link.subscribe(0x2A5F)
        await of(values, 1)
        await stage.fault("wear", device=OXIMETER, worn=False)
        assert (await of(values, 2))[1] == bytes.fromhex("00ff07ff07")

    on_stage(story)


def test_a_twin_advertises_as_somebody_else() -> None:
    async def story(stage: Stage) -> None:
        await stage.fault("power", device=STRAP, on=False)
        await stage.fault("twin", device=STRAP, on=True, name="Watch")
        heard = await stage.central.scan(lambda heard: any(b"Watch" in a.data_bytes for a in heard))
        assert {str(a.address)[:17] for a in heard if b"Watch" in a.data_bytes} == {STRAP}
        await stage.fault("twin", device=STRAP, on=False)

    on_stage(story)


def test_a_fade_goes_there_and_back_and_the_link_does_not_outlive_it() -> None:
    async def story(stage: Stage) -> None:
        link = await stage.central.connect(THERMOMETER)
        levels = stage.place.radio.rssi_dbm
        await stage.fault("fade", device=THERMOMETER, dbm=-104, over_s=10, for_s=20)
        await asyncio.sleep(5.5)
        assert -90 < levels[THERMOMETER] < -70
        await asyncio.wait_for(link.lost.wait(), 10)
        assert not stage.place.radio.in_range(THERMOMETER)
        await asyncio.sleep(30)
        assert levels[THERMOMETER] == -60
        await stage.central.connect(THERMOMETER)

    on_stage(story)


def test_a_frozen_beacon_is_silent() -> None:
    async def story(stage: Stage) -> None:
        await stage.fault("freeze", device=HOME_RUUVITAG, frozen=True)
        before = next(d for d in stage.place.devices if d.address == HOME_RUUVITAG).sent
        await asyncio.sleep(20)
        assert next(d for d in stage.place.devices if d.address == HOME_RUUVITAG).sent == before

    on_stage(story)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"op": "lie", "what": "white"}, "what: 'white' is wrong; use one of short, long"),
        ({"op": "mtu", "mtu": 22}, "mtu: 22 is wrong; use a number from 23 to 517"),
        ({"op": "mtu", "mtu": 30, "device": "Ruuvi"}, "device: is never linked"),
        ({"op": "noise", "microvolts": 1, "device": OXIMETER}, "device: has no electrodes"),
        ({"op": "clock", "reset": True, "device": OXIMETER}, "device: stamps nothing"),
        ({"op": "adapter", "does": "sleep"}, "does: 'sleep' is wrong; use one of die, reset"),
        ({"op": "scanner", "adapter": 2}, "adapter: 2 is wrong; use a number from 1 to 1"),
        ({"op": "fade", "dbm": -200}, "dbm: -200 is wrong; use a number from -127 to 20"),
        ({"op": "empty", "minutes": 1}, "minutes: is unknown here; use device, place, in_s"),
    ],
)
def test_a_wrong_field_is_said(table: dict[str, Any], said: str) -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(ArgumentError) as caught:
            stage.faults.plan(table)
        assert str(caught.value).startswith(said)

    on_stage(story)


class TestMischief:
    """The pure part."""

    def test_twice_and_overtaken(self) -> None:
        one = Mischief("d")
        one.duplicate = 1
        assert one.pass_on("2a37", b"a") == [b"a", b"a"]
        one.clear()
        one.reorder = 1
        assert [one.pass_on("2a37", bytes([n])) for n in range(4)] == [
            [], [b"\1", b"\0"], [], [b"\3", b"\2"],
        ]  # fmt: skip

    def test_lies(self) -> None:
        chance = random.Random(1)
        value = bytes.fromhex("10e803d002c800")
        told = {what: lie("2a5f", value, chance) for what, lie in LIES.items()}
        assert len(told["short"]) < len(value) < len(told["long"])
        assert told["nan"] == bytes.fromhex("10ff07ff07c800")
        assert told["reserved"] == b"\xff" + value[1:]
        assert told["future"] == value
        assert LIES["future"]("fb005c82-x", bytes(20), chance)[1:9] == b"\xff" * 8

    def test_the_seed_decides(self) -> None:
        def story(seed: int) -> list[list[bytes]]:
            one = Mischief("d")
            one.seed(seed)
            one.lie, one.lying, one.duplicate = "random", 0.5, 0.5
            return [one.pass_on("2a37", b"abc") for _ in range(50)]

        assert story(1) == story(1) != story(2)
