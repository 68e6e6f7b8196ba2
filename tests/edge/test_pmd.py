"""Polar's protocol from the edge's side, against a strap that answers as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from edge_parts import Hub, SetClock, SilentPort, hear, models
from vointi_edge.config import DeviceConfig
from vointi_edge.sources.ble.advertisement import AdvertisingDevice
from vointi_edge.sources.ble.pmd import CONTROL_POINT, DATA, PmdControl, PmdStream
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ports import Assigned, Context

ECG, ACC = models()["polar-h10"].streams[1:3]


@dataclass
class Strap:
    """Answers control point requests; `start` lists the statuses of START, in turn."""

    rates: tuple[int, ...] = (130,)
    start: list[int] = field(default_factory=lambda: [0])
    asked: list[str] = field(default_factory=list)
    takers: dict[str, Callable[[Any, bytearray], None]] = field(default_factory=dict)
    has_pmd: bool = True

    @property
    def services(self) -> Any:
        return SimpleNamespace(get_characteristic=lambda uuid: object() if self.has_pmd else None)

    async def start_notify(self, uuid: str, take: Callable[[Any, bytearray], None]) -> None:
        self.takers[uuid] = take

    async def write_gatt_char(self, uuid: str, data: bytes, response: bool) -> None:
        assert uuid == CONTROL_POINT
        self.asked.append(data.hex())
        body = b""
        status = 0
        if data[0] == 1:
            rates = b"".join(rate.to_bytes(2, "little") for rate in self.rates)
            body = bytes([0, len(self.rates)]) + rates + bytes.fromhex("01010e00")
        elif data[0] == 2:
            status = self.start.pop(0)
        self.takers[CONTROL_POINT](None, bytearray([0xF0, 9, 9, 0, 0]))  # not ours
        self.takers[CONTROL_POINT](None, bytearray([0xF0, data[0], data[1], status, 0]) + body)


async def started(strap: Strap, hub: Hub) -> PmdStream:
    client = cast(BleakClient, strap)
    stream = PmdStream("strap-1", ECG, Context(hub, SetClock()), PmdControl(client))
    await stream.start(client)
    return stream


async def test_the_wished_rate_is_taken_where_it_is_offered() -> None:
    hub, strap = Hub(), Strap(rates=(65, 130, 260))
    await started(strap, hub)
    assert strap.asked == ["0100", "02000001820001010e00"]
    assert hub.rates == {("strap-1", "ecg"): 130.0}


async def test_the_only_offered_rate_is_taken() -> None:
    hub, strap = Hub(), Strap(rates=(360,))
    await started(strap, hub)
    assert strap.asked[-1] == "02000001680101010e00"
    assert hub.rates == {("strap-1", "ecg"): 360.0}


async def test_a_stream_left_running_by_a_killed_process_is_begun_anew() -> None:
    strap = Strap(start=[6, 0])
    await started(strap, Hub())
    assert [request[:4] for request in strap.asked] == ["0100", "0200", "0300", "0200"]


async def test_a_refusal_for_now_is_asked_again_later_each_time_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub, loop = Hub(), asyncio.get_running_loop()
    stream = await started(Strap(start=[12, 12, 12, 0]), hub)
    pauses = [stream.heard_s - loop.time()]
    for _ in range(3):
        assert await stream.revive()
        pauses.append(stream.heard_s - loop.time())
    assert pauses == pytest.approx([10, 20, 40, 0], abs=1)
    assert caplog.text.count("does not send it now (status 12)") == 1
    assert hub.links == []  # the link stays as it is


async def test_a_device_that_believes_to_send_gets_a_new_link() -> None:
    stream = await started(Strap(start=[0, 6]), Hub())
    assert not await stream.revive()


async def test_a_refusal_for_ever_is_left() -> None:
    stream = await started(Strap(start=[3]), Hub())
    assert stream.heard_s == float("inf")
    assert (await started(Strap(has_pmd=False), Hub())).heard_s == float("inf")


async def test_frames_become_readings_and_damaged_ones_do_not() -> None:
    hub, strap = Hub(), Strap()
    await started(strap, hub)
    for number in (1, 2):
        stamp = round(number * 2 * 1e9 / 130).to_bytes(8, "little")
        strap.takers[DATA](None, bytearray(b"\0" + stamp + b"\0" + bytes.fromhex("010000ffffff")))
    strap.takers[DATA](None, bytearray(b"\0" * 12))
    strap.takers[DATA](None, bytearray())
    strap.takers[DATA](None, bytearray(b"\x02" + bytes(20)))  # nobody asked for acceleration
    assert [one.channels[0].values.tolist() for one in hub.readings] == [[1, -1], [1, -1]]
    assert hub.readings[1].rate_hz == pytest.approx(130, abs=1e-4)


def advert(address: str, payload: str) -> tuple[BLEDevice, AdvertisementData]:
    data = AdvertisementData(
        "Nieminen's phone", {0x0499: bytes.fromhex(payload)}, {}, [], None, -60, ()
    )
    return BLEDevice(address, "Nieminen's phone", None), data


GOOD = "0512fc5394c37c0004fffc040cac364200cdcbb8334c884f"


async def test_a_bystander_is_not_looked_at_and_a_repeat_is_one_reading(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub, radio = Hub(), Radio([SilentPort()])
    device = DeviceConfig("ruuvi-1", "ruuvitag", "C0:DE:00:00:00:06", None, None)
    AdvertisingDevice(Assigned(device, models()["ruuvitag"]), radio, Context(hub, SetClock()))
    caplog.set_level("DEBUG")
    hear(radio, *advert("AA:BB:CC:DD:EE:FF", GOOD))
    assert (hub.readings, hub.links, hub.heard) == ([], [], set())
    for payload in (GOOD, GOOD, "05ff", GOOD, GOOD.replace("00cd", "00ce")):
        hear(radio, *advert("c0:de:00:00:00:06", payload))
    assert len(hub.readings) == 2
    assert hub.links == [("ruuvi-1", "advertising", "")]
    assert "Nieminen" not in caplog.text
    assert "AA:BB" not in caplog.text
