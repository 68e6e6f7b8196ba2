"""BleakClient's backend for the virtual adapter."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar

from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)
from bleak.uuids import normalize_uuid_str
from bumble import att, core, hci
from bumble.core import UUID
from bumble.device import Connection, Peer
from bumble.gatt_client import CharacteristicProxy, ServiceProxy

from vointi_edge.sources.ble.virtual.adapter import Adapter
from vointi_edge.sources.ble.virtual.host import QuietHost

T = TypeVar("T")
# Core Vol 3 Part F 3.4.1.1: what a device answers that tells nothing in the clear.
_UNSEALED = (
    BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION,
    BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION,
)
_MTU = 517  # the largest that a 512-byte attribute needs


class VirtualClient(BaseBleakClient):
    """One link. It is given a BLEDevice: looking for an address is the scanner's work."""

    adapter: ClassVar[Adapter]

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        services: set[str] | None = None,
        *,
        disconnected_callback: Callable[[], None] | None = None,
        timeout: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout
        )
        device = address_or_ble_device if isinstance(address_or_ble_device, BLEDevice) else None
        self._target: hci.Address | None = device.details if device else None
        self._name = device.name if device else None
        self._wanted = services
        self._connection: Connection | None = None
        self._over: asyncio.Future[None] | None = None
        self._notified: dict[int, Callable[[bytes], None]] = {}

    @property
    def name(self) -> str:
        """The advertised name, or the address."""
        return self._name or self.address.replace(":", "-")

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self._connection is not None

    @property
    def mtu_size(self) -> int:
        """The negotiated ATT MTU, bytes."""
        return int(self._connection.att_mtu) if self._connection else 23

    @property
    def _host(self) -> QuietHost | None:
        """The adapter's host, while there is a link."""
        host = self._connection.device.host if self._connection is not None else None
        return host if isinstance(host, QuietHost) else None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        """Connect, agree on an MTU and discover all services."""
        if self._connection is not None:
            raise BleakError("already connected")
        if self._target is None:
            raise BleakDeviceNotFoundError(self.address, "scan first and pass the BLEDevice")
        async with asyncio.timeout(kwargs.get("timeout", self._timeout)):
            try:
                connection = await self.adapter.connect(self, self._target)
            except (core.BaseBumbleError, hci.HCI_Error) as error:
                raise BleakError(f"failed to connect: {error}") from error
            self._connection = connection
            self._over = asyncio.get_running_loop().create_future()
            connection.on(Connection.EVENT_DISCONNECTION, self.lost)
            try:
                peer = Peer(connection)
                await self._ask(peer.request_mtu(_MTU))
                if pair:
                    await self.pair()
                self.services = await self._discover(peer)
            except BaseException:
                await self._drop()
                raise

    async def disconnect(self) -> None:
        """End the link."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(core.BaseBumbleError, hci.HCI_Error):
                await self._ask(connection.disconnect())
            self.lost(hci.HCI_CONNECTION_TERMINATED_BY_LOCAL_HOST_ERROR)

    async def pair(self, *args: Any, **kwargs: Any) -> None:
        """Pair."""
        if self._connection is None:
            raise BleakError("not connected")
        await self._ask(self._connection.pair())

    async def unpair(self) -> None:
        """Forget the bond and end the link."""
        device = await self.adapter.device()
        if device.keystore is not None:
            await device.keystore.delete(str(self._target))
        await self.disconnect()

    async def read_gatt_char(
        self,
        characteristic: BleakGATTCharacteristic,
        *,
        use_cached: bool = False,
        **kwargs: Any,
    ) -> bytearray:
        """Read a value."""
        return bytearray(await self._sealed(characteristic.obj.read_value))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        """Read a descriptor."""
        return bytearray(await self._ask(descriptor.obj.read_value()))

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool
    ) -> None:
        """Write a value."""
        value = bytes(data)
        await self._sealed(lambda: characteristic.obj.write_value(value, with_response=response))

    async def write_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, data: SizedBuffer
    ) -> None:
        """Write a descriptor."""
        await self._ask(descriptor.obj.write_value(bytes(data), with_response=True))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **kwargs: Any
    ) -> None:
        """Subscribe, to notifications rather than indications where there is a choice."""
        if characteristic.handle in self._notified:
            raise BleakError("notifications were started before")

        def forward(value: bytes) -> None:
            callback(bytearray(value))

        self._notified[characteristic.handle] = forward
        await self._sealed(lambda: characteristic.obj.subscribe(forward, prefer_notify=True))
        connection, host = self._connection, self._host
        if connection is not None and host is not None:
            host.take_notifications(connection.handle, characteristic.handle, forward)

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Unsubscribe."""
        forward = self._notified.pop(characteristic.handle, None)
        if self._connection is not None and self._host is not None:
            self._host.leave_notifications(self._connection.handle, characteristic.handle)
        if forward is not None:
            await self._ask(characteristic.obj.unsubscribe(forward))

    def lost(self, reason: int) -> None:
        """Take the end of the link, from the peer, from us or with the adapter."""
        connection, host = self._connection, self._host
        if connection is None:
            return
        if host is not None:
            host.leave_notifications(connection.handle)
        self._connection = None
        self.services = None
        self._notified.clear()
        self.adapter.forget(self)
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def _drop(self) -> None:
        """End a link that never came to be of use, without calling back."""
        callback, self._disconnected_callback = self._disconnected_callback, None
        with contextlib.suppress(BleakError):
            await self.disconnect()
        self._disconnected_callback = callback

    async def _ask(self, request: Coroutine[Any, Any, T]) -> T:
        """Await a request, but not longer than the link lives."""
        if self._connection is None or self._over is None:
            request.close()
            raise BleakError("not connected")
        task = asyncio.ensure_future(request)
        try:
            await asyncio.wait((task, self._over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
        if not task.done() or task.cancelled():
            raise BleakError("disconnected")
        try:
            return task.result()
        except att.ATT_Error as error:
            raise BleakGATTProtocolError(error.error_code) from error
        except core.BaseBumbleError as error:
            raise BleakError(str(error) or type(error).__name__) from error

    async def _sealed(self, request: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await a request; where it wants an encrypted link, encrypt it and ask once more.

        That is what bluetoothd does on a link of its own.
        """
        try:
            return await self._ask(request())
        except BleakGATTProtocolError as error:
            if error.code not in _UNSEALED:
                raise
        await self._encrypt()
        return await self._ask(request())

    async def _encrypt(self) -> None:
        """Encrypt with the key of our bond; without one, or where the device lost its, pair."""
        if self._connection is not None:
            with contextlib.suppress(BleakError):
                await self._ask(self._connection.encrypt())
                return
        await self.pair()

    async def _discover(self, peer: Peer) -> BleakGATTServiceCollection:
        collection = BleakGATTServiceCollection()
        for service in await self._ask(peer.discover_services()):
            uuid = _uuid(service.uuid)
            if self._wanted and uuid not in self._wanted:
                continue
            found = BleakGATTService(service, service.handle, uuid)
            collection.add_service(found)
            await self._discover_characteristics(collection, found, service)
        return collection

    async def _discover_characteristics(
        self,
        collection: BleakGATTServiceCollection,
        found: BleakGATTService,
        service: ServiceProxy,
    ) -> None:
        for proxy in await self._ask(service.discover_characteristics()):
            characteristic = BleakGATTCharacteristic(
                proxy,
                proxy.handle,
                _uuid(proxy.uuid),
                list(gatt_char_props_to_strs(int(proxy.properties))),
                lambda: self.mtu_size - 3,
                found,
            )
            collection.add_characteristic(characteristic)
            await self._discover_descriptors(collection, characteristic, proxy)

    async def _discover_descriptors(
        self,
        collection: BleakGATTServiceCollection,
        characteristic: BleakGATTCharacteristic,
        proxy: CharacteristicProxy[bytes],
    ) -> None:
        for descriptor in await self._ask(proxy.discover_descriptors()):
            collection.add_descriptor(
                BleakGATTDescriptor(
                    descriptor, descriptor.handle, _uuid(descriptor.type), characteristic
                )
            )


def _uuid(uuid: UUID) -> str:
    return str(normalize_uuid_str(uuid.to_hex_str("-")))
