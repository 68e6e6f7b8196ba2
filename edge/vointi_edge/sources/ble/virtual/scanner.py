"""BleakScanner's backend for the virtual adapter."""

from __future__ import annotations

from typing import Any, ClassVar

from bleak.backends.scanner import (
    AdvertisementData,
    AdvertisementDataCallback,
    BaseBleakScanner,
)
from bleak.uuids import normalize_uuid_str
from bumble.core import AdvertisingData as Ad
from bumble.device import Advertisement

from vointi_edge.sources.ble.virtual.adapter import Adapter

_NAMES = (Ad.COMPLETE_LOCAL_NAME, Ad.SHORTENED_LOCAL_NAME)
_UUIDS = {
    Ad.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS: 2,
    Ad.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS: 2,
    Ad.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS: 16,
    Ad.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS: 16,
}
_SERVICE_DATA = {Ad.SERVICE_DATA_16_BIT_UUID: 2, Ad.SERVICE_DATA_128_BIT_UUID: 16}


class VirtualScanner(BaseBleakScanner):
    """Active scanning for advertisements and scan responses."""

    adapter: ClassVar[Adapter]

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)

    async def start(self) -> None:
        """Start scanning."""
        self.seen_devices = {}
        await self.adapter.listen(self)

    async def stop(self) -> None:
        """Stop scanning."""
        await self.adapter.unlisten(self)

    def heard(self, advertisement: Advertisement) -> None:
        """Turn Bumble's advertisement into bleak's."""
        data = _advertisement_data(advertisement)
        if not self.is_allowed_uuid(data.service_uuids):
            return
        address = advertisement.address.to_string(with_type_qualifier=False)
        device = self.create_or_update_device(
            address, address, data.local_name, advertisement.address, data
        )
        self.call_detection_callbacks(device, data)


def _advertisement_data(advertisement: Advertisement) -> AdvertisementData:
    name: str | None = None
    tx_power: int | None = None
    manufacturer: dict[int, bytes] = {}
    services: dict[str, bytes] = {}
    uuids: list[str] = []
    for kind, value in advertisement.data.ad_structures:
        if kind in _NAMES:
            name = value.decode("utf-8", "replace")
        elif kind == Ad.MANUFACTURER_SPECIFIC_DATA and len(value) >= 2:
            manufacturer[int.from_bytes(value[:2], "little")] = bytes(value[2:])
        elif kind == Ad.TX_POWER_LEVEL and value:
            tx_power = int.from_bytes(value[:1], "little", signed=True)
        elif width := _UUIDS.get(Ad.Type(kind)):
            uuids += [
                _uuid(value[at : at + width]) for at in range(0, len(value) - width + 1, width)
            ]
        elif (width := _SERVICE_DATA.get(Ad.Type(kind), 0)) and len(value) >= width:
            services[_uuid(value[:width])] = bytes(value[width:])
    return AdvertisementData(
        name, manufacturer, services, uuids, tx_power, advertisement.rssi, (advertisement,)
    )


def _uuid(little_endian: bytes) -> str:
    text = bytes(reversed(little_endian)).hex()
    if len(text) == 4:
        return normalize_uuid_str(text)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
