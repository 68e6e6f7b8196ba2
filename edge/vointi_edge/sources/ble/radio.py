"""The one shared scanner, and connects in series.

Two scanners at once fail on BlueZ, parallel connects take ten times longer than serial ones, and
a connect by address starts a scan of its own: so there is one scanner, one connect at a time, and
a BLEDevice from the latest advertisement.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable

from bleak import BleakAdapter, BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from bleak_retry_connector import establish_connection

from vointi_edge.backoff import Backoff
from vointi_edge.sources.ble.backend import Backend

log = logging.getLogger(__name__)

Sighting = Callable[[BLEDevice, AdvertisementData], None]

# Discovery is known to stall silently; a flat usually holds something that advertises more often.
SCAN_SILENCE_S = 90.0
_ATTEMPTS = 2


class Radio:
    """Tells the watcher of each assigned address; nobody else's signal leaves `_heard`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._watchers: dict[str, Sighting] = {}
        self._connect_lock = asyncio.Lock()
        self._heard_s = 0.0

    def watch(self, address: str, sighting: Sighting) -> None:
        """Call `sighting` for every advertisement of an assigned address."""
        self._watchers[address.upper()] = sighting

    async def run(self) -> None:
        """Keep scanning, for ever."""
        backoff = Backoff(floor_s=0.2, first_s=1.0, cap_s=15.0)
        told = False
        while True:
            try:
                await self._scan(backoff.reset)
            except (BleakError, OSError, TimeoutError, EOFError) as error:
                if not told:
                    log.warning(
                        "radio: cannot scan (%s); trying again",
                        error.args[0] if error.args else error,
                    )
                told = True
            else:
                told = False
            await asyncio.sleep(backoff.next_s())

    async def connect(self, device: BLEDevice, name: str, lost: Callable[[], None]) -> BleakClient:
        """Connect; raises BleakError or TimeoutError. `lost` is called when the link ends."""
        async with self._connect_lock:
            return await establish_connection(
                BleakClient,
                device,
                name,
                disconnected_callback=lambda _: lost(),
                max_attempts=_ATTEMPTS,
                use_services_cache=False,
                backend=self._backend.client,
            )

    async def connected_before(self, services: Iterable[str]) -> list[BLEDevice]:
        """Return devices that BlueZ still holds a link to, from before this process began.

        They do not advertise, so no scan would find them.
        """
        if self._backend.client is not None:
            return []
        with contextlib.suppress(BleakError, OSError, NotImplementedError):
            adapter = await BleakAdapter.get()
            return await adapter.get_connected_devices(list(services) or ["1801"])
        return []

    async def close(self) -> None:
        """Close the radio."""
        await self._backend.close()

    async def _scan(self, works: Callable[[], None]) -> None:
        """Scan until nothing at all is heard for too long."""
        async with BleakScanner(self._heard, backend=self._backend.scanner):
            works()
            self._heard_s = time.monotonic()
            left_s = SCAN_SILENCE_S
            while left_s > 0:
                await asyncio.sleep(left_s)
                left_s = self._heard_s + SCAN_SILENCE_S - time.monotonic()
        log.info("radio: nothing heard for %.0f s; scanning begins anew", SCAN_SILENCE_S)

    def _heard(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        self._heard_s = time.monotonic()
        sighting = self._watchers.get(device.address.upper())
        if sighting is not None:
            sighting(device, advertisement)
