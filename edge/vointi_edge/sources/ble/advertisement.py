"""A device that only advertises: every new measurement becomes a reading, repeats do not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.uuids import normalize_uuid_str

from vointi_edge import decoders
from vointi_edge.beat import beat, now_s
from vointi_edge.catalogue import StreamSpec
from vointi_edge.decoders.bthome_sealed import SealedBTHome
from vointi_edge.decoders.values import Decoded
from vointi_edge.errors import DecodeError
from vointi_edge.sources.ble import words
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ble.repeats import Repeats
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.refusals import Refusals
from vointi_edge.sources.scalars import scalar_reading

log = logging.getLogger(__name__)

# Room sensors advertise every one to ten seconds.
_SILENCE_S = 60.0
_CHECK_S = 5.0
_RSSI_S = 2.0


@dataclass(frozen=True, slots=True)
class _Stream:
    spec: StreamSpec
    decode: Callable[[bytes], Decoded]
    repeats: Repeats
    refusals: Refusals


class AdvertisingDevice:
    """Runs one assigned device until cancelled."""

    def __init__(self, assigned: Assigned, radio: Radio, context: Context) -> None:
        self._assigned = assigned
        self._id = assigned.config.id
        self._context = context
        self._streams = [self._make_stream(spec, assigned) for spec in assigned.model.streams]
        self._heard_s: float | None = None
        radio.watch(assigned.config.address or "", self)

    async def run(self) -> None:
        """Note when the device is not heard any more."""
        while True:
            await beat(_CHECK_S)
            if self._heard_s is not None and now_s() - self._heard_s > _SILENCE_S:
                self._heard_s = None
                log.warning("%s: %s", self._id, words.not_heard(_SILENCE_S))
                self._context.hub.link(self._id, "lost", words.not_heard(_SILENCE_S))

    def _make_stream(self, spec: StreamSpec, assigned: Assigned) -> _Stream:
        refusals = Refusals(self._id, spec.id, self._context.hub)
        decode = _decoder(spec, assigned, self._context.counters)
        return _Stream(spec, decode, Repeats(), refusals)

    def radio_trouble(self, text: str | None) -> None:
        """Show the radio's trouble while the device is not heard."""
        if self._heard_s is None and text is not None:
            self._context.hub.link(self._id, "lost", text)

    def sighting(self, device: BLEDevice, advertisement: AdvertisementData) -> bool:
        """Take an advertisement; False when it holds nothing of the device's model."""
        data = self._payload(advertisement)
        if data is None:
            return False
        at_s = now_s()
        if self._heard_s is None:
            log.info("%s: heard", self._id)
            self._context.hub.link(self._id, "advertising")
        if self._heard_s is None or at_s - self._heard_s > _RSSI_S:
            self._context.hub.rssi(self._id, advertisement.rssi)
        self._heard_s = at_s
        self._take(data, at_s)
        return True

    def _payload(self, advertisement: AdvertisementData) -> bytes | None:
        match = self._assigned.model.match
        if match.manufacturer_id is not None:
            return advertisement.manufacturer_data.get(match.manufacturer_id)
        if match.service_data_uuid is not None:
            return advertisement.service_data.get(normalize_uuid_str(match.service_data_uuid))
        return None

    def _take(self, data: bytes, now_s: float) -> None:
        mono_us = self._context.clock.boottime_us()
        for stream in self._streams:
            try:
                decoded = stream.decode(data)
            except DecodeError as error:
                stream.refusals.note(error)
                continue
            if not stream.repeats.is_new(decoded, data, now_s):
                continue
            reading = scalar_reading(self._context, self._id, stream.spec, decoded, mono_us)
            if reading is not None:
                self._context.hub.reading(reading)


def _decoder(
    spec: StreamSpec, assigned: Assigned, counters: dict[str, int]
) -> Callable[[bytes], Decoded]:
    key = assigned.config.key
    if spec.decoder == "bthome_2" and key is not None:
        return SealedBTHome(key, assigned.config.address or "", counters).decode
    return decoders.ADVERTISEMENT[spec.decoder]
