"""One adapter at work: its scan ends when it is told to, whatever the adapter answers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from bleak.exc import BleakError
from virtual_time import run_virtual
from vointi_edge.beat import now_s
from vointi_edge.sources.ble.gatt import _while_linked
from vointi_edge.sources.ble.hearing import Hearing
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ble.station import Station


class FakeScanner(BaseBleakScanner):
    """Notes what it is told; `gone`: it starts, and finds the adapter gone when it is to stop."""

    told: list[str]
    gone = False

    def __init__(self, callback: Any, uuids: Any, mode: Any, **_: Any) -> None:
        super().__init__(callback, uuids)

    async def start(self) -> None:
        self.told.append("start")

    async def stop(self) -> None:
        self.told.append("stop")
        if self.gone:
            raise BleakError("org.freedesktop.DBus.Error.UnknownObject")


class FakePort:
    name, client, scanner_args = "hci0", None, {}
    links_in_quiet = True

    def admit(self, wanted: Any) -> None:
        pass

    def __init__(self, *, gone: bool = False) -> None:
        self.told: list[str] = []
        self.scanner = type("Scanner", (FakeScanner,), {"told": self.told, "gone": gone})

    async def find(self) -> None:
        pass

    async def power_cycle(self) -> None:
        self.told.append("power")

    async def restart(self) -> None:
        self.told.append("restart")


async def scanning(port: Any) -> tuple[Station, asyncio.Task[None]]:
    station = Station(
        port, 5, assigned=(), linked=tuple, heard=lambda *_: None, troubled=lambda _: None
    )
    running = asyncio.create_task(station.run())
    while not (station.scanning or running.done()):  # noqa: ASYNC110 - a station tells nobody
        await asyncio.sleep(0)
    return station, running


async def ended(running: asyncio.Task[None]) -> None:
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 30)


async def test_an_adapter_that_cannot_stop_its_scan_does_not_keep_the_edge_from_ending() -> None:
    port = FakePort(gone=True)
    _, running = await scanning(port)
    await ended(running)
    assert port.told == ["start", "stop"]


async def test_the_scan_rests_while_a_link_is_made() -> None:
    port = FakePort()
    station, running = await scanning(port)
    async with station.linker._quiet():
        assert port.told == ["start", "stop"]
        assert station.scanning  # others wait for their turn, not for an adapter
    assert port.told == ["start", "stop", "start"]
    await ended(running)
    assert port.told == ["start", "stop", "start", "stop"]


def test_a_link_whose_end_nobody_confirms_does_not_hold_the_scan_up() -> None:
    """bleak's connect, given up, asks BlueZ to end the link and waits without a limit."""

    class Unanswered(BaseBleakClient):
        is_connected = False
        name, mtu_size = "strap", 23
        pair = unpair = read_gatt_char = read_gatt_descriptor = write_gatt_char = None
        write_gatt_descriptor = start_notify = stop_notify = disconnect = None

        async def connect(self, *_: Any, **__: Any) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.Event().wait()

    async def story() -> None:
        port: Any = FakePort()
        port.client = Unanswered
        station, running = await scanning(port)
        began_s = now_s()
        with pytest.raises(TimeoutError):
            await station.linker.connect(BLEDevice("C0:DE:00:00:00:01", "strap", None), "strap-1")
        assert now_s() - began_s < 20  # one try and the grace of its clean-up
        assert port.told == ["start", "stop", "start"]
        await ended(running)

    run_virtual(story())


async def test_where_scans_and_links_go_together_the_scan_goes_on() -> None:
    port = FakePort()
    port.links_in_quiet = False
    station, running = await scanning(port)
    async with station.linker._quiet():
        assert port.told == ["start"]
    await ended(running)


async def test_an_adapter_that_refuses_to_rest_is_scanned_with_anew() -> None:
    port = FakePort(gone=True)
    station, running = await scanning(port)
    async with station.linker._quiet():
        pass
    async with asyncio.timeout(30):
        while port.told.count("start") < 3:  # noqa: ASYNC110 - a station tells nobody
            await asyncio.sleep(0.01)
    await ended(running)


@pytest.mark.parametrize("linked", [(), ("C0:DE:00:00:00:02",)])
def test_a_radio_that_stays_deaf_has_its_service_started_anew_unless_somebody_has_a_link(
    linked: tuple[str, ...],
) -> None:
    async def story() -> None:
        port: Any = FakePort()
        station = Station(
            port, 5, assigned={"C0:DE:00:00:00:01"}, linked=lambda: linked,
            heard=lambda *_: None, troubled=lambda _: None,
        )  # fmt: skip
        running = asyncio.create_task(station.run())
        await asyncio.sleep(119)
        steps = [word for word in port.told if word in ("power", "restart")]
        assert steps == ["power"] + ["restart"] * (not linked)
        await ended(running)

    run_virtual(story())


async def test_who_is_told_of_once_is_looked_for_anew_but_not_all_the_time() -> None:
    port = FakePort()
    station, running = await scanning(port)
    for _ in range(3):
        await station.look_anew()
    assert port.told == ["start", "stop", "start"]
    await ended(running)


async def test_who_is_given_back_after_a_pause_is_looked_for_anew_once() -> None:
    """The scan told of it while nobody listened, and tells of it no more."""
    port = FakePort()
    radio = Radio([port])  # type: ignore[list-item]
    (station,) = radio._stations
    running = asyncio.create_task(station.run())
    while not station.scanning:  # noqa: ASYNC110 - a station tells nobody
        await asyncio.sleep(0)
    looks = ["start"]
    for address in ("A", "B"):
        await radio.look_anew(address)
        assert port.told == looks, "nobody ever wanted it"
        radio.watch(address, SimpleNamespace())  # type: ignore[arg-type]
        looks += ["stop", "start"]
        for _ in range(2):
            station._anew_s = float("-inf")
            await radio.look_anew(address)
            assert port.told == looks, "a second look would tell no more"
        radio.unwatch(address)
    await ended(running)


@pytest.mark.parametrize("end", ["heard", "forget"])
async def test_who_is_heard_or_given_up_is_wanted_no_more(end: str) -> None:
    hearing = Hearing({"A"}, lambda: {"A"})
    hearing.want("A")
    assert hearing.near("A")
    getattr(hearing, end)("A")
    assert not hearing.near("A")


async def test_nobody_looks_anew_in_the_middle_of_linking_or_where_all_is_told() -> None:
    port = FakePort()
    station, running = await scanning(port)
    async with station.linker._quiet():
        await station.look_anew()
    port.links_in_quiet = False
    await station.look_anew()
    assert port.told == ["start", "stop", "start"]
    await ended(running)


async def test_a_device_is_near_until_it_is_linked() -> None:
    linked: set[str] = set()
    hearing = Hearing({"A"}, lambda: linked)
    assert not hearing.near("A")
    hearing.heard("A")
    hearing.heard("B")
    assert hearing.near("A")
    assert not hearing.near("B")
    linked.add("A")
    assert not hearing.near("A")


async def test_what_is_asked_of_a_link_that_ends_is_not_waited_for() -> None:
    link: Any = SimpleNamespace(lost=asyncio.Event())
    asyncio.get_running_loop().call_soon(link.lost.set)
    with pytest.raises(TimeoutError):
        async with _while_linked(link, 3600):
            await asyncio.Event().wait()
    link.lost.clear()
    async with _while_linked(link, 3600):
        await asyncio.sleep(0)
