"""The strap through a real GATT client: what arrives is what the heart did."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from sim_central import Link, wired
from vointi_sim.clock import PacedClock
from vointi_sim.physiology import Person
from vointi_sim.places import STRAP
from vointi_sim.radio import Radio
from vointi_sim.wearables import polar
from vointi_sim.wearables.sources import PersonEcg
from vointi_sim.wearables.strap import Strap

SPEED = 20.0
START_ECG = "02000001820001010e00"
START_ACC = "0202000132000101100002010800"


@asynccontextmanager
async def connected(mtu: int = 517) -> AsyncIterator[tuple[Strap, Link]]:
    radio, person = Radio(7), Person(7)
    strap = Strap(
        radio,
        PacedClock(SPEED),
        STRAP,
        ecg=PersonEcg(person),
        rhythm=person.heart,
        motion=person.motion,
        ready_to_send=lambda: asyncio.sleep(0),
    )
    await strap.start()
    central = await wired(radio)
    try:
        yield strap, await central.connect(STRAP, mtu)
    finally:
        await strap.stop()


async def frames_of(queue: asyncio.Queue[bytes], count: int) -> list[tuple[int, bytes]]:
    async with asyncio.timeout(20):
        frames = [await queue.get() for _ in range(count)]
    return [(struct.unpack_from("<Q", frame, 1)[0], frame) for frame in frames]


def microvolts(frame: bytes) -> list[int]:
    body = frame[10:]
    return [
        int.from_bytes(body[at : at + 3], "little", signed=True) for at in range(0, len(body), 3)
    ]


async def test_who_it_says_it_is() -> None:
    async with connected() as (_, link):
        assert await link.read(0x2A29) == b"Polar Electro Oy"
        assert await link.read(0x2A24) == b"H10"
        assert await link.read(0x2A19) == bytes([93])
        assert await link.read(0x2A38) == b"\x01"
        assert (await link.read(polar.CONTROL_POINT)).hex() == "0f0500" + 14 * "00"


async def test_the_control_point_s_conversation() -> None:
    async with connected() as (_, link):
        answers = await link.subscribe(polar.CONTROL_POINT)
        data = await link.subscribe(polar.DATA)

        async def ask(request: str) -> str:
            return await link.ask(polar.CONTROL_POINT, answers, request)

        assert await ask("0100") == "f0010000000001820001010e00"
        assert await ask(
            "0102"
        ) == "f00102000000041900320064 00c80001011000020302000400 0800".replace(" ", "")
        assert await ask("0105") == "f0010502"
        assert await ask("0900") == "f0090001"
        assert await ask("02000001680101010e00") == "f0020008"
        assert await ask("0300") == "f0030006"
        assert await ask(START_ECG) == "f002000000"
        assert await ask(START_ECG) == "f0020006"
        await asyncio.wait_for(data.get(), 5)
        assert await ask("0300") == "f003000000"
        await asyncio.sleep(0.1)
        while not data.empty():
            data.get_nowait()
        await asyncio.sleep(0.1)
        assert data.empty()


async def test_ecg_frames_carry_the_person_s_ecg_at_the_strap_s_true_rate() -> None:
    async with connected() as (strap, link):
        answers = await link.subscribe(polar.CONTROL_POINT)
        data = await link.subscribe(polar.DATA)
        await link.ask(polar.CONTROL_POINT, answers, START_ECG)
        frames = await frames_of(data, 40)
    stamps = np.array([stamp for stamp, _ in frames])
    rate_hz = 73 * (len(frames) - 1) / ((stamps[-1] - stamps[0]) / 1e9)
    assert rate_hz == pytest.approx(130.045, abs=0.0001)
    # The time stamp is of the last sample: its number follows from it.
    last = round((int(stamps[0]) - polar.UNSET_CLOCK_NS) / 1e9 * 130.045)
    received = [value for _, frame in frames for value in microvolts(frame)]
    expected = PersonEcg(Person(7)).read(last - 72, len(received))
    assert received == expected.tolist()
    del strap


async def test_rr_intervals_are_the_distances_of_r_peaks() -> None:
    async with connected() as (_, link):
        answers = await link.subscribe(polar.CONTROL_POINT)
        data = await link.subscribe(polar.DATA)
        rates = await link.subscribe(0x2A37)
        await link.ask(polar.CONTROL_POINT, answers, START_ECG)
        frames = await frames_of(data, 54)
        told = [rates.get_nowait() for _ in range(rates.qsize())]
    wave = np.array([value for _, frame in frames for value in microvolts(frame)])
    inner = wave[1:-1]
    peaks = np.flatnonzero((inner > 700) & (inner >= wave[:-2]) & (inner > wave[2:])) + 1
    from_ecg = np.diff(peaks) / 130.045 * 1024
    from_rr = np.array([rr for value in told for (rr,) in struct.iter_unpack("<H", value[2:])])
    assert len(told) >= 25
    assert {value[0] for value in told} <= {0x16, 0x06}
    offset = min(
        range(6), key=lambda k: np.abs(from_rr[k : k + 15] - from_ecg[:15]).max(), default=0
    )
    # One sample of ECG is 8 units of 1/1024 s.
    assert np.abs(from_rr[offset : offset + 15] - from_ecg[:15]).max() < 16
    assert told[-1][1] == pytest.approx(60 * 1024 / from_rr[-6:].mean(), abs=2)


async def test_acceleration_frames() -> None:
    async with connected() as (_, link):
        answers = await link.subscribe(polar.CONTROL_POINT)
        data = await link.subscribe(polar.DATA)
        assert await link.ask(polar.CONTROL_POINT, answers, START_ACC) == "f002020000"
        frames = await frames_of(data, 10)
    assert {(len(frame), frame[0], frame[9]) for _, frame in frames} == {(226, 2, 1)}
    xyz = np.concatenate([np.frombuffer(frame[10:], "<i2").reshape(-1, 3) for _, frame in frames])
    assert np.linalg.norm(xyz.astype(float), axis=1).mean() == pytest.approx(1000, abs=80)
    stamps = [stamp for stamp, _ in frames]
    assert np.diff(stamps) / 1e9 == pytest.approx(36 / 50 * 130 / 130.045, rel=1e-6)


async def test_a_small_mtu_gets_shorter_frames_and_a_tiny_one_is_refused() -> None:
    async with connected(mtu=100) as (_, link):
        answers = await link.subscribe(polar.CONTROL_POINT)
        data = await link.subscribe(polar.DATA)
        await link.ask(polar.CONTROL_POINT, answers, START_ECG)
        assert {len(frame) for _, frame in await frames_of(data, 3)} == {10 + 3 * 29}
    async with connected(mtu=23) as (_, link):
        answers = await link.subscribe(polar.CONTROL_POINT)
        assert await link.ask(polar.CONTROL_POINT, answers, START_ACC) == "f002020000"


async def test_a_strap_that_is_not_worn_says_so() -> None:
    async with connected() as (strap, link):
        strap.worn = False
        rates = await link.subscribe(0x2A37)
        async with asyncio.timeout(5):
            assert (await rates.get()).hex() == "0400"


async def test_a_lost_link_ends_the_streams() -> None:
    async with connected() as (strap, link):
        answers = await link.subscribe(polar.CONTROL_POINT)
        data = await link.subscribe(polar.DATA)
        await link.ask(polar.CONTROL_POINT, answers, START_ECG)
        await frames_of(data, 1)
        strap.drop(8)
        await asyncio.wait_for(link.lost.wait(), 1)
        before = strap.sent
        await asyncio.sleep(0.2)
        assert strap.sent == before
