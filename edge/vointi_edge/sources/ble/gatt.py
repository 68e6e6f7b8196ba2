"""A device that is connected to: found, read, and found again after every loss."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Protocol

from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from vointi_edge.backoff import Backoff
from vointi_edge.catalogue import StreamSpec
from vointi_edge.errors import DecodeError, SourceError
from vointi_edge.sources.ble.characteristic import CharacteristicStream
from vointi_edge.sources.ble.describe import describe
from vointi_edge.sources.ble.device_clock import DeviceClock, set_right
from vointi_edge.sources.ble.gsp import GspControl, GspStream
from vointi_edge.sources.ble.pmd import PmdControl, PmdStream
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.text import printable

log = logging.getLogger(__name__)

_CHECK_S = 1.0
_STABLE_S = 10.0
_SETUP_S = 30.0
_GOODBYE_S = 3.0
_OLD_LINK_S = 5.0


class Stream(Protocol):
    """A stream of one link."""

    spec: StreamSpec
    heard_s: float

    async def start(self, client: BleakClient) -> None:
        """Make the device send."""


class GattDevice:
    """Runs one assigned device until cancelled."""

    def __init__(self, assigned: Assigned, radio: Radio, context: Context) -> None:
        self._assigned = assigned
        self._id = assigned.config.id
        self._address = (assigned.config.address or "").upper()
        self._radio = radio
        self._context = context
        self._backoff = Backoff(floor_s=0.1, first_s=0.5, cap_s=30.0)
        self._seen: BLEDevice | None = None
        self._sighted = asyncio.Event()
        self._told = ""
        self._old: BleakClient | None = None
        radio.watch(self._address, self._sighting)

    async def run(self) -> None:
        """Connect, read, and begin again after every loss."""
        await self._look_for_old_link()
        while True:
            await self._found()
            started_s = time.monotonic()
            try:
                await self._one_link()
            except SourceError as error:
                self._tell(error.reason)
            except (BleakError, OSError, TimeoutError, EOFError, DecodeError) as error:
                self._tell(str(error) or type(error).__name__)
            if time.monotonic() - started_s > _STABLE_S:
                self._backoff.reset()
            visited = self._assigned.model.visit_every_s and not self._told
            self._context.hub.link(self._id, "advertising" if visited else "lost", self._told)
            self._sighted.clear()
            await asyncio.sleep(self._pause_s())

    def _pause_s(self) -> float:
        """Return how long to leave the device alone: to the next visit, or after a loss."""
        visit_s = self._assigned.model.visit_every_s
        return visit_s if visit_s and not self._told else self._backoff.next_s()

    async def _look_for_old_link(self) -> None:
        for device in await self._radio.connected_before(self._assigned.model.match.service_uuids):
            if device.address.upper() == self._address:
                self._seen = device
                self._sighted.set()

    async def _found(self) -> None:
        """Wait for an advertisement.

        A link that could not be ended (the device was out of reach, the radio deaf) keeps the
        device from advertising, so ending it is tried again meanwhile.
        """
        while not self._sighted.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_OLD_LINK_S):
                    await self._sighted.wait()
            if self._old is not None and not self._sighted.is_set():
                await self._end(self._old)

    async def _end(self, client: BleakClient) -> None:
        with contextlib.suppress(BleakError, OSError, TimeoutError, EOFError):
            async with asyncio.timeout(_GOODBYE_S):
                await client.disconnect()
        self._old = client if client.is_connected else None

    def _sighting(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        self._seen = device
        self._sighted.set()
        self._context.hub.rssi(self._id, advertisement.rssi)

    async def _one_link(self) -> None:
        device = self._seen
        if device is None:
            return
        self._context.hub.link(self._id, "connecting")
        lost = asyncio.Event()
        client = await self._radio.connect(device, self._id, lost.set)
        try:
            async with asyncio.timeout(_SETUP_S):
                streams = await self._start_streams(client)
                note = await describe(client, serial=self._assigned.config.tell_serial)
            self._context.hub.link(self._id, "connected", note)
            log.info("%s: connected %s", self._id, note)
            self._told = ""
            if not self._assigned.model.visit_every_s:
                await self._until_over(lost, streams)
        finally:
            await self._end(client)

    async def _start_streams(self, client: BleakClient) -> list[Stream]:
        streams: list[Stream] = []
        pmd, gsp = PmdControl(client), GspControl(client)
        device_clock = await set_right(client, self._context.clock)
        for spec in self._assigned.model.streams:
            stream = self._make_stream(spec, pmd, gsp, device_clock)
            await stream.start(client)
            streams.append(stream)
        return streams

    def _make_stream(
        self, spec: StreamSpec, pmd: PmdControl, gsp: GspControl, device_clock: DeviceClock
    ) -> Stream:
        if spec.measurement is not None:
            return PmdStream(self._id, spec, self._context, pmd)
        if spec.resource is not None:
            return GspStream(self._id, spec, self._context, gsp)
        return CharacteristicStream(self._id, spec, self._context, device_clock)

    async def _until_over(self, lost: asyncio.Event, streams: list[Stream]) -> None:
        """Return when the link is lost; raise SourceError when a stream falls silent."""
        while not lost.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CHECK_S):
                    await lost.wait()
            now_s = time.monotonic()
            for stream in streams:
                if 0 < stream.spec.silence_s < now_s - stream.heard_s:
                    raise SourceError(self._id, f"{stream.spec.id} fell silent")
        self._tell("link lost")

    def _tell(self, reason: str) -> None:
        """Log a trouble once, until it changes or is over."""
        reason = printable(reason, 120)
        if reason != self._told:
            log.warning("%s: %s", self._id, reason)
        self._told = reason
