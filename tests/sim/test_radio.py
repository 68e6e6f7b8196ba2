"""The virtual radio in one process, with Bumble hosts at both ends and no socket."""

from __future__ import annotations

import asyncio

import pytest
from bumble import hci
from bumble.core import TimeoutError as BumbleTimeoutError
from sim_central import Central, until, wired
from vointi_sim.clock import PacedClock
from vointi_sim.physiology import Person
from vointi_sim.places import OXIMETER, THERMOMETER
from vointi_sim.radio import Advertisement, Radio, VirtualController
from vointi_sim.wearables.meters import Meter, oximeter, thermometer


class Air:
    """A radio, two meters and a central."""

    def __init__(self) -> None:
        self.radio = Radio(1)
        clock, person = PacedClock(), Person(1)
        self.oximeter: Meter = oximeter(self.radio, clock, OXIMETER, person)
        self.thermometer: Meter = thermometer(self.radio, clock, THERMOMETER, person)

    async def __aenter__(self) -> Air:
        await self.oximeter.start()
        await self.thermometer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.oximeter.stop()
        await self.thermometer.stop()


def addresses(central: Central) -> set[str]:
    return {str(advertisement.address)[:17] for advertisement in central.heard}


async def test_a_scan_hears_every_device_at_its_own_strength() -> None:
    async with Air() as air:
        air.radio.rssi_dbm[OXIMETER] = -85
        central = await wired(air.radio)
        heard = await central.scan(lambda heard: len(heard) > 12)
        assert addresses(central) == {OXIMETER, THERMOMETER}
        strengths = {a.rssi for a in heard if str(a.address).startswith(OXIMETER)}
        assert strengths <= set(range(-89, -80))
        assert len(strengths) > 1
        assert b"Oximeter SIM" in b"".join(a.data_bytes for a in heard)


async def test_advertising_keeps_its_interval() -> None:
    async with Air() as air:
        # In ms; the host asked for 320 units of 0.625 ms.
        assert air.oximeter.controller.le_legacy_advertiser.advertising_interval_min == 200


async def test_nothing_is_advertised_to_nobody_and_all_to_who_begins_to_listen() -> None:
    async with Air() as air:
        both = [air.oximeter.controller, air.thermometer.controller]
        central = await wired(air.radio)
        for _ in range(2):
            await until(lambda: len(air.radio.waiting) == 2)
            assert [each.le_legacy_advertiser.timer_handle for each in both] == [None, None]
            await central.scan(lambda _: addresses(central) == {OXIMETER, THERMOMETER})
        await until(lambda: len(air.radio.waiting) == 2)
        link = await central.connect(OXIMETER)
        assert await link.read(0x2A19) == bytes([81])
        await air.thermometer.stop()
        assert not air.radio.waiting


async def test_a_cancelled_connect_does_not_block_the_next() -> None:
    async with Air() as air:
        central = await wired(air.radio)
        air.radio.set_in_range(OXIMETER, False)
        with pytest.raises(BumbleTimeoutError):
            await central.device.connect(hci.Address(OXIMETER), timeout=0.3)
        link = await central.connect(THERMOMETER)
        assert await link.read(0x2A29) == b"Vointi simulator"


async def test_out_of_range_is_silence_and_back_is_as_before() -> None:
    async with Air() as air:
        central = await wired(air.radio)
        link = await central.connect(OXIMETER)
        values = await link.subscribe(0x2A5F)
        async with asyncio.timeout(3):
            await values.get()
        air.radio.set_in_range(OXIMETER, False)
        await asyncio.sleep(0.05)
        while not values.empty():
            values.get_nowait()
        await asyncio.sleep(1.3)
        assert values.empty()
        assert not link.lost.is_set()
        air.radio.set_in_range(OXIMETER, True)
        async with asyncio.timeout(3):
            await values.get()


async def test_a_dropped_link_is_told_at_both_ends_and_advertised_again() -> None:
    async with Air() as air:
        central = await wired(air.radio)
        link = await central.connect(OXIMETER)
        assert air.oximeter.connected
        assert air.oximeter.drop(8) == 1
        await asyncio.wait_for(link.lost.wait(), 1)
        assert not air.oximeter.connected
        again = await central.connect(OXIMETER)
        assert await again.read(0x2A19) == bytes([81])


async def test_an_unanswered_indication_ends_with_its_link() -> None:
    async with Air() as air:
        central = await wired(air.radio)
        link = await central.connect(THERMOMETER)
        await link.subscribe(0x2A1C)
        await air.thermometer.indicate(air.thermometer._measuring.measurement, b"heard")
        air.radio.set_in_range(THERMOMETER, False)
        await air.thermometer.indicate(air.thermometer._measuring.measurement, b"unheard")
        await asyncio.sleep(0.05)
        server = air.thermometer.device.gatt_server
        assert sum(future is not None for future in server.pending_confirmations.values()) == 1
        air.thermometer.drop(8)
        await asyncio.sleep(0.05)
        assert not server.pending_confirmations
        assert len(air.thermometer._tasks) == 1  # the battery's own


async def test_an_indication_that_times_out_ends_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bumble.gatt_server.GATT_REQUEST_TIMEOUT", 0.1)
    async with Air() as air:
        central = await wired(air.radio)
        link = await central.connect(THERMOMETER)
        await link.subscribe(0x2A1C)
        air.radio.set_in_range(THERMOMETER, False)
        await air.thermometer.indicate(air.thermometer._measuring.measurement, b"unheard")
        await asyncio.wait_for(link.lost.wait(), 1)


async def test_two_centrals_cannot_win_the_same_advertisement() -> None:
    async with Air() as air:
        address = hci.Address(OXIMETER)
        centrals = [await wired(air.radio) for _ in range(2)]
        waiting = [asyncio.create_task(c.device.connect(address, timeout=None)) for c in centrals]
        done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.3)
        assert len(done) == 1
        assert not next(iter(left)).done()
        air.oximeter.drop(8)
        async with asyncio.timeout(2):
            await next(iter(left))


async def test_a_reset_drops_the_links_of_the_host_before() -> None:
    async with Air() as air:
        central = await wired(air.radio)
        await central.connect(OXIMETER)
        await central.device.host.reset()
        await until(lambda: not air.oximeter.connected, 1)


async def test_a_delay_keeps_the_order() -> None:
    async with Air() as air:
        central = await wired(air.radio)
        link = await central.connect(OXIMETER)
        loop = asyncio.get_running_loop()
        air.radio.delay_s = 0.05
        started = loop.time()
        assert await link.read(0x2A19) == bytes([81])
        assert loop.time() - started >= 0.1
        levels = await link.subscribe(0x2A19)
        for percent in range(30, 0, -1):
            air.radio.delay_s = (percent - 1) / 1000
            await air.oximeter.set_battery(percent)
        await until(lambda: levels.qsize() == 30, 3)
        assert [levels.get_nowait()[0] for _ in range(30)] == list(range(30, 0, -1))


async def test_advertisements_are_lost_with_the_given_probability() -> None:
    radio = Radio(3)
    controller = VirtualController("ear", radio, "B8:27:EB:00:00:99")
    heard: list[Advertisement] = []
    controller.le_scan_enable = True
    controller.hear = heard.append  # type: ignore[method-assign]
    radio.adv_loss = 0.7
    for _ in range(1000):
        radio.broadcast(Advertisement(hci.Address(OXIMETER), b"", b"", connectable=False))
    await asyncio.sleep(0)
    assert 240 < len(heard) < 360


class Sink:
    """A host that only listens."""

    def __init__(self) -> None:
        self.packets: list[hci.HCI_Packet] = []

    def on_packet(self, packet: bytes) -> None:
        self.packets.append(hci.HCI_Packet.from_bytes(packet))


async def reports_of(radio: Radio, policy: int, duplicates: int, accepted: str | None) -> int:
    controller, sink = VirtualController("ear", radio, "B8:27:EB:00:00:99"), Sink()
    controller.set_packet_sink(sink)
    if accepted is not None:
        controller.on_hci_packet(
            hci.HCI_LE_Add_Device_To_Filter_Accept_List_Command(
                address_type=1, address=hci.Address(accepted)
            )
        )
    controller.le_scanning_filter_policy = policy
    controller.on_hci_packet(
        hci.HCI_LE_Set_Scan_Enable_Command(le_scan_enable=1, filter_duplicates=duplicates)
    )
    for data in (b"\x02\x01\x06", b"\x02\x01\x06", b"\x02\x01\x05"):
        radio.broadcast(Advertisement(hci.Address(OXIMETER), data, b"", connectable=False))
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    return sum(isinstance(p, hci.HCI_LE_Advertising_Report_Event) for p in sink.packets)


@pytest.mark.parametrize(
    ("policy", "duplicates", "accepted", "expected"),
    [
        (0, 0, None, 3),
        (0, 1, None, 2),
        (1, 0, None, 0),
        (1, 0, OXIMETER, 3),
        (1, 0, THERMOMETER, 0),
    ],
)
async def test_the_filters_filter(
    policy: int, duplicates: int, accepted: str | None, expected: int
) -> None:
    assert await reports_of(Radio(), policy, duplicates, accepted) == expected


async def test_no_claim_that_linux_would_wait_for() -> None:
    controller = VirtualController("ear", Radio(), "B8:27:EB:00:00:99")
    assert not controller.le_features & hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
    assert not controller.le_features & hci.LeFeatureMask.LL_PRIVACY
