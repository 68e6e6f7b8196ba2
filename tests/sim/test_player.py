"""A recording through strap and radio: every sample, in order, whatever happens to the link."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from sim_central import Central, Link, remote, until
from vointi_sim.clock import PacedClock
from vointi_sim.places import STRAP
from vointi_sim.player import Player
from vointi_sim.recordings import Recording
from vointi_sim.wearables import polar

pytestmark = pytest.mark.network
RATE_HZ = 360.0
START = "02000001680101010e00"


def recording(seconds: float) -> Recording:
    rng = np.random.default_rng(1)
    count = int(seconds * RATE_HZ)
    values = rng.integers(-(1 << 23) + 1, 1 << 23, count).astype(np.int32)
    return Recording("noise", "I", RATE_HZ, values, 0)


@asynccontextmanager
async def played(seconds: float, speed: float) -> AsyncIterator[tuple[Player, Central]]:
    async with (
        playing(seconds, speed) as player,
        remote(player.place.port.address) as central,
    ):
        yield player, central


@asynccontextmanager
async def playing(seconds: float, speed: float) -> AsyncIterator[Player]:
    player = Player(PacedClock(speed), recording(seconds))
    await player.place.start("127.0.0.1", 0, "--hci")
    try:
        yield player
    finally:
        await player.place.stop()


async def begin(link: Link, answers: asyncio.Queue[bytes] | None = None) -> asyncio.Queue[bytes]:
    answers = answers or await link.subscribe(polar.CONTROL_POINT)
    # Started first and subscribed second: nothing may be lost by that.
    assert await link.ask(polar.CONTROL_POINT, answers, START) == "f002000000"
    return await link.subscribe(polar.DATA)


def samples(frames: list[bytes]) -> list[int]:
    body = np.frombuffer(b"".join(frame[10:] for frame in frames), np.uint8).reshape(-1, 3)
    wide = np.zeros((len(body), 4), np.uint8)
    wide[:, 1:] = body
    return (wide.view("<i4")[:, 0] >> 8).tolist()


async def everything(queue: asyncio.Queue[bytes], count: int) -> list[bytes]:
    frames: list[bytes] = []
    async with asyncio.timeout(20):
        while sum((len(frame) - 10) // 3 for frame in frames) < count:
            frames.append(await queue.get())
    return frames


async def test_at_50_times_every_sample_arrives_exactly() -> None:
    async with playing(seconds=100, speed=50) as player:
        told: list[tuple[int, int]] = []
        telling = asyncio.create_task(player.tell(lambda sent, total: told.append((sent, total))))
        async with remote(player.place.port.address) as central:
            link = await central.connect(STRAP)
            answers = await link.subscribe(polar.CONTROL_POINT)
            offered = await link.ask(polar.CONTROL_POINT, answers, "0100")
            assert offered == "f0010000000001680101010e00"
            started = asyncio.get_running_loop().time()
            queue = await begin(link, answers)
            frames = await everything(queue, 36_000)
            took_s = asyncio.get_running_loop().time() - started
            # It ends once: no second start.
            answer = await link.ask(polar.CONTROL_POINT, answers, START)
            assert answer == "f002000c"
        await telling
    assert samples(frames) == player.source.microvolts.tolist()
    stamps = [struct.unpack_from("<Q", frame, 1)[0] for frame in frames]
    assert np.diff(stamps[:-1]) / 1e9 == pytest.approx(73 / 360, abs=1e-8)
    assert took_s > 1.9
    assert told[-1] == (36_000, 36_000)


async def test_a_slow_reader_is_waited_for() -> None:
    async with played(seconds=500, speed=100_000) as (player, central):
        link = await central.connect(STRAP)
        pipe = central.transport.sink.transport
        queue = await begin(link)
        pipe.pause_reading()
        # 0.6 MB: more than the socket's buffers hold, so the recording has to wait.
        await until_still(lambda: player.source.position)
        assert 0 < player.source.position < 180_000
        pipe.resume_reading()
        frames = await everything(queue, 180_000)
    assert samples(frames) == player.source.microvolts.tolist()


async def until_still(value: Callable[[], int]) -> None:
    last = -1
    while value() != last:
        last = value()
        await asyncio.sleep(0.3)


async def test_after_a_lost_link_it_goes_on_where_it_was() -> None:
    async with played(seconds=40, speed=40) as (player, central):
        link = await central.connect(STRAP)
        queue = await begin(link)
        await everything(queue, 3000)
        player.place.devices[0].drop(8)
        await until(link.lost.is_set, 2)
        position = player.source.position
        await asyncio.sleep(0.1)
        assert player.source.position == position
        first = [queue.get_nowait() for _ in range(queue.qsize())]
        del first
        link = await central.connect(STRAP)
        queue = await begin(link)
        rest = await everything(queue, 14_400 - position)
    assert samples(rest) == player.source.microvolts[position:].tolist()


async def test_a_stop_begins_anew() -> None:
    async with played(seconds=40, speed=40) as (player, central):
        link = await central.connect(STRAP)
        queue = await begin(link)
        await everything(queue, 1000)
        answers = await link.subscribe(polar.CONTROL_POINT)
        assert await link.ask(polar.CONTROL_POINT, answers, "0300") == "f003000000"
        await asyncio.sleep(0.1)
        while not queue.empty():
            queue.get_nowait()
        assert await link.ask(polar.CONTROL_POINT, answers, START) == "f002000000"
        frames = await everything(queue, 1000)
    assert samples(frames) == player.source.microvolts[: len(samples(frames))].tolist()


async def test_the_rate_shown_is_the_recording_s() -> None:
    wave = np.zeros(int(60 * RATE_HZ), dtype=np.int32)
    for beat in range(1, 75):
        at = int(beat * 0.8 * RATE_HZ)
        wave[at : at + 12] += (1000 * np.hanning(12)).astype(np.int32)
    player = Player(PacedClock(20), Recording("steady", "I", RATE_HZ, wave, 0))
    await player.place.start("127.0.0.1", 0, "--hci")
    async with remote(player.place.port.address) as central:
        link = await central.connect(STRAP)
        rates = await link.subscribe(0x2A37)
        await begin(link)
        async with asyncio.timeout(5):
            told = [await rates.get() for _ in range(20)]
    await player.place.stop()
    assert {value[1] for value in told[8:]} == {75}
    intervals = [rr for value in told for (rr,) in struct.iter_unpack("<H", value[2:])]
    assert np.array(intervals) == pytest.approx(0.8 * 1024, abs=4)
