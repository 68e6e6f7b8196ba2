"""A Bluetooth central for the tests: a Bumble host over TCP that can die without a word."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bumble import hci
from bumble.core import UUID
from bumble.device import Advertisement, Connection, Device, DeviceConfiguration, Peer
from bumble.transport import open_transport
from bumble.transport.common import Transport

_ADDRESSES = itertools.count(1)


@dataclass
class Central:
    """One host; `kill` ends its socket as SIGKILL would."""

    transport: Transport
    device: Device
    heard: list[Advertisement] = field(default_factory=list)

    def kill(self) -> None:
        self.transport.sink.transport.abort()

    async def scan(self, enough: Callable[[list[Advertisement]], bool]) -> list[Advertisement]:
        self.heard.clear()
        await self.device.start_scanning(legacy=True, filter_duplicates=False)
        async with asyncio.timeout(10):
            while not enough(self.heard):
                await asyncio.sleep(0.02)
        await self.device.stop_scanning(legacy=True)
        return self.heard

    async def connect(self, address: str, mtu: int = 517) -> Link:
        async with asyncio.timeout(10):
            connection = await self.device.connect(hci.Address(address), timeout=None)
            peer = Peer(connection)
            await peer.request_mtu(mtu)
            await peer.discover_all()
        return Link(connection, peer)


@dataclass
class Link:
    """A connection with its services discovered."""

    connection: Connection
    peer: Peer
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.connection.on("disconnection", lambda _reason: self.lost.set())

    def characteristic(self, uuid: int | UUID):
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


@asynccontextmanager
async def central(address: tuple[str, int]) -> AsyncIterator[Central]:
    """A powered host on the adapter at `address`."""
    transport = await open_transport("tcp-client:{}:{}".format(*address))
    configuration = DeviceConfiguration(
        name="test", address=hci.Address(f"F0:F1:F2:F3:F4:{next(_ADDRESSES) & 0xFF:02X}")
    )
    device = Device.from_config_with_hci(configuration, transport.source, transport.sink)
    host = Central(transport, device)
    device.on(Device.EVENT_ADVERTISEMENT, host.heard.append)
    try:
        async with asyncio.timeout(10):
            await device.power_on()
        yield host
    finally:
        await transport.close()
