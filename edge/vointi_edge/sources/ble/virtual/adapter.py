"""The virtual Bluetooth adapter: one Bumble host, reopened whenever its transport is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason
from bumble import core, hci
from bumble.device import Advertisement, Connection, Device, DeviceConfiguration
from bumble.transport import open_transport

from vointi_edge.backoff import Backoff

log = logging.getLogger(__name__)

_POWER_ON_S = 5.0
_WAIT_S = 2.0  # how long a caller waits for an adapter that is just coming up
_ADDRESS = "F0:F1:F2:F3:F4:F5"  # a static random address: the two top bits are set


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

    def __init__(self, transport: str) -> None:
        self._transport = transport
        self._listeners: set[Listener] = set()
        self._links: set[Link] = set()
        self._device: Device | None = None
        self._up = asyncio.Event()
        self._scan_lock = asyncio.Lock()
        # A controller can have one LE Create Connection under way.
        self._connect_lock = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None

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

    async def listen(self, listener: Listener) -> None:
        """Scan for `listener`, also after the adapter came back."""
        device = await self.device()
        self._listeners.add(listener)
        await self._scan(device)

    async def unlisten(self, listener: Listener) -> None:
        """Stop scanning when nobody listens any more."""
        self._listeners.discard(listener)
        if self._device is not None:
            await self._scan(self._device)

    async def connect(self, link: Link, address: hci.Address) -> Connection:
        """Connect; cancelling this cancels the request in the controller, too."""
        device = await self.device()
        async with self._connect_lock:
            try:
                connection = await device.connect(address, timeout=None)
            except asyncio.CancelledError:
                # Bumble cancels the controller's request only when the timeout is its own.
                with contextlib.suppress(core.BaseBumbleError, asyncio.CancelledError):
                    await device.send_command(hci.HCI_LE_Create_Connection_Cancel_Command())
                raise
        self._links.add(link)
        return connection

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
                    log.warning("radio: no HCI controller at %s (%s)", self._transport, error)
                told = True
            await asyncio.sleep(backoff.next_s())

    async def _one_life(self) -> None:
        """Open, run until the transport is lost, and tell everybody."""
        transport = await open_transport(self._transport)
        try:
            config = DeviceConfiguration(name="vointi-edge", address=hci.Address(_ADDRESS))
            device = Device.from_config_with_hci(config, transport.source, transport.sink)
            async with asyncio.timeout(_POWER_ON_S):
                await device.power_on()
            device.on(Device.EVENT_ADVERTISEMENT, self._heard)
            self._device = device
            await self._scan(device)
            self._up.set()
            log.info("radio: HCI controller at %s", self._transport)
            await transport.source.terminated
            log.warning("radio: HCI controller at %s is gone", self._transport)
        finally:
            self._up.clear()
            self._device = None
            for link in list(self._links):
                link.lost(hci.HCI_CONNECTION_TIMEOUT_ERROR)
            self._links.clear()
            await transport.close()

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
