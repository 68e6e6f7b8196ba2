"""GATT characteristics: reading, asking, the device's calendar, its description; hostile ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from bleak import BleakClient
from bleak.exc import BleakError
from bleak.uuids import normalize_uuid_str
from edge_parts import Hub, SetClock, models
from vointi_contract.frame import Quality
from vointi_contract.metrics import by_code
from vointi_edge.catalogue import StreamSpec
from vointi_edge.clock import Clock
from vointi_edge.config import DeviceConfig
from vointi_edge.decoders.information import current_time_bytes, date_time_bytes
from vointi_edge.sources.ble.characteristic import CharacteristicStream
from vointi_edge.sources.ble.describe import describe
from vointi_edge.sources.ble.device_clock import DeviceClock, set_right
from vointi_edge.sources.ports import Context
from vointi_edge.sources.told import Told
from vointi_edge.state import MAX_NOTE, DeviceStates

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@dataclass
class Device:
    """A GATT server; `values` by short UUID, `properties` where they are not read and notify."""

    values: dict[str, bytes] = field(default_factory=dict)
    properties: dict[str, list[str]] = field(default_factory=dict)
    twice: tuple[str, ...] = ()
    written: list[tuple[str, bytes]] = field(default_factory=list)
    takers: dict[str, Callable[[Any, bytearray], None]] = field(default_factory=dict)
    is_connected: bool = True
    refuses: bool = False
    refused: int = 0

    @property
    def services(self) -> Any:
        every = {n: self._made(uuid) for n, uuid in enumerate([*self.twice, *self.values])}
        return SimpleNamespace(get_characteristic=self._get, characteristics=every)

    def _made(self, short: str) -> Any:
        properties = self.properties.get(short, ["read", "notify"])
        return SimpleNamespace(uuid=normalize_uuid_str(short), short=short, properties=properties)

    def _get(self, uuid: str) -> Any:
        if uuid in self.twice:
            raise BleakError("Multiple Characteristics with this UUID")
        return self._made(uuid) if uuid in self.values else None

    async def read_gatt_char(self, found: Any) -> bytearray:
        if self.refuses:
            self.refused += 1
            raise BleakError("insufficient authentication")
        return bytearray(self.values[found.short])

    async def write_gatt_char(self, found: Any, data: bytes, response: bool) -> None:
        self.written.append((found.short, bytes(data)))

    async def start_notify(self, found: Any, take: Callable[[Any, bytearray], None]) -> None:
        self.takers[found.short] = take


def client(device: Device) -> BleakClient:
    return cast(BleakClient, device)


def spec(model: str, stream: str) -> StreamSpec:
    return next(one for one in models()[model].streams if one.id == stream)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def test_a_sensor_that_does_not_notify_is_read_again_and_again() -> None:
    hub, device = Hub(), Device({"2a6e": b"\x59\x08"}, {"2a6e": ["read"]})
    wanted = replace(spec("ble-environment", "temperature"), read_every_s=0.01)
    stream = CharacteristicStream("air-1", wanted, Context(hub, SetClock()))
    await stream.start(client(device))
    await until(lambda: len(hub.readings) >= 3)
    device.refuses = True
    await until(lambda: device.refused >= 2)
    device.refuses, count = False, len(hub.readings)
    await until(lambda: len(hub.readings) > count)
    device.is_connected = False
    assert stream._reading is not None
    await stream._reading
    assert device.takers == {}


def record(number: int, minute: int) -> bytes:
    """A glucose record: sequence number, 21 November 2026 at 7:MINUTE, 5.8 mmol/L."""
    return bytes.fromhex(f"07{number:02x}00ea070b1507{minute:02x}001e0036c011")


async def meet(context: Context, records: list[bytes]) -> bytes:
    """One link with a meter that tells these records; returns what it was asked."""
    device = Device({"2a18": b"", "2a52": b""}, {"2a18": ["notify"]})
    stream = CharacteristicStream("meter-1", spec("ble-glucose", "glucose"), context)
    await stream.start(client(device))
    assert list(device.takers) == ["2a18", "2a52"]
    for one in records:
        device.takers["2a18"](None, bytearray(one))
    device.takers["2a52"](None, bytearray(b"\x06\x00\x01\x01"))
    ((_, asked),) = device.written
    return asked


async def test_stored_records_are_asked_for_and_told_once_over_links_and_restarts() -> None:
    hub = Hub()
    first, second, third = (record(number, number) for number in (41, 42, 43))
    context = Context(hub, SetClock())
    assert await meet(context, [first, second, second]) == bytes.fromhex("0101")
    assert len(hub.readings) == 2
    # From the second link on only what came since: from number 42.
    assert await meet(context, [second]) == bytes.fromhex("0103012a00")
    after_restart = Context(hub, SetClock(), told=Told(context.told.states()))
    assert await meet(after_restart, [second, third]) == bytes.fromhex("0103012a00")
    assert len(hub.readings) == 3
    assert after_restart.told.changed


async def test_a_meter_that_was_reset_counts_from_one_again_and_is_heard() -> None:
    hub = Hub()
    context = Context(hub, SetClock())
    await meet(context, [record(90, 1)])
    await meet(context, [record(1, 2)])
    assert len(hub.readings) == 2
    assert await meet(context, []) == bytes.fromhex("0103010100")


async def test_a_cuff_s_stored_measurement_told_twice_is_one_reading() -> None:
    """Its confirmation was lost with the link: the cuff tells it again; a live one has no date."""
    stored = bytes.fromhex("027800500060 00ea070b15071e00".replace(" ", ""))
    live = bytes.fromhex("00780050006000")
    hub = Hub()
    context = Context(hub, SetClock())
    for _ in range(2):
        device = Device({"2a35": b""}, {"2a35": ["indicate"]})
        stream = CharacteristicStream("cuff-1", spec("ble-bp-cuff", "pressure"), context)
        await stream.start(client(device))
        for one in (stored, live):
            device.takers["2a35"](None, bytearray(one))
    assert len(hub.readings) == 3


async def test_of_two_characteristics_of_one_kind_the_first_is_taken() -> None:
    hub, device = Hub(), Device({"2a19": b"\x50"}, twice=("2a19",))
    stream = CharacteristicStream("x-1", spec("ble-scale", "battery"), Context(hub, SetClock()))
    await stream.start(client(device))
    assert hub.readings[0].channels[0].physical()[0] == 80


async def test_what_is_missing_is_told_unless_it_may_be(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("spo2", "battery"):
        stream = CharacteristicStream("o-1", spec("ble-oximeter", name), Context(Hub(), SetClock()))
        await stream.start(client(Device()))
        assert stream.heard_s == float("inf")
    assert [record.getMessage() for record in caplog.records] == ["o-1: has no battery (2a19)"]


async def test_lying_firmware_is_counted_and_logged_seldom(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub, device = Hub(), Device({"2a37": b""}, {"2a37": ["notify"]})
    stream = CharacteristicStream("s-1", spec("polar-h10", "hr"), Context(hub, SetClock()))
    await stream.start(client(device))
    for _ in range(12):
        device.takers["2a37"](None, bytearray(b"\x01\x48"))
    device.takers["2a37"](None, bytearray(b"\x00\x48"))
    assert (len(hub.refused), len(hub.readings)) == (12, 1)
    assert [record.getMessage()[-17:] for record in caplog.records] == [
        *(": (1 bad messages)"[1:], " (10 bad messages)"[1:]),
    ]


# ---- the device's calendar


def clock_at(moment: datetime, mono_us: int = 10**9) -> Clock:
    return SetClock(mono_us, round(moment.timestamp() * 1e6) - mono_us)


def local(moment: datetime) -> datetime:
    return moment.astimezone()


async def test_a_wrong_clock_is_set_and_a_right_one_is_left() -> None:
    wrong = current_time_bytes(local(NOON.replace(hour=9)))
    right = current_time_bytes(local(NOON.replace(second=20)))
    for told, writes in ((wrong, 1), (right, 0), (bytes(10), 1)):
        device = Device({"2a2b": told}, {"2a2b": ["read", "write"]})
        await set_right(client(device), clock_at(NOON))
        assert [data for _, data in device.written] == [current_time_bytes(local(NOON))] * writes


async def test_no_clock_is_set_by_one_that_is_not_trusted() -> None:
    device = Device({"2a08": date_time_bytes(NOON)}, {"2a08": ["read", "write"]})
    await set_right(client(device), SetClock(wall_offset_us=None))
    await set_right(client(replace(device, refuses=True)), clock_at(NOON))
    assert device.written == []


def test_a_stored_measurement_is_as_old_as_the_device_s_own_clock_says() -> None:
    clock = DeviceClock()
    assert clock.age_s(5000.0, 10**6) == 0  # nobody knows
    clock.was(1000.0, 10 * 10**6)  # its calendar starts at 1970: its battery was changed
    assert clock.age_s(400.0, 20 * 10**6) == pytest.approx(610.0)
    assert clock.age_s(1009.0, 20 * 10**6) == 0  # a second ago is now
    assert clock.age_s(9000.0, 20 * 10**6) == 0  # the future
    clock.was_set(1.8e9, 21 * 10**6)
    assert clock.age_s(400.0, 30 * 10**6) == pytest.approx(620.0)  # stamped before it was set
    assert clock.age_s(1.8e9 + 9, 130 * 10**6) == pytest.approx(100.0)  # stamped since
    assert clock.age_s(None, 30 * 10**6) == 0


async def test_a_cuff_s_stored_measurement_gets_its_own_time() -> None:
    hub = Hub()
    device = Device(
        {"2a2b": current_time_bytes(NOON), "2a35": b""},
        {"2a2b": ["read"], "2a35": ["indicate"]},
    )
    clock = clock_at(NOON)
    device_clock = await set_right(client(device), clock)
    wanted = spec("ble-bp-cuff", "pressure")
    stream = CharacteristicStream("cuff-1", wanted, Context(hub, clock), device_clock)
    await stream.start(client(device))
    for hour in (8, 12):
        taken = date_time_bytes(NOON.replace(hour=hour))
        data = bytes([2]) + bytes.fromhex("780050005d00") + taken
        device.takers["2a35"](None, bytearray(data))
    stored, fresh = hub.readings
    assert stored.wall_us == round(NOON.replace(hour=8).timestamp() * 1e6)
    assert stored.mono_us == 0  # before this boot
    assert stored.quality == Quality.LATE
    assert (fresh.quality, fresh.mono_us) == (Quality.OK, 10**9)


# ---- what a device says it is


async def test_the_serial_number_is_not_even_read_unless_allowed() -> None:
    device = Device({"2a24": b"BP-1\0", "2a25": b"SN 4711", "2a26": b"1.0 "})
    assert await describe(client(device)) == "BP-1 1.0"
    assert await describe(client(device), serial=True) == "BP-1 1.0 SN 4711"


@pytest.mark.parametrize("name", ["\x1b[31m\r\nI forged", "\u202e\u2066x", "A" * 512])
async def test_a_hostile_description_is_made_harmless(name: str) -> None:
    text = await describe(client(Device({"2a24": name.encode(), "2a26": b"\xff\xfe"})))
    assert text.isprintable()
    assert len(text) <= 2 * 48 + 1


def test_bad_messages_stand_in_the_device_s_state() -> None:
    changes: list[int] = []
    devices = (DeviceConfig("s-1", "polar-h10", None, None, None),)
    states = DeviceStates(devices, {"s-1": models()["polar-h10"]}, lambda: changes.append(1))
    states.link("s-1", "connected", "H10 5.0.0")
    for _ in range(3):
        states.bad("s-1", "hr", "\x1b[2J" + "x" * 300)
    (status,) = states.statuses()
    assert status.note.startswith("H10 5.0.0; 3 bad messages, last hr: ?[2Jxx")
    assert status.note.isprintable()
    assert len(status.note) <= MAX_NOTE
    assert len(changes) == 2
    states.link("s-1", "unknown", "paused")
    assert states.statuses()[0].note == "paused"
    assert states.bad_messages("s-1") == 3


def test_a_stream_that_is_off_runs_only_where_it_is_enabled() -> None:
    model = models()["ble-glucose"]
    assert [one.id for one in model.with_streams(()).streams] == ["battery"]
    assert [one.id for one in model.with_streams(("glucose",)).streams] == ["glucose", "battery"]
    names = {by_code(1).name}  # the ECG's beats go with the ECG
    chest = models()["movesense"]
    assert names == {"ecg"}
    off = replace(chest, streams=tuple(replace(s, enabled=s.id != "ecg") for s in chest.streams))
    assert off.with_streams(()).pipelines == ()
    assert off.with_streams(("ecg",)).pipelines == chest.pipelines
