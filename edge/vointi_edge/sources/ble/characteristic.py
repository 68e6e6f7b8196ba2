"""A stream that is one GATT characteristic of an adopted profile."""

from __future__ import annotations

import logging
import time

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic

from vointi_edge import decoders
from vointi_edge.catalogue import StreamSpec
from vointi_edge.errors import DecodeError
from vointi_edge.sources.ports import Context
from vointi_edge.sources.scalars import scalar_reading

log = logging.getLogger(__name__)


class CharacteristicStream:
    """Subscribes (and reads first, where the catalogue says so); every value becomes a reading."""

    def __init__(self, device: str, spec: StreamSpec, context: Context) -> None:
        self.spec = spec
        self.heard_s = time.monotonic()
        self._device = device
        self._context = context
        self._decode = decoders.GATT[spec.decoder]
        self._told = False

    async def start(self, client: BleakClient) -> None:
        """Subscribe; a device without this characteristic is left to its other streams."""
        found = client.services.get_characteristic(self.spec.characteristic or "")
        if found is None:
            log.warning("%s: has no %s (%s)", self._device, self.spec.id, self.spec.characteristic)
            self.heard_s = float("inf")
            return
        if self.spec.read and "read" in found.properties:
            self._take(bytes(await client.read_gatt_char(found)))
        if {"notify", "indicate"} & set(found.properties):
            await client.start_notify(found, self._notified)
        self.heard_s = time.monotonic()

    def _notified(self, _: BleakGATTCharacteristic, data: bytearray) -> None:
        self._take(bytes(data))

    def _take(self, data: bytes) -> None:
        mono_us = self._context.clock.boottime_us()
        self.heard_s = time.monotonic()
        try:
            decoded = self._decode(data)
        except DecodeError as error:
            if not self._told:
                log.warning("%s: %s: %s", self._device, self.spec.id, error)
            self._told = True
            return
        reading = scalar_reading(self._context, self._device, self.spec, decoded, mono_us)
        if reading is not None:
            self._context.hub.reading(reading)
