"""A stream that is one GATT characteristic of an adopted profile."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakError

from vointi_edge import decoders
from vointi_edge.beat import now_s
from vointi_edge.catalogue import StreamSpec
from vointi_edge.decoders.values import Decoded
from vointi_edge.errors import DecodeError
from vointi_edge.sources.ble.device_clock import DeviceClock
from vointi_edge.sources.ble.lookup import find
from vointi_edge.sources.ports import Context
from vointi_edge.sources.refusals import Refusals
from vointi_edge.sources.scalars import scalar_reading

log = logging.getLogger(__name__)


class CharacteristicStream:
    """Subscribes (and reads, where the catalogue says so); every value becomes a reading."""

    def __init__(
        self,
        device: str,
        spec: StreamSpec,
        context: Context,
        device_clock: DeviceClock | None = None,
    ) -> None:
        self.spec = spec
        self.heard_s = now_s()
        self._device = device
        self._name = f"{device}/{spec.id}"
        self._context = context
        self._clock = device_clock or DeviceClock()
        self._decode = decoders.GATT[spec.decoder]
        self._refusals = Refusals(device, spec.id, context.hub)
        self._reading: asyncio.Task[None] | None = None

    async def start(self, client: BleakClient) -> None:
        """Subscribe; a device without this characteristic is left to its other streams."""
        found = find(client, self.spec.characteristic or "")
        if found is None:
            level = logging.DEBUG if self.spec.optional else logging.WARNING
            log.log(
                level, "%s: has no %s (%s)", self._device, self.spec.id, self.spec.characteristic
            )
            self.heard_s = float("inf")
            return
        readable = "read" in found.properties
        if self.spec.read and readable:
            self._take(bytes(await client.read_gatt_char(found)))
        if {"notify", "indicate"} & set(found.properties):
            await client.start_notify(found, self._notified)
        if self.spec.read_every_s and readable:
            self._reading = asyncio.create_task(self._read_on(client, found), name=self._name)
        await self._ask(client)
        self.heard_s = now_s()

    async def _ask(self, client: BleakClient) -> None:
        """Ask for records; the control point answers by an indication that must be subscribed."""
        if self.spec.ask is None:
            return
        uuid, request = self.spec.ask
        control = find(client, uuid)
        if control is None:
            level = logging.DEBUG if self.spec.optional else logging.WARNING
            log.log(level, "%s: has no control point %s", self._device, uuid)
            return
        await client.start_notify(control, lambda _, __: None)
        wanted = self._context.told.request(self._name, request)
        await client.write_gatt_char(control, wanted, response=True)

    async def _read_on(self, client: BleakClient, found: BleakGATTCharacteristic) -> None:
        """Read again and again, until the link is lost."""
        while True:
            await asyncio.sleep(self.spec.read_every_s)
            if not client.is_connected:
                return
            try:
                self._take(bytes(await client.read_gatt_char(found)))
            except (BleakError, OSError, TimeoutError, EOFError) as error:
                log.debug("%s: %s: %s", self._device, self.spec.id, type(error).__name__)

    def _told_before(self, decoded: Decoded, data: bytes) -> bool:
        """Say whether this measurement was told before, perhaps in an earlier link."""
        if decoded.taken_s is not None:
            return self._context.told.before(self._name, data, decoded.repeat_key)
        if decoded.repeat_key is None:
            return False
        counters = self._context.counters
        last, counters[self._name] = counters.get(self._name), decoded.repeat_key
        return last == decoded.repeat_key

    def _notified(self, _: BleakGATTCharacteristic, data: bytearray) -> None:
        self._take(bytes(data))

    def _take(self, data: bytes) -> None:
        mono_us = self._context.clock.boottime_us()
        self.heard_s = now_s()
        try:
            decoded = self._decode(data)
        except DecodeError as error:
            self._refusals.note(error)
            return
        if self._told_before(decoded, data):
            return
        if decoded.taken_s is not None:
            age_s = self._clock.age_s(decoded.taken_s, mono_us)
            decoded = replace(decoded, age_s=age_s)
        reading = scalar_reading(self._context, self._device, self.spec, decoded, mono_us)
        if reading is not None:
            self._context.hub.reading(reading)
