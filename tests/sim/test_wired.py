"""The wired twins, byte for byte, and the command that starts them all."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import sys
from pathlib import Path

import pytest
from vointi_sim.errors import ListenError
from vointi_sim.service_point.camera import Camera
from vointi_sim.service_point.gpio_pipe import EVENT, FALLING, RISING, GpioPipe
from vointi_sim.service_point.iio_tree import IioTree
from vointi_sim.service_point.radar import frame
from vointi_sim.service_point.wired import BUTTONS, CO2_BUS, INNER, OUTER, WiredPoint
from vointi_sim.service_point.zigbee import Bridge


def events(data: bytes) -> list[tuple[int, int, int]]:
    """(kind, offset, line_seqno) of each record."""
    found = [EVENT.unpack_from(data, n) for n in range(0, len(data), EVENT.size)]
    return [(kind, offset, line_seqno) for _, kind, offset, _, line_seqno in found]


def test_a_plugged_sensor_looks_like_the_kernels(tmp_path: Path) -> None:
    tree = IioTree(tmp_path)
    tree.open("--dir")
    tree.plug("1-0062", "scd41", {"in_temp_scale": "2.67"})
    tree.plug("1-0069", "sps30", {})
    first = tree.links / "iio:device0"
    assert (first / "name").read_text() == "scd41\n"
    assert first.resolve().parent.name == "1-0062"
    tree.write("1-0062", "in_temp_raw", "26215")
    assert sorted(file.name for file in first.iterdir()) == ["in_temp_raw", "in_temp_scale", "name"]
    tree.unplug("1-0062")
    tree.plug("1-0023", "bh1750", {})
    assert (tree.links / "iio:device0" / "name").read_text() == "bh1750\n"
    tree.close()
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "precious").write_text("kept")
    (tmp_path / "panel.gpio").write_text("kept")
    tree = IioTree(tmp_path)
    tree.open("--dir")
    tree.close()
    with pytest.raises(
        ListenError, match=r"--dir: cannot listen on .*panel.gpio.*path that is fre"
    ):
        GpioPipe(tmp_path / "panel.gpio", (17,)).open("--dir")
    assert (tmp_path / "devices" / "precious").read_text() == "kept"
    assert (tmp_path / "panel.gpio").read_text() == "kept"


def test_edges_are_told_to_who_listens_and_lost_on_nobody(tmp_path: Path) -> None:
    pipe = GpioPipe(tmp_path / "panel.gpio", (17, 27))
    pipe.open("--dir")
    pipe.edge(17, True)
    assert pipe.lost == 1
    reader = os.open(pipe.path, os.O_RDONLY | os.O_NONBLOCK)
    pipe.listen()  # the active line is told to who comes
    pipe.edge(17, True)  # already so
    pipe.edge(27, True)
    pipe.edge(17, False)
    pipe.skip(27, 3)
    pipe.edge(27, False)
    assert events(os.read(reader, 4096)) == [
        (RISING, 17, 1), (RISING, 27, 1), (FALLING, 17, 2), (FALLING, 27, 5),
    ]  # fmt: skip
    os.close(reader)
    pipe.edge(17, True)
    assert pipe.lost == 2
    pipe.close()
    assert not pipe.path.exists()


def test_a_radar_frame_has_as_many_targets_as_people() -> None:
    for people, wanted in ((0, 0), (1, 1), (3, 3), (9, 3)):
        data = frame(people, 12.5)
        assert (data[:4], data[-2:], len(data)) == (b"\xaa\xff\x03\x00", b"\x55\xcc", 30)
        targets = [struct.unpack_from("<4H", data, 4 + 8 * n) for n in range(3)]
        assert sum(any(target) for target in targets) == wanted
        assert all(gate == 320 for *_, gate in targets[:wanted])


@pytest.mark.network
async def test_a_camera_wants_its_password() -> None:
    camera = Camera(lambda: (3, 1), "vointi", "counts")
    host, port = await camera.start("127.0.0.1", 0, "--camera")
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /local/tvpc/.api?live-sum.json HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'WWW-Authenticate: Digest realm="AXIS_' in answer
    camera.password = ""
    writer.write(b"GET /local/tvpc/.api?live-sum.json HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    told = json.loads(await reader.readuntil(b"}"))
    assert (told["in"], told["out"]) == (3, 1)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
    writer.close()
    await writer.wait_closed()
    await camera.stop()


@pytest.mark.network
async def test_a_bridge_says_which_broker_is_missing(unused_tcp_port: int) -> None:
    with pytest.raises(ListenError, match=r"--local-mqtt: .*start a broker there first"):
        await Bridge().start("127.0.0.1", unused_tcp_port, "--local-mqtt")


class Stepped:
    """Simulated time that runs at once up to its end, and stands there."""

    def __init__(self, end_s: float) -> None:
        self.end_s = end_s
        self.there = asyncio.Event()
        self._now_s = 0.0

    def now_s(self) -> float:
        return self._now_s

    async def until(self, when_s: float) -> None:
        if when_s > self.end_s:
            self.there.set()
            await asyncio.Event().wait()
        self._now_s = when_s


async def test_all_twins_tell_of_the_same_visitors(tmp_path: Path) -> None:
    clock = Stepped(400.0)
    point = WiredPoint(tmp_path, clock, 4)
    point.start("--dir")
    beams = os.open(tmp_path / "beams.gpio", os.O_RDONLY | os.O_NONBLOCK)
    panel = os.open(tmp_path / "panel.gpio", os.O_RDONLY | os.O_NONBLOCK)
    await clock.there.wait()
    await point.stop()
    passed, pressed = events(os.read(beams, 65_536)), events(os.read(panel, 65_536))
    os.close(beams)
    os.close(panel)
    last = [(kind, offset) for kind, offset, _ in passed][3::4]
    assert set(last) <= {(FALLING, INNER), (FALLING, OUTER)}
    moves = point.visitors.between(0.01, clock.end_s)
    wanted = [one.people_in for one in moves]
    came = 4
    for (_, offset), people_in in zip(last, wanted, strict=True):
        came += offset == INNER
        assert came == people_in
    buttons = [one.button for one in moves if one.button is not None]
    offsets = [offset for kind, offset, _ in pressed if kind == RISING]
    assert [BUTTONS[b] for b in buttons] == offsets
    assert len(last) > 8
    assert len(offsets) > 0
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - nothing is left behind


@pytest.mark.network
async def test_the_command_starts_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vointi_sim", "wired", "--dir", str(tmp_path / "w"),
        "--camera", "127.0.0.1:0", "--seed", "9", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    ready = json.loads(await process.stdout.readline())
    assert ready["ready"]
    assert ready["seed"] == 9
    assert ready["camera"].startswith("http://127.0.0.1:")
    name = tmp_path / "w" / "simulated-sysfs" / "iio" / "iio:device0" / "name"
    assert name.read_text() == "scd41\n"
    assert CO2_BUS in str(name.resolve())
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert list((tmp_path / "w").iterdir()) == []
