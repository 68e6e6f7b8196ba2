"""What every simulated wearable has: a radio, a name, a battery, device information."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bumble import hci
from bumble.att import Attribute
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device, DeviceConfiguration
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.profiles.device_information_service import DeviceInformationService

from vointi_sim.clock import Clock
from vointi_sim.radio import Radio, VirtualController
from vointi_sim.wearables.mischief import Mischief

BATTERY_SERVICE = UUID.from_16_bits(0x180F)
BATTERY_LEVEL = UUID.from_16_bits(0x2A19)
# Several advertisements a second, as a wearable just put on: a lost link is found again at once.
_ADVERTISING_MS = 200
# A cell of these devices lasts a month or more: 1 % in seven hours.
_DRAIN_S_PER_PCT = 25_200.0
_DRAIN_CHECK_S = 60.0

# As in Bumble: the longest attribute is 512 bytes.
_LARGEST_MTU = 517

Properties = Characteristic.Properties


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device says it is."""

    address: str
    local_name: str
    manufacturer: str
    model: str
    firmware: str
    service_uuids: tuple[int, ...]


def notifying(uuid: UUID | int) -> Characteristic[bytes]:
    """A characteristic that only notifies."""
    return _silent(uuid, Properties.NOTIFY)


def indicating(uuid: UUID | int) -> Characteristic[bytes]:
    """A characteristic that only indicates."""
    return _silent(uuid, Properties.INDICATE)


def readable(uuid: UUID | int, value: bytes) -> Characteristic[bytes]:
    """A characteristic with a constant value."""
    return Characteristic(_uuid(uuid), Properties.READ, Attribute.READABLE, value)


def kind_of(characteristic: Characteristic[bytes]) -> str:
    """Four hex digits of an adopted characteristic, or a whole UUID, in small letters."""
    return str(characteristic.uuid.to_hex_str("-")).lower()


def _silent(uuid: UUID | int, properties: Properties) -> Characteristic[bytes]:
    return Characteristic(_uuid(uuid), properties, Attribute.Permissions(0), b"")


def _uuid(uuid: UUID | int) -> UUID:
    return UUID.from_16_bits(uuid) if isinstance(uuid, int) else uuid


class Wearable:
    """A GATT server on the virtual radio; a subclass brings its services and its tasks."""

    def __init__(self, radio: Radio, clock: Clock, identity: Identity, battery_pct: int) -> None:
        self.identity = identity
        self.clock = clock
        self.sent = 0
        self.mischief = Mischief(identity.address)
        self.on = False
        # The MTU that firmware builds its frames for; None: the one that was agreed on.
        self.believed_mtu: int | None = None
        self._battery_pct = battery_pct
        self._tasks: set[asyncio.Task[None]] = set()
        self.controller = VirtualController(identity.local_name, radio)
        self.device = Device.from_config_with_hci(
            DeviceConfiguration(
                name=identity.local_name,
                address=hci.Address(identity.address),
                advertising_interval_min=_ADVERTISING_MS,
                advertising_interval_max=_ADVERTISING_MS,
            ),
            self.controller,
            self.controller,
        )
        self._battery = _battery(lambda: self._battery_pct)
        self.device.add_services([*self._common_services(), *self.services()])
        self.device.advertising_data = _advertising(identity)
        self.device.scan_response_data = _scan_response(identity)
        self.device.on("connection", self._on_connection)

    # -- what a subclass says

    def services(self) -> Sequence[Service]:
        """The services of this kind of device; called once, while it is constructed."""
        raise NotImplementedError

    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """What runs while the device is on."""
        raise NotImplementedError

    def on_link_lost(self) -> None:
        """The central has gone."""

    # -- life

    async def start(self) -> None:
        """Switch the device on: it advertises whenever it is not connected."""
        self.on = self.controller.powered = True
        await self.device.power_on()
        await self.device.start_advertising(auto_restart=True)
        for job in (self._drain, *self.tasks()):
            self.spawn(job)

    async def stop(self) -> None:
        """Switch the device off; `start` switches it on again."""
        self.on = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.controller.switch_off()

    def spawn(self, job: Callable[[], Awaitable[None]]) -> None:
        """Run a job until the device is switched off."""

        async def run() -> None:
            await job()

        self._keep(asyncio.create_task(run(), name=f"{self.name}/{job.__qualname__}"))

    # -- state

    @property
    def address(self) -> str:
        """As `C0:DE:00:00:00:01`."""
        return self.identity.address

    @property
    def name(self) -> str:
        """The advertised name."""
        return self.identity.local_name

    def drop(self, reason: int) -> int:
        """Lose every link at both ends at once; returns how many there were."""
        return self.controller.drop_links(reason)

    @property
    def connected(self) -> bool:
        """Whether a central holds a link."""
        return bool(self.controller.le_connections)

    @property
    def battery_pct(self) -> int:
        """State of charge in %."""
        return self._battery_pct

    def limit_mtu(self, mtu: int, *, honest: bool) -> None:
        """Agree to no more than `mtu` bytes from the next link on.

        Firmware that is not `honest` builds its frames as before, and the radio cuts them off.
        """
        self.device.gatt_server.max_mtu = mtu
        self.believed_mtu = None if honest else _LARGEST_MTU

    async def set_battery(self, percent: int) -> None:
        """Set the state of charge and tell who subscribed."""
        self._battery_pct = max(0, min(100, percent))
        await self.device.notify_subscribers(self._battery, bytes([self._battery_pct]))

    def subscribed(self, characteristic: Characteristic[bytes]) -> bool:
        """Whether a connected central has enabled the characteristic."""
        return any(
            subscriptions.get(characteristic.handle, b"\0\0")[0] & 0x03
            for subscriptions in self.device.gatt_server.subscribers.values()
        )

    async def notify(self, characteristic: Characteristic[bytes], value: bytes) -> None:
        """Notify who subscribed; nobody subscribed is no error."""
        if not self.subscribed(characteristic):
            return
        for message in self.mischief.pass_on(kind_of(characteristic), value):
            self.sent += 1
            await self.device.notify_subscribers(characteristic, message)

    async def indicate(self, characteristic: Characteristic[bytes], value: bytes) -> None:
        """Indicate to who subscribed, without waiting for the confirmation."""
        if not self.subscribed(characteristic):
            return
        for message in self.mischief.pass_on(kind_of(characteristic), value):
            self.answer(characteristic, message)

    def answer(self, characteristic: Characteristic[bytes], value: bytes) -> None:
        """Indicate as it is: an answer on a control point is no measurement to be tampered with."""
        for connection in list(self.device.connections.values()):
            if self.subscribed(characteristic):
                self.sent += 1
                task = asyncio.create_task(self._indicate(connection, characteristic, value))
                self._keep(task)
                connection.once("disconnection", lambda _reason, task=task: task.cancel())

    # -- inside

    def _common_services(self) -> list[Service]:
        information = DeviceInformationService(
            manufacturer_name=self.identity.manufacturer,
            model_number=self.identity.model,
            serial_number=self.identity.address.replace(":", ""),
            firmware_revision=self.identity.firmware,
        )
        return [Service(BATTERY_SERVICE, [self._battery]), information]

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _indicate(
        self, connection: Connection, characteristic: Characteristic[bytes], value: bytes
    ) -> None:
        server = self.device.gatt_server
        try:
            await server.indicate_subscriber(connection, characteristic, value)
        except TimeoutError:
            # Core Vol 3 Part F 3.3.3: after an unanswered transaction the bearer is not used again.
            self.drop(int(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR))
        finally:
            # Bumble writes the entry of a lost link back when its indication is given up.
            if connection.handle not in self.device.connections:
                server.pending_confirmations.pop(connection, None)

    def _on_connection(self, connection: Connection) -> None:
        connection.on("disconnection", lambda _reason: self.on_link_lost())

    async def _drain(self) -> None:
        start_s, start_pct = self.clock.now_s(), self._battery_pct
        next_s = start_s
        while True:
            next_s += _DRAIN_CHECK_S
            await self.clock.until(next_s)
            expected = start_pct - int((next_s - start_s) / _DRAIN_S_PER_PCT)
            if 5 < expected < self._battery_pct:
                await self.set_battery(expected)


def _battery(level: Callable[[], int]) -> Characteristic[bytes]:
    return Characteristic(
        BATTERY_LEVEL,
        Properties.READ | Properties.NOTIFY,
        Attribute.READABLE,
        CharacteristicValue(read=lambda _connection: bytes([level()])),
    )


def _advertising(identity: Identity) -> bytes:
    uuids = b"".join(uuid.to_bytes(2, "little") for uuid in identity.service_uuids)
    return bytes(
        AdvertisingData(
            [
                (AdvertisingData.FLAGS, b"\x06"),
                (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, uuids),
            ]
        )
    )


def _scan_response(identity: Identity) -> bytes:
    name = identity.local_name.encode()
    return bytes(
        AdvertisingData(
            [
                (AdvertisingData.COMPLETE_LOCAL_NAME, name),
                (AdvertisingData.TX_POWER_LEVEL, b"\x00"),
            ]
        )
    )
