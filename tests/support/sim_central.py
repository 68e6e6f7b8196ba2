"""A Bluetooth central for the tests: a Bumble host, wired to the radio or over TCP."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from bumble import hci
from bumble.core import UUID
from bumble.device import Advertisement, Connection, Device, DeviceConfiguration, Peer
from bumble.transport import open_transport
from vointi_sim.radio import Radio, VirtualController

_ADDRESSES = itertools.cycle(range(1, 250))


def _configuration() -> DeviceConfiguration:
    address = hci.Address(f"F0:F1:F2:F3:F4:{next(_ADDRESSES):02X}")
    return DeviceConfiguration(name="test", address=address)


async def until(what: Callable[[], Any], timeout_s: float = 10.0) -> None:
    """Wait until `what()` is true."""
    async with asyncio.timeout(timeout_s):
        while not what():  # noqa: ASYNC110 - the sources under test have no event to wait for
            await asyncio.sleep(0.005)


@dataclass
class Link:
    """A connection with its services discovered."""

    connection: Connection
    peer: Peer
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.connection.on("disconnection", lambda _reason: self.lost.set())

    def characteristic(self, uuid: int | UUID) -> Any:
        wanted = UUID.from_16_bits(uuid) if isinstance(uuid, int) else uuid
        return self.peer.get_characteristics_by_uuid(wanted)[0]

    async def read(self, uuid: int | UUID) -> bytes:
        return bytes(await self.characteristic(uuid).read_value())

    async def write(self, uuid: int | UUID, value: bytes) -> None:
        await self.characteristic(uuid).write_value(value, with_response=True)

    async def subscribe(self, uuid: int | UUID) -> asyncio.Queue[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        await self.characteristic(uuid).subscribe(lambda value: queue.put_nowait(bytes(value)))
        return queue

    async def ask(self, uuid: UUID, answers: asyncio.Queue[bytes], request: str) -> str:
        """Write a control point and return its answer; both in hex."""
        await self.write(uuid, bytes.fromhex(request))
        async with asyncio.timeout(5):
            return (await answers.get()).hex()


@dataclass
class Central:
    """One host; `kill` ends its socket as SIGKILL would."""

    device: Device
    transport: Any = None
    heard: list[Advertisement] = field(default_factory=list)

    def kill(self) -> None:
        self.transport.sink.transport.abort()

    async def scan(self, enough: Callable[[list[Advertisement]], bool]) -> list[Advertisement]:
        self.heard.clear()
        await self.device.start_scanning(legacy=True, filter_duplicates=False)
        await until(lambda: enough(self.heard))
        await self.device.stop_scanning(legacy=True)
        return self.heard

    async def connect(self, address: str, mtu: int = 517) -> Link:
        async with asyncio.timeout(10):
            connection = await self.device.connect(hci.Address(address), timeout=None)
            peer = Peer(connection)
            await peer.request_mtu(mtu)
            await peer.discover_all()
        return Link(connection, peer)


async def wired(radio: Radio) -> Central:
    """A powered host in this process, without a socket."""
    controller = VirtualController("central", radio, f"B8:27:EB:00:01:{next(_ADDRESSES):02X}")
    central = Central(Device.from_config_with_hci(_configuration(), controller, controller))
    central.device.on(Device.EVENT_ADVERTISEMENT, central.heard.append)
    await central.device.power_on()
    return central


@asynccontextmanager
async def remote(address: tuple[str, int]) -> AsyncIterator[Central]:
    """A powered host on the adapter that listens at `address`."""
    transport = await open_transport("tcp-client:{}:{}".format(*address))
    device = Device.from_config_with_hci(_configuration(), transport.source, transport.sink)
    central = Central(device, transport)
    device.on(Device.EVENT_ADVERTISEMENT, central.heard.append)
    try:
        async with asyncio.timeout(10):
            await device.power_on()
        yield central
    finally:
        with suppress(Exception):
            await transport.close()
