"""The presence radar: frames in a noisy stream, a vote over them, a line that comes and goes."""

from __future__ import annotations

import os
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_parts import Hub
from hypothesis import given
from hypothesis import strategies as st
from vointi_contract.frame import Quality
from vointi_edge.decoders.ld2450 import FRAME_BYTES, FrameFinder, PresenceVote, target_count
from vointi_edge.errors import DecodeError
from vointi_edge.sources.serial.radar import Radar
from vointi_sim.service_point.radar import frame
from vointi_sim.service_point.tty import SerialLine
from wired_parts import FUZZED, assigned, context, running, until, values


@pytest.fixture
def line(tmp_path: Path) -> Iterator[SerialLine]:
    line = SerialLine(tmp_path / "radar.tty")
    yield line
    line.close()


@FUZZED
@given(
    st.lists(st.one_of(st.binary(max_size=40), st.integers(0, 3)), max_size=20),
    st.integers(1, 50),
)
def test_every_frame_between_noise_is_found_however_it_is_cut(
    parts: list[bytes | int], size: int
) -> None:
    data, wanted = b"", []
    for n, part in enumerate(parts):
        if isinstance(part, int):
            data += frame(part, n)
            wanted.append(frame(part, n))
        else:
            data += part.replace(b"\xaa", b"")  # noise that begins a frame may cost the next one
    finder = FrameFinder()
    cut = [data[n : n + size] for n in range(0, len(data), size)]
    found = [one for piece in cut for one in finder.push(piece)]
    assert found == wanted
    assert finder.noise_bytes + len(finder._rest) == len(data) - FRAME_BYTES * len(wanted)


@FUZZED
@given(st.binary(max_size=400))
def test_noise_is_bounded_and_never_raises(data: bytes) -> None:
    finder = FrameFinder()
    for piece in (data, data, data[::-1]):
        for one in finder.push(piece):
            assert len(one) == FRAME_BYTES
    assert len(finder._rest) < FRAME_BYTES


@FUZZED
@given(st.binary(min_size=24, max_size=24))
def test_targets_are_counted_or_refused(targets: bytes) -> None:
    try:
        count = target_count(b"\xaa\xff\x03\x00" + targets + b"\x55\xcc")
    except DecodeError as error:
        assert "a byte was damaged" in str(error)
    else:
        assert 0 <= count <= 3


def test_a_person_who_vanishes_for_a_frame_is_still_there() -> None:
    vote = PresenceVote()
    counts = [2, 2, 0, 2, 1] * 4
    told = [vote.push(count) for count in counts]
    assert told[13] is None
    assert {int(one.channels[0].values[0]) for one in told if one} == {2}


async def test_a_radar_that_appears_later_speaks_and_vanishes(
    line: SerialLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vointi_edge.sources.serial.radar._CHECK_S", 0.01)
    hub = Hub()
    radar = assigned("hlk-ld2450", path=line.path)
    async with running(Radar(radar, context(hub)).run()):
        await until(lambda: bool(hub.links))
        assert hub.links[0][1:] == ("lost", "cannot open radar.tty: No such file or directory")
        line.open("--box")
        await until(lambda: line.write(b"\x00noise"))
        damaged = frame(3, 0)[:6] + b"\xff\xff" + frame(3, 0)[8:]
        for _ in range(20):
            line.write(frame(2, time.monotonic()) + damaged)
        await until(lambda: len(hub.readings) > 0)
        assert values(hub.readings[0]) == {"people_present": 2}
        assert hub.readings[0].quality == Quality.GAP_BEFORE
        line.write(frame(2, 1) * 3)
        assert "a byte was damaged" in hub.refused[0][2]
        assert hub.links[-1][1] == "connected"
        line.close()
        await until(lambda: hub.links[-1][1] == "lost")


@pytest.mark.parametrize(
    ("said", "note"),
    [
        (b"", "said nothing for 0 s; check its supply"),
        (b"garbage at another speed", "sends no radar frames; is it set to 256000 baud?"),
    ],
)
async def test_a_silent_and_a_garbled_radar_are_told_apart(
    line: SerialLine, monkeypatch: pytest.MonkeyPatch, said: bytes, note: str
) -> None:
    monkeypatch.setattr("vointi_edge.sources.serial.radar._SILENCE_S", 0.3)
    monkeypatch.setattr("vointi_edge.sources.serial.radar._CHECK_S", 0.05)
    line.open("--box")
    hub = Hub()
    async with running(Radar(assigned("hlk-ld2450", path=line.path), context(hub)).run()):
        await until(lambda: line.write(said))
        await until(lambda: len(hub.links) > 0)
    assert hub.links[0][1:] == ("lost", note)
    assert hub.readings == []


async def test_the_line_is_opened_at_the_radars_own_speed(line: SerialLine) -> None:
    line.open("--box")
    watch = os.open(line.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    hub = Hub()
    async with running(Radar(assigned("hlk-ld2450", path=line.path), context(hub)).run()):
        await until(lambda: termios.tcgetattr(watch)[4] & 0o010017 == 0o010000)  # BOTHER
        speeds = bytearray(44)
        import fcntl
        import struct

        fcntl.ioctl(watch, 0x802C542A, speeds)
        assert struct.unpack_from("=2I", speeds, 36) == (256_000, 256_000)
    os.close(watch)
