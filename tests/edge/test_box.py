"""The service-point box on a real tty: a pseudo-terminal that appears, stutters and vanishes."""

from __future__ import annotations

import asyncio
import binascii
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from edge_parts import Hub, SetClock, models
from vointi_contract.frame import Quality
from vointi_edge.config import DeviceConfig
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.serial.box import ServicePointBox


def line(seq: int, kind: str = "button", rest: str = '"button":1', uptime_ms: int = 0) -> bytes:
    uptime_ms = uptime_ms or 1000 * seq
    text = f'{{"seq":{seq},"uptime_ms":{uptime_ms},"kind":"{kind}",{rest}}}'.encode()
    return text + b"*%04X\n" % binascii.crc_hqx(text, 0xFFFF)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not what():  # noqa: ASYNC110 - the hub has no event
            await asyncio.sleep(0.01)


class Wire:
    """A pseudo-terminal behind a link, as the box's path is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.master = -1
        self._slave = -1

    def plug(self) -> None:
        self.master, self._slave = os.openpty()
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        self.path.unlink()
        os.close(self.master)
        os.close(self._slave)

    def write(self, data: bytes) -> None:
        os.write(self.master, data)


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(tmp_path / "box.tty")


@pytest.fixture
async def hub(wire: Wire) -> AsyncIterator[Hub]:
    hub = Hub()
    device = DeviceConfig("box-1", "vointi-service-point", None, wire.path, None)
    assigned = Assigned(device, models()["vointi-service-point"])
    box = ServicePointBox(assigned, Context(hub, SetClock()))
    task = asyncio.create_task(box.run())
    yield hub
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_box_that_appears_later_speaks_and_vanishes(wire: Wire, hub: Hub) -> None:
    await until(lambda: ("box-1", "lost", "cannot open box.tty: No such file or directory") in
                hub.links)  # fmt: skip
    wire.plug()
    await until(lambda: bool(_try(wire, line(1))) and len(hub.readings) > 0)
    assert hub.links[-1] == ("box-1", "connected", "")
    wire.unplug()
    await until(lambda: hub.links[-1][1] == "lost")
    before = len(hub.readings)
    wire.plug()
    await until(lambda: bool(_try(wire, line(2))) and len(hub.readings) > before)
    wire.unplug()


def _try(wire: Wire, data: bytes) -> int:
    return os.write(wire.master, data)


async def test_lost_and_damaged_lines_are_noticed_and_halves_are_joined(
    wire: Wire, hub: Hub
) -> None:
    wire.plug()
    await until(lambda: bool(_try(wire, line(1))) and len(hub.readings) > 0)
    hub.readings.clear()
    wire.write(line(2)[:20])
    await asyncio.sleep(0.05)
    wire.write(line(2)[20:] + line(5) + line(5))  # 3 and 4 never came; 5 came twice
    wire.write(line(6).replace(b"button", b"buttom"))  # damaged
    wire.write(b"\xff" * 2000 + b"\n")  # noise
    wire.write(line(7, "air", '"co2_ppm":600,"temperature_c":21.5,"humidity_pct":40'))
    await until(lambda: len(hub.of("box-1", "air")) == 1)
    assert [one.quality for one in hub.readings] == [
        Quality.OK, Quality.GAP_BEFORE, Quality.GAP_BEFORE,
    ]  # fmt: skip
    assert hub.links[-1][1] == "connected"
    assert "lines lost" in hub.links[-1][2]
    wire.unplug()


async def test_a_restarted_box_counts_from_one_without_a_gap(wire: Wire, hub: Hub) -> None:
    wire.plug()
    await until(lambda: bool(_try(wire, line(50))) and len(hub.readings) > 0)
    hub.readings.clear()
    wire.write(line(1, uptime_ms=10))
    await until(lambda: len(hub.readings) == 1)
    assert hub.readings[0].quality == Quality.OK
    wire.unplug()


async def test_a_path_that_is_no_serial_line_is_told(tmp_path: Path) -> None:
    hub = Hub()
    path = tmp_path / "file"
    path.write_bytes(b"not a tty")
    device = DeviceConfig("box-1", "vointi-service-point", None, path, None)
    box = ServicePointBox(
        Assigned(device, models()["vointi-service-point"]), Context(hub, SetClock())
    )
    task = asyncio.create_task(box.run())
    await until(lambda: bool(hub.links))
    assert "no serial line" in hub.links[0][2]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
