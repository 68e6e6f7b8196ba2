"""What a device says it is: model and firmware, and its serial number where that is allowed."""

from __future__ import annotations

from bleak import BleakClient

from vointi_edge.decoders.information import FIRMWARE, MODEL, SERIAL, device_text
from vointi_edge.sources.ble.lookup import find


async def describe(client: BleakClient, *, serial: bool = False) -> str:
    """Return model and firmware as the device tells them, made printable.

    A serial number points to its buyer, so it is not even read unless `serial` is set.
    """
    words = []
    for uuid in (MODEL, FIRMWARE, *((SERIAL,) if serial else ())):
        found = find(client, uuid)
        if found is not None and "read" in found.properties:
            words.append(device_text(bytes(await client.read_gatt_char(found))))
    return " ".join(words)
