"""Simulated devices beyond the demo's, through a real radio into the edge's own sources."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from edge_parts import Hub, models
from sim_central import until
from vointi_contract.metrics import by_code
from vointi_edge.clock import make_clock
from vointi_edge.config import BleConfig, DeviceConfig
from vointi_edge.reading import Reading
from vointi_edge.sources.ble.advertisement import AdvertisingDevice
from vointi_edge.sources.ble.backend import make_ports
from vointi_edge.sources.ble.gatt import GattDevice
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ports import Assigned, Context
from vointi_sim.clock import PacedClock
from vointi_sim.extras import Extra
from vointi_sim.places import Place, home

KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
KINDS = {
    "C0:DE:00:00:00:11": ("body-scale", "ble-body-scale"),
    "C0:DE:00:00:00:12": ("environment", "ble-environment"),
    "C0:DE:00:00:00:13": ("arm-band", "polar-verity-sense"),
    "C0:DE:00:00:00:14": ("bthome-sealed", "bthome-v2"),
    "C0:DE:00:00:00:15": ("ruuvi-air", "ruuvi-air"),
}
EXPECTED = {
    ("body-scale", "composition"),
    ("environment", "temperature"),
    ("environment", "co2"),
    ("arm-band", "ppg"),
    ("arm-band", "ppi"),
    ("arm-band", "hr"),
    ("bthome-sealed", "air"),
    ("ruuvi-air", "air"),
}


@dataclass
class Values(Hub):
    """Tells when all that is expected has come."""

    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def reading(self, reading: Reading) -> None:
        super().reading(reading)
        if {(one.device, one.stream) for one in self.readings} >= EXPECTED:
            self.complete.set()

    def of_stream(self, device: str, stream: str) -> dict[str, list[float]]:
        values: dict[str, list[float]] = {}
        for reading in self.of(device, stream):
            for channel in reading.channels:
                values.setdefault(by_code(channel.metric).name, []).extend(channel.physical())
        return values


@asynccontextmanager
async def running(
    hub: Hub, addresses: Collection[str] = tuple(KINDS), visit_every_s: float = 0.0
) -> AsyncIterator[Place]:
    extras = [
        Extra(KINDS[one][0], "home", one, KEY if KINDS[one][0] == "bthome-sealed" else b"")
        for one in addresses
    ]
    place = home(PacedClock(10.0), 5, extras)
    await place.start("127.0.0.1", 0, "--home")
    hci = "tcp-client:{}:{}".format(*place.port.address)
    radio = Radio(make_ports(BleConfig("virtual", (hci,))))
    context = Context(hub, make_clock("system", 1.0))
    sources = [source(one, radio, context, visit_every_s) for one in addresses]
    tasks = [asyncio.create_task(one.run()) for one in (*sources, radio)]
    try:
        yield place
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await radio.close()
        await place.stop()


def source(
    address: str, radio: Radio, context: Context, visit_every_s: float
) -> AdvertisingDevice | GattDevice:
    kind, name = KINDS[address]
    key = KEY if kind == "bthome-sealed" else None
    config = DeviceConfig(kind, name, address, None, None, ("ppi",), key)
    model = replace(models()[name].with_streams(config.enable), visit_every_s=visit_every_s)
    make = AdvertisingDevice if model.transport == "ble-adv" else GattDevice
    return make(Assigned(config, model), radio, context)


@pytest.mark.network
async def test_every_twin_is_read_as_what_it_is() -> None:
    hub = Values()
    async with running(hub), asyncio.timeout(30):
        await hub.complete.wait()
    body = hub.of_stream("body-scale", "composition")
    assert body["body_fat"][0] == pytest.approx(24.5)
    assert body["body_water"][0] == pytest.approx(0.56 * body["body_weight"][0], abs=0.01)
    assert 1000 > hub.of_stream("environment", "co2")["co2"][0] > 400
    assert 15 < hub.of_stream("environment", "temperature")["room_temperature"][0] < 30
    light = hub.of_stream("arm-band", "ppg")
    assert set(light) == {"ppg_green", "ppg_green_2", "ppg_green_3", "ppg_ambient"}
    assert all(400_000 < value < 500_000 for value in light["ppg_green"])
    assert hub.rates["arm-band", "ppg"] == 55.0
    intervals = hub.of_stream("arm-band", "ppi")["pp_interval"]
    assert all(400 < value < 1500 for value in intervals)
    for device, metrics in (("bthome-sealed", 4), ("ruuvi-air", 8)):
        assert len(hub.of_stream(device, "air")) == metrics
    assert hub.refused == []


@pytest.mark.network
async def test_a_visited_device_is_left_alone_between_visits() -> None:
    address, hub = "C0:DE:00:00:00:12", Values()
    async with running(hub, [address], visit_every_s=0.5) as place:
        (sensor,) = (one for one in place.devices if one.address == address)
        await until(lambda: len(hub.of("environment", "co2")) >= 2, 30)
        await until(lambda: not sensor.connected)
    states = [state for _, state, _ in hub.links]
    assert states[:5] == ["connecting", "connected", "advertising", "connecting", "connected"]
