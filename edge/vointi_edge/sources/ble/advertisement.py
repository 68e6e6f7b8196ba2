"""A device that only advertises: every new measurement becomes a reading, repeats do not."""

from __future__ import annotations

import asyncio
import logging
import time

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.uuids import normalize_uuid_str

from vointi_edge import decoders
from vointi_edge.errors import DecodeError
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.scalars import scalar_reading

log = logging.getLogger(__name__)

# Room sensors advertise every one to ten seconds.
_SILENCE_S = 60.0
_CHECK_S = 5.0
_RSSI_S = 2.0


class AdvertisingDevice:
    """Runs one assigned device until cancelled."""

    def __init__(self, assigned: Assigned, radio: Radio, context: Context) -> None:
        self._assigned = assigned
        self._id = assigned.config.id
        self._context = context
        self._repeat_keys: dict[str, int] = {}
        self._heard_s: float | None = None
        self._told = False
        radio.watch(assigned.config.address or "", self._sighting)

    async def run(self) -> None:
        """Note when the device is not heard any more."""
        while True:
            await asyncio.sleep(_CHECK_S)
            if self._heard_s is not None and time.monotonic() - self._heard_s > _SILENCE_S:
                self._heard_s = None
                log.warning("%s: not heard for %.0f s", self._id, _SILENCE_S)
                self._context.hub.link(self._id, "lost", "not heard")

    def _sighting(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        data = self._payload(advertisement)
        if data is None:
            return
        now_s = time.monotonic()
        if self._heard_s is None:
            log.info("%s: heard", self._id)
            self._context.hub.link(self._id, "advertising")
        if self._heard_s is None or now_s - self._heard_s > _RSSI_S:
            self._context.hub.rssi(self._id, advertisement.rssi)
        self._heard_s = now_s
        self._take(data, self._context.clock.boottime_us())

    def _payload(self, advertisement: AdvertisementData) -> bytes | None:
        match = self._assigned.model.match
        if match.manufacturer_id is not None:
            return advertisement.manufacturer_data.get(match.manufacturer_id)
        if match.service_data_uuid is not None:
            return advertisement.service_data.get(normalize_uuid_str(match.service_data_uuid))
        return None

    def _take(self, data: bytes, mono_us: int) -> None:
        for spec in self._assigned.model.streams:
            try:
                decoded = decoders.ADVERTISEMENT[spec.decoder](data)
            except DecodeError as error:
                if not self._told:
                    log.warning("%s: %s", self._id, error)
                self._told = True
                continue
            if decoded.repeat_key is not None:
                if self._repeat_keys.get(spec.id) == decoded.repeat_key:
                    continue
                self._repeat_keys[spec.id] = decoded.repeat_key
            reading = scalar_reading(self._context, self._id, spec, decoded, mono_us)
            if reading is not None:
                self._context.hub.reading(reading)
