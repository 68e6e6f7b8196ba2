"""All adapters together: who hears a device best links it, and another takes over when one fails.

Two scanners at once on one adapter fail on BlueZ, hence each adapter has one for all devices.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from vointi_edge.beat import now_s
from vointi_edge.config import DEFAULT_LINKS
from vointi_edge.errors import NoSlotError, SourceError
from vointi_edge.sources.ble.linker import Link
from vointi_edge.sources.ble.port import RadioPort
from vointi_edge.sources.ble.station import Station

# The longest advertising interval is 10.24 s (Core Vol 6 Part B 4.4.2.2): older is perhaps gone.
_FRESH_S = 15.0
# A failed try weighs like half the distance again: the other adapter gets the next one.
_FAILURE_DB = 10.0


class Watcher(Protocol):
    """Who wants to hear of one assigned device."""

    def sighting(self, device: BLEDevice, advertisement: AdvertisementData) -> bool:
        """Take an advertisement; False when it cannot be the device's own."""

    def radio_trouble(self, text: str | None) -> None:
        """Take the state of the radio in words; None: it works."""


@dataclass(frozen=True, slots=True)
class _Seen:
    device: BLEDevice
    rssi_dbm: int
    at_s: float


class Radio:
    """Tells the watcher of each assigned address; nobody else's signal gets this far."""

    def __init__(self, ports: Sequence[RadioPort], slots: int = DEFAULT_LINKS) -> None:
        self._watchers: dict[str, Watcher] = {}
        self._seen: dict[str, dict[Station, _Seen]] = {}
        self._linked: set[str] = set()
        self._freed = asyncio.Event()
        for port in ports:
            port.admit(self._watchers.__contains__)
        self._stations = tuple(
            Station(
                port,
                slots,
                assigned=self._watchers.keys(),
                linked=lambda: self._linked,
                heard=self._heard,
                troubled=self._troubled,
            )
            for port in ports
        )

    def watch(self, address: str, watcher: Watcher) -> None:
        """Tell `watcher` of every advertisement of an assigned address."""
        if not self._watchers:
            for station in self._stations:
                station.hearing.began()
        self._watchers[address.upper()] = watcher
        for station in self._stations:
            if station.scanning:
                station.hearing.want(address.upper())

    def unwatch(self, address: str) -> None:
        """Take a device for a stranger's from now on."""
        self._watchers.pop(address.upper(), None)
        self._seen.pop(address.upper(), None)
        for station in self._stations:
            station.hearing.forget(address.upper())
            station.linker.forgive(address.upper())

    async def run(self) -> None:
        """Keep every adapter scanning, for ever."""
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(station.run(), name=f"{station.name}/scan")
                group.create_task(station.watch(), name=f"{station.name}/watch")

    def fresh(self, address: str) -> bool:
        """Whether the device was heard so lately that linking it is worth a try."""
        return bool(self._candidates(address))

    async def connect(self, address: str, name: str) -> Link:
        """Link a device through the adapter that is best for it just now.

        Raises NoSlotError when none that hears it has a slot, SourceError when none hears it,
        BleakError or TimeoutError when it does not answer.
        """
        candidates = self._candidates(address)
        if not candidates:
            raise SourceError(name, "not heard just now")
        station, seen = max(candidates, key=lambda each: self._worth(address, *each))
        self._freed.clear()
        link = await station.linker.connect(seen.device, name)
        self._linked.add(address)
        return link

    async def look_anew(self, address: str) -> None:
        """Look again for a device that was there lately, where adapters tell of it only once."""
        for station in self._stations:
            if station.hearing.near(address):
                await station.look_anew()

    async def renew_bond(self, address: str) -> bool:
        """Forget a bond that the device forgot, wherever that is so; say whether it was."""
        renewed = False
        # Trying to link it took so long that the last sighting is old by now.
        for station in [each for each in self._seen.get(address, {}) if each.scanning]:
            if await station.linker.renew_bond(address):
                renewed = True
                self._seen[address].pop(station)  # the adapter has to find it anew
        return renewed

    async def end(self, link: Link) -> bool:
        """End a link; False when nobody confirmed that (try again later)."""
        station = next(each for each in self._stations if each.name == link.radio)
        ended = await station.linker.end(link)
        if link.address in self._linked:
            self._linked.discard(link.address)
            station.hearing.released(link.address)
            self._freed.set()
        return ended

    async def slot_freed(self, timeout_s: float) -> None:
        """Return once a link ended anywhere, or after `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._freed.wait()

    async def adopt(self, address: str, services: Iterable[str]) -> None:
        """Take over a link from before this process began: its device does not advertise."""
        for station in self._stations:
            for device in await station.connected_before(list(services) or ["1801"]):
                if device.address.upper() == address:
                    self._note(station, device, -127)

    async def close(self) -> None:
        """Close every adapter."""
        for station in self._stations:
            await station.close()

    def _candidates(self, address: str) -> list[tuple[Station, _Seen]]:
        now = now_s()
        seen = self._seen.get(address, {})
        return [
            (station, one)
            for station, one in seen.items()
            if station.scanning and now - one.at_s <= _FRESH_S
        ]

    def _worth(self, address: str, station: Station, seen: _Seen) -> tuple[bool, bool, float]:
        penalty = _FAILURE_DB * station.linker.failures(address)
        return (station.linker.free > 0, station.trouble is None, seen.rssi_dbm - penalty)

    def _heard(self, station: Station, device: BLEDevice, advertisement: AdvertisementData) -> None:
        address = device.address.upper()
        if self._watchers[address].sighting(device, advertisement):
            self._note(station, device, advertisement.rssi)

    def _note(self, station: Station, device: BLEDevice, rssi_dbm: int) -> None:
        self._seen.setdefault(device.address.upper(), {})[station] = _Seen(
            device, rssi_dbm, now_s()
        )

    def _troubled(self, text: str | None) -> None:
        """Tell the devices, unless another adapter works: then nothing is amiss for them."""
        down = [station.trouble for station in self._stations if station.trouble is not None]
        for watcher in self._watchers.values():
            if len(down) == len(self._stations):
                watcher.radio_trouble(text)
            elif text is None:
                watcher.radio_trouble(None)


__all__ = ["Link", "NoSlotError", "Radio", "Watcher"]
