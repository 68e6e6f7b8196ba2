"""HCI over TCP: hosts come, die and come back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from sim_central import remote, until
from vointi_sim.clock import PacedClock
from vointi_sim.errors import ListenError
from vointi_sim.places import STRAP, Place, home
from vointi_sim.wearables import polar

pytestmark = pytest.mark.network
START_ECG = "02000001820001010e00"


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    one = home(PacedClock(), 7)
    await one.start("127.0.0.1", 0, "--home")
    yield one
    await one.stop()


def strap_connected(place: Place) -> bool:
    return next(device for device in place.devices if device.address == STRAP).connected


async def test_a_host_dies_five_times_and_streams_again_each_time(place: Place) -> None:
    for _ in range(5):
        async with remote(place.port.address) as central:
            link = await central.connect(STRAP)
            answers = await link.subscribe(polar.CONTROL_POINT)
            data = await link.subscribe(polar.DATA)
            assert await link.ask(polar.CONTROL_POINT, answers, START_ECG) == "f002000000"
            async with asyncio.timeout(5):
                assert len(await data.get()) == 229
            central.kill()
            await until(lambda: not strap_connected(place), 1)
    assert place.port.hosts_seen == 5
    assert len(place.radio.controllers) == 5  # the wearables; no dead host is left on the air


async def test_a_host_that_dies_in_mid_packet_does_not_break_the_next(place: Place) -> None:
    _, writer = await asyncio.open_connection(*place.port.address)
    writer.write(bytes.fromhex("01030c00" + "010c20"))
    await writer.drain()
    writer.transport.abort()
    async with remote(place.port.address) as central:
        assert await (await central.connect(STRAP)).read(0x2A19) == bytes([93])


async def test_a_probe_of_the_port_disturbs_nobody(place: Place) -> None:
    async with remote(place.port.address) as central:
        link = await central.connect(STRAP)
        for _ in range(3):
            _, writer = await asyncio.open_connection(*place.port.address)
            writer.close()
            await writer.wait_closed()
        assert await link.read(0x2A19) == bytes([93])
        assert place.port.hosts_seen == 1


async def test_a_new_host_takes_the_adapter_from_a_half_dead_one(place: Place) -> None:
    async with remote(place.port.address) as old:
        await old.connect(STRAP)
        async with remote(place.port.address) as new:
            link = await new.connect(STRAP)
            assert await link.read(0x2A19) == bytes([93])


async def test_what_is_no_hci_is_hung_up_on(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = await asyncio.open_connection(*place.port.address)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(2):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    assert "does not speak HCI" in caplog.text


async def test_a_host_that_stops_reading_loses_its_links(place: Place) -> None:
    async with remote(place.port.address) as central:
        await central.connect(STRAP)
        central.transport.sink.transport.pause_reading()
        (client,) = place.port._clients
        event = b"\x04\xff\xf0" + bytes(240)
        # The kernel's buffers take a few MB before ours begin to fill.
        for _ in range(100_000):
            client.on_packet(event)
            if not strap_connected(place):
                break
            if not client.writable.is_set():
                await asyncio.sleep(0)
        await until(lambda: not strap_connected(place), 1)


async def test_a_port_in_use_is_said_with_field_and_fix(place: Place) -> None:
    other = home(PacedClock(), 7)
    host, port = place.port.address
    with pytest.raises(
        ListenError, match=rf"--home: cannot listen on {host}:{port} .*another port"
    ):
        await other.start(host, port, "--home")
    await other.stop()
