"""The virtual Bluetooth adapter: one Bumble host, reopened whenever its transport is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import zlib
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakError,
)
from bumble import core, hci
from bumble.device import Advertisement, Connection, Device, DeviceConfiguration
from bumble.transport.common import Transport

from vointi_edge.backoff import Backoff
from vointi_edge.sources.ble.virtual.host import QuietHost

log = logging.getLogger(__name__)

Opener: TypeAlias = Callable[[str], Awaitable[Transport]]

_POWER_ON_S = 5.0
_WAIT_S = 2.0  # how long a caller waits for an adapter that is just coming up


class Listener(Protocol):
    """A scanner that wants advertisements."""

    def heard(self, advertisement: Advertisement) -> None:
        """Take one advertisement."""


class Link(Protocol):
    """A client that must hear when its link is gone with the adapter."""

    def lost(self, reason: int) -> None:
        """Take the end of the link."""


class Adapter:
    """Shared by all scanners and clients of one backend. It opens itself when first needed."""

    def __init__(self, name: str, transport: str, opener: Opener) -> None:
        self._name = name
        self._transport = transport
        self._address = _address(name, transport)
        self._opener = opener
        self._listeners: set[Listener] = set()
        self._links: set[Link] = set()
        self._device: Device | None = None
        self._up = asyncio.Event()
        self._scan_lock = asyncio.Lock()
        # A controller can have one LE Create Connection under way.
        self._connect_lock = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._connecting = False
        self._cycle = asyncio.Event()
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._wanted: Callable[[str], bool] | None = None

    def admit(self, wanted: Callable[[str], bool]) -> None:
        """Hear of others, from the next opening on, only now and then."""
        self._wanted = wanted

    async def device(self) -> Device:
        """Return the running host; raises BleakBluetoothNotAvailableError when there is none."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_open(), name="virtual-adapter")
        try:
            async with asyncio.timeout(_WAIT_S):
                await self._up.wait()
        except TimeoutError:
            raise self._unavailable() from None
        if self._device is None:
            raise self._unavailable()
        return self._device

    async def close(self) -> None:
        """Close the transport; links end."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def reopen(self) -> bool:
        """End this life and begin another; say whether a controller answered."""
        self._up.clear()
        self._cycle.set()
        try:
            async with asyncio.timeout(_POWER_ON_S):
                await self._up.wait()
        except TimeoutError:
            return False
        return True

    async def listen(self, listener: Listener) -> None:
        """Scan for `listener`, also after the adapter came back."""
        device = await self.device()
        self._listeners.add(listener)
        try:
            await self._scan(device)
        except BaseException as error:
            self._listeners.discard(listener)
            if isinstance(error, core.BaseBumbleError | hci.HCI_Error):
                raise BleakError(f"cannot scan: {error}") from error
            raise

    async def unlisten(self, listener: Listener) -> None:
        """Stop scanning when nobody listens any more."""
        self._listeners.discard(listener)
        if self._device is not None:
            try:
                await self._scan(self._device)
            except (core.BaseBumbleError, hci.HCI_Error) as error:
                raise BleakError(f"cannot stop scanning: {error}") from error

    async def connect(self, link: Link, address: hci.Address) -> Connection:
        """Connect; cancelling this cancels the request in the controller, too."""
        device = await self.device()
        async with self._connect_lock:
            self._connecting = True
            try:
                connection = await device.connect(address, timeout=None)
            except asyncio.CancelledError:
                self._connecting = False
                # Bumble cancels the controller's request only when the timeout is its own.
                with contextlib.suppress(core.BaseBumbleError, asyncio.CancelledError):
                    await device.send_command(hci.HCI_LE_Create_Connection_Cancel_Command())
                raise
            finally:
                self._connecting = False
        self._links.add(link)
        return connection

    def _unclaimed(self, connection: Connection) -> None:
        """End a link that came about just as its connect was given up: nobody would use it."""
        if self._connecting:
            return
        goodbye = asyncio.create_task(_disconnect(connection), name="unclaimed-link")
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)

    def forget(self, link: Link) -> None:
        """The link is over."""
        self._links.discard(link)

    def _unavailable(self) -> BleakBluetoothNotAvailableError:
        return BleakBluetoothNotAvailableError(
            f"no HCI controller at {self._transport}",
            BleakBluetoothNotAvailableReason.NO_BLUETOOTH,
        )

    async def _keep_open(self) -> None:
        backoff = Backoff(floor_s=0.1, first_s=0.3, cap_s=3.0)
        told = False
        while True:
            try:
                await self._one_life()
                backoff.reset()
                told = False
            except (OSError, core.BaseBumbleError, TimeoutError) as error:
                if not told:
                    log.warning(
                        "%s: no HCI controller at %s (%s)", self._name, self._transport, error
                    )
                told = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff.next_s()):
                    await self._cycle.wait()

    async def _one_life(self) -> None:
        """Open, run until the transport is lost or to be opened anew, and tell everybody."""
        self._cycle.clear()
        transport = await self._opener(self._transport)
        try:
            # A bond is looked up by the address that a link is made with.
            config = DeviceConfiguration(
                name="vointi-edge",
                address=self._address,
                identity_address_type=hci.Address.RANDOM_DEVICE_ADDRESS,
            )
            host = QuietHost(transport.source, transport.sink, wanted=self._wanted)
            device = Device(config=config, host=host)
            async with asyncio.timeout(_POWER_ON_S):
                await device.power_on()
            device.on(Device.EVENT_ADVERTISEMENT, self._heard)
            device.on(Device.EVENT_CONNECTION, self._unclaimed)
            self._device = device
            await self._scan(device)
            self._up.set()
            log.info("%s: HCI controller at %s", self._name, self._transport)
            await self._until_over(transport)
        finally:
            self._up.clear()
            self._device = None
            for link in list(self._links):
                link.lost(hci.HCI_CONNECTION_TIMEOUT_ERROR)
            self._links.clear()
            await transport.close()

    async def _until_over(self, transport: Transport) -> None:
        again = asyncio.ensure_future(self._cycle.wait())
        try:
            await asyncio.wait(
                (transport.source.terminated, again), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            again.cancel()
        if not self._cycle.is_set():
            log.warning("%s: HCI controller at %s is gone", self._name, self._transport)

    async def _scan(self, device: Device) -> None:
        """Make the controller scan exactly while somebody listens."""
        async with self._scan_lock:
            if self._listeners and not device.is_scanning:
                await device.start_scanning(legacy=True, active=True, filter_duplicates=False)
            elif not self._listeners and device.is_scanning:
                await device.stop_scanning(legacy=True)

    def _heard(self, advertisement: Advertisement) -> None:
        for listener in list(self._listeners):
            listener.heard(advertisement)


def _address(name: str, transport: str) -> hci.Address:
    """Return a static random address (the two top bits set), another one for each adapter.

    Two edges on one simulated radio both call theirs radio 1: its transport tells them apart.
    """
    digits = f"{zlib.crc32(f'{name} at {transport}'.encode()):08X}"
    return hci.Address(":".join(("F0", "F1", *(digits[n : n + 2] for n in (0, 2, 4, 6)))))


async def _disconnect(connection: Connection) -> None:
    with contextlib.suppress(core.BaseBumbleError, hci.HCI_Error, TimeoutError):
        await connection.disconnect()
