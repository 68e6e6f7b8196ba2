"""An adapter's links: how many it may hold, made one after another, and ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bleak.exc import BleakBluetoothNotAvailableError, BleakError
from bleak_retry_connector import establish_connection

from vointi_edge.errors import NoSlotError, RadioError
from vointi_edge.sources.ble.limits import within
from vointi_edge.sources.ble.port import RadioPort

RADIO_ERRORS = (BleakError, RadioError, OSError, TimeoutError, EOFError)
# A device in reach answers within a few of its advertisements; nobody else links meanwhile.
_CONNECT_S = 12.0
_GOODBYE_S = 3.0
# One device that links badly is that device's trouble; two of them are the adapter's.
_FAILED_DEVICES, _FAILED_TRIES, _FAILED_TRIES_ALONE = 2, 4, 8


@dataclass
class Link:
    """A link and the slot that it takes; `lost` is set when it has ended."""

    client: BleakClient
    address: str
    radio: str
    slot: int
    slots: int
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def where(self) -> str:
        """Name the radio and the slot."""
        return f"{self.radio} slot {self.slot} of {self.slots}"


class Linker:
    """Makes and ends the links of one adapter.

    Parallel connects take ten times longer than serial ones on BlueZ, hence one at a time; a link
    is made to a BLEDevice, because a connect by address would start a scan of its own.
    `quiet` is entered for each. `unanswered` is called when a link cannot be ended, `stuck` when
    the adapter links nothing.
    """

    def __init__(
        self,
        port: RadioPort,
        slots: int,
        *,
        quiet: Callable[[], AbstractAsyncContextManager[None]],
        unanswered: Callable[[], None],
        stuck: Callable[[], None],
    ) -> None:
        self.slots = slots
        self._port = port
        self._quiet = quiet
        self._unanswered = unanswered
        self._stuck = stuck
        self._links: dict[int, Link | None] = {}
        self._turn = asyncio.Lock()
        self._failed: dict[str, int] = {}

    @property
    def free(self) -> int:
        """How many more links the adapter may hold."""
        return self.slots - len(self._links)

    @property
    def links(self) -> int:
        """How many links are up."""
        return sum(link is not None for link in self._links.values())

    def failures(self, address: str) -> int:
        """How often linking this device failed here since anything was linked."""
        return self._failed.get(address, 0)

    def forgive(self, address: str) -> None:
        """Forget how often linking this device failed: nobody wants it, or wants it anew."""
        self._failed.pop(address, None)

    async def connect(self, device: BLEDevice, name: str) -> Link:
        """Link a device; raises NoSlotError, RadioError, BleakError or TimeoutError."""
        slot = next((n for n in range(1, self.slots + 1) if n not in self._links), None)
        if slot is None:
            raise NoSlotError(self._port.name, self.slots)
        self._links[slot] = None
        lost = asyncio.Event()
        try:
            async with self._turn, self._quiet():
                client = await self._establish(device, name, lost)
        except BaseException as error:
            del self._links[slot]
            if isinstance(error.__cause__ or error, BleakBluetoothNotAvailableError):
                self._unanswered()  # the adapter is not there: no fault of the device's
                raise RadioError(self._port.name, "is not there", "plug it in") from error
            if isinstance(error, RADIO_ERRORS):
                self._blame(device.address.upper())
            raise
        self._failed.clear()
        address = device.address.upper()
        link = Link(client, address, self._port.name, slot, self.slots, lost)
        self._links[slot] = link
        return link

    async def end(self, link: Link) -> bool:
        """End a link and free its slot; False when nobody confirmed that (try again later)."""
        with contextlib.suppress(*RADIO_ERRORS):
            await within(_GOODBYE_S, link.client.disconnect())
        if self._links.get(link.slot) is link:
            del self._links[link.slot]
        if link.client.is_connected:
            self._unanswered()
            return False
        return True

    async def renew_bond(self, address: str) -> bool:
        """Forget a bond that the device forgot; say whether that was so."""
        with contextlib.suppress(*RADIO_ERRORS):
            async with self._turn, self._quiet():
                return await self._port.renew_bond(address)
        return False

    def all_lost(self) -> None:
        """Note that the adapter lost every link, whether or not anybody was told."""
        self._failed.clear()
        for link in self._links.values():
            if link is not None:
                link.lost.set()

    async def _establish(self, device: BLEDevice, name: str, lost: asyncio.Event) -> BleakClient:
        attempt = establish_connection(
            BleakClient,
            device,
            name,
            disconnected_callback=lambda _: lost.set(),
            max_attempts=1,
            use_services_cache=False,
            backend=self._port.client,
        )
        return await within(_CONNECT_S, attempt)

    def _blame(self, address: str) -> None:
        """Count a failure; say so when it must be the adapter that cannot link."""
        self._failed[address] = self._failed.get(address, 0) + 1
        tries = sum(self._failed.values())
        several = len(self._failed) >= _FAILED_DEVICES and tries >= _FAILED_TRIES
        if not self.links and (several or tries >= _FAILED_TRIES_ALONE):
            self._failed.clear()
            self._stuck()
