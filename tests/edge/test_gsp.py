"""Movesense's protocol from the edge's side, against a sensor that answers as told."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from bleak import BleakClient
from edge_parts import Hub, SetClock, models
from vointi_edge.decoders.movesense import DATA, DATA_PART_2, Joiner, movesense_imu9
from vointi_edge.errors import DecodeError, SourceError
from vointi_edge.sources.ble.gsp import COMMAND, NOTIFY, GspControl, GspStream
from vointi_edge.sources.ports import Context

ECG, IMU = models()["movesense"].streams[:2]


@dataclass
class Sensor:
    """Answers every subscription with the next status."""

    statuses: list[int] = field(default_factory=lambda: [200, 200])
    asked: list[bytes] = field(default_factory=list)
    told: Callable[[Any, bytearray], None] | None = None
    has_gsp: bool = True

    @property
    def services(self) -> Any:
        return SimpleNamespace(get_characteristic=lambda uuid: object() if self.has_gsp else None)

    async def start_notify(self, uuid: str, take: Callable[[Any, bytearray], None]) -> None:
        assert uuid == NOTIFY
        assert self.told is None
        self.told = take

    async def write_gatt_char(self, uuid: str, data: bytes, response: bool) -> None:
        assert (uuid, response) == (COMMAND, True)
        self.asked.append(bytes(data))
        self.tell(bytes([1, 99, 200, 0]))  # of another's reference
        self.tell(bytes([1, data[1]]) + self.statuses.pop(0).to_bytes(2, "little"))

    def tell(self, data: bytes) -> None:
        assert self.told is not None
        self.told(None, bytearray(data))


async def started(sensor: Sensor, hub: Hub) -> list[GspStream]:
    client = cast(BleakClient, sensor)
    control = GspControl(client)
    streams = [GspStream("chest-1", spec, Context(hub, SetClock()), control) for spec in (ECG, IMU)]
    for stream in streams:
        await stream.start(client)
    return streams


def imu(first_ms: int, count: int) -> bytes:
    values = np.arange(count * 6, dtype="<f4")
    return struct.pack("<I", first_ms) + values.tobytes()


async def test_each_resource_gets_a_reference_of_its_own() -> None:
    hub, sensor = Hub(), Sensor()
    await started(sensor, hub)
    assert sensor.asked == [b"\x01\x01/Meas/ECG/128", b"\x01\x02/Meas/IMU6/52"]
    assert hub.rates == {("chest-1", "ecg"): 128.0, ("chest-1", "imu"): 52.0}


async def test_notifications_become_readings_of_their_stream() -> None:
    hub, sensor = Hub(), Sensor()
    await started(sensor, hub)
    for number in range(3):
        first_ms = 1000 + number * 125
        sensor.tell(b"\x02\x01" + struct.pack("<I16i", first_ms, *range(16)))
        sensor.tell(b"\x02\x02" + imu(first_ms, 4))
    sensor.tell(b"\x02\x07" + imu(0, 4))  # a reference that nobody gave
    sensor.tell(b"\x02")
    sensor.tell(b"")
    ecg, movement = hub.of("chest-1", "ecg"), hub.of("chest-1", "imu")
    assert (len(ecg), len(movement)) == (3, 3)
    assert ecg[0].channels[0].physical()[2] == pytest.approx(2 * 0.3814697, abs=1e-6)
    assert ecg[2].rate_hz == pytest.approx(128, rel=1e-3)
    assert len(movement[0].channels) == 6
    assert not hub.refused


async def test_content_in_two_parts_is_joined_and_a_lost_part_is_counted() -> None:
    hub, sensor = Hub(), Sensor()
    await started(sensor, hub)
    whole = imu(5000, 8)
    for part in (whole, whole[:150], whole):
        sensor.tell(b"\x02\x02" + part[:150])
        if len(part) > 150:
            sensor.tell(b"\x03\x02" + part[150:])
    sensor.tell(b"\x03\x02" + whole[150:])
    assert len(hub.of("chest-1", "imu")) == 1  # the third is the first again: the same time
    assert [reason for _, _, reason in hub.refused] == [
        "GSP data: a second part was lost",
        "GSP data: a second part came without its first",
    ]


async def test_a_refusal_for_now_is_tried_again_and_one_for_ever_is_left() -> None:
    with pytest.raises(SourceError, match="not now"):
        await started(Sensor([503]), Hub())
    ecg, movement = await started(Sensor([404, 201]), Hub())
    assert (ecg.heard_s, movement.heard_s != float("inf")) == (float("inf"), True)
    assert (await started(Sensor(has_gsp=False), Hub()))[0].heard_s == float("inf")


def test_the_joiner_starts_anew_after_a_lost_part() -> None:
    joiner = Joiner(36)
    assert joiner.push(DATA, bytes(150)) is None
    with pytest.raises(DecodeError, match="was lost"):
        joiner.push(DATA, bytes(150))
    assert joiner.push(DATA_PART_2, bytes(142)) == bytes(292)
    assert joiner.push(DATA, bytes(4 + 36)) == bytes(40)


def test_the_magnetic_field_is_left_out() -> None:
    content = struct.pack("<I", 9) + np.arange(18, dtype="<f4").tobytes()
    frame = movesense_imu9(content, 104.0)
    assert frame.samples.shape == (2, 6)
    assert frame.samples[1, 3:].tolist() == [9000, 10000, 11000]


QUIET, SIGNALLING = bytes.fromhex("0000c07f"), bytes.fromhex("0100a07f")


@pytest.mark.parametrize(
    "raw", [QUIET, SIGNALLING, *(struct.pack("<f", value) for value in (float("inf"), 3e38))]
)
def test_a_float_that_no_sensor_measures_is_refused(raw: bytes) -> None:
    content = struct.pack("<I", 9) + raw * 9
    with pytest.raises(DecodeError, match="no sensor measures"):
        movesense_imu9(content, 104.0)
