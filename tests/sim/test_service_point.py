"""The service point: who comes, what they breathe, what the box says of it."""

from __future__ import annotations

import asyncio
import binascii
import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from vointi_sim.clock import PacedClock
from vointi_sim.errors import ListenError
from vointi_sim.service_point.box import Box
from vointi_sim.service_point.line import crc_ccitt_false, line
from vointi_sim.service_point.room import Room, RoomSize
from vointi_sim.service_point.tty import SerialLine
from vointi_sim.service_point.visitors import Visitors

SIZE = RoomSize(volume_m3=140.0, changes_per_h=2.5)


def test_the_checksum_is_ccitt_false() -> None:
    assert crc_ccitt_false(b"123456789") == 0x29B1


def test_a_line_byte_for_byte() -> None:
    text = b'{"seq":7,"uptime_ms":1500,"kind":"button","button":3}'
    assert line(7, 1500, "button", button=3) == text + b"*%04X\n" % crc_ccitt_false(text)


def test_visitors_are_counted_and_nobody_leaves_who_has_not_come() -> None:
    passages = Visitors(4).between(0, 7200)
    assert passages == Visitors(4).between(0, 7200)
    assert passages != Visitors(5).between(0, 7200)
    assert [p.time_s for p in passages] == sorted(p.time_s for p in passages)
    assert all(0 <= passage.present <= 15 for passage in passages)
    moves = [
        (b.people_in - a.people_in, b.people_out - a.people_out) for a, b in pairwise(passages)
    ]
    assert set(moves) == {(1, 0), (0, 1)}
    pressed = [p.button for p in passages if p.button is not None]
    assert set(pressed) <= {1, 2, 3, 4}
    assert 0.2 < len(pressed) / passages[-1].people_out < 0.5


def test_co2_follows_people() -> None:
    present = {"now": 0}
    room = Room(1, SIZE, lambda _at_s: present["now"])
    empty = room.air(600)
    present["now"] = 10
    full = room.air(3600)
    # 10 people in a steady state: 430 + 10 * 0.0052 L/s / 97.2 L/s = 965 ppm; 87 % of the way.
    assert empty.co2_ppm == pytest.approx(430, abs=1)
    assert full.co2_ppm == pytest.approx(430 + 535 * 0.875, abs=10)
    assert full.temperature_cel > empty.temperature_cel + 0.5
    assert full.humidity_pct > empty.humidity_pct
    present["now"] = 0
    assert room.air(9000).co2_ppm < full.co2_ppm - 300


def read_lines(reader: int) -> list[dict[str, Any]]:
    try:
        data = os.read(reader, 65_536)
    except BlockingIOError:
        return []
    lines = []
    for one in data.splitlines():
        text, _, check = one.rpartition(b"*")
        assert int(check, 16) == binascii.crc_hqx(text, 0xFFFF)
        lines.append(json.loads(text))
    return lines


async def boxed(path: Path, speed: float) -> Box:
    clock = PacedClock(speed)
    visitors = Visitors(4)
    box = Box(SerialLine(path), clock, 4, visitors, Room(4, SIZE, visitors.present))
    box.cable.open("--box")
    await box.start()
    return box


async def test_the_box_talks_over_its_line(tmp_path: Path) -> None:
    box = await boxed(tmp_path / "box.tty", speed=50)
    reader = os.open(tmp_path / "box.tty", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    lines: list[dict[str, Any]] = []
    for _ in range(20):
        await asyncio.sleep(0.05)
        lines += read_lines(reader)
    os.close(reader)
    await box.stop()
    kinds = {str(one["kind"]) for one in lines}
    assert {"air", "people"} <= kinds
    first = next(one for one in lines if one["kind"] == "people")
    assert first["in"] >= 4
    sequence = [one["seq"] for one in lines]
    assert sequence == list(range(sequence[0], sequence[0] + len(lines)))
    air = [one["uptime_ms"] for one in lines if one["kind"] == "air"]
    assert {b - a for a, b in pairwise(air)} == {2000}
    assert not (tmp_path / "box.tty").is_symlink()


async def test_what_nobody_hears_is_lost_and_counted(tmp_path: Path) -> None:
    box = await boxed(tmp_path / "box.tty", speed=200)
    await asyncio.sleep(0.2)
    reader = os.open(tmp_path / "box.tty", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    assert read_lines(reader) == []
    lost = box.cable.lost
    assert lost == box.sent > 5
    await asyncio.sleep(0.1)
    first = read_lines(reader)
    assert first[0]["seq"] == lost + 1
    # Who comes late is told the counters at once.
    assert "people" in {one["kind"] for one in first}
    os.close(reader)
    await box.stop()


def test_a_link_left_by_a_killed_simulator_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "box.tty").symlink_to("/nowhere")
    cable = SerialLine(tmp_path / "box.tty")
    cable.open("--box")
    assert (tmp_path / "box.tty").exists()
    cable.close()


def test_a_file_in_the_way_is_kept_and_said(tmp_path: Path) -> None:
    (tmp_path / "box.tty").write_text("precious")
    with pytest.raises(ListenError, match=r"--box: cannot listen on .*box.tty.*path that is free"):
        SerialLine(tmp_path / "box.tty").open("--box")
    assert (tmp_path / "box.tty").read_text() == "precious"
