"""Finding a characteristic on a device that may have several, or none, of its kind."""

from __future__ import annotations

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakError
from bleak.uuids import normalize_uuid_str


def find(client: BleakClient, uuid: str) -> BleakGATTCharacteristic | None:
    """Return the characteristic; of several (two probes of one kind) the first."""
    try:
        return client.services.get_characteristic(uuid)
    except BleakError:  # bleak's word for "several"
        wanted = normalize_uuid_str(uuid)
        found = (one for one in client.services.characteristics.values() if one.uuid == wanted)
        return next(found, None)
