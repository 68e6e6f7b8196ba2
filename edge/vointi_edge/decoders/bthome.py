"""BTHome version 2, service data of UUID 0xFCD2 (bthome.io, "Format").

Objects follow each other, sorted by id; the length of an unknown id is unknown, so reading stops
there and what came before is kept. A sensor with more than fits spreads its objects over several
advertisements, each of which is decoded by itself. Of several objects of one kind (two probes) the
first is kept.
"""

from __future__ import annotations

from typing import NamedTuple

from vointi_contract.frame import Channel

from vointi_edge.decoders.values import Cursor, Decoded, channel
from vointi_edge.errors import DecodeError


class _Object(NamedTuple):
    """An object that has a metric; `size` in bytes."""

    metric: str
    size: int
    scale: float = 1.0
    signed: bool = False


ENCRYPTED, _HAS_ADDRESS, _VERSION = 0x01, 0x02, 2
_PACKET_ID = 0x00
_OBJECTS = {
    0x01: _Object("battery_level", 1),
    0x02: _Object("room_temperature", 2, 0.01, signed=True),
    0x03: _Object("room_humidity", 2, 0.01),
    0x04: _Object("air_pressure", 3, 0.01),
    0x05: _Object("illuminance", 3, 0.01),
    0x08: _Object("dew_point", 2, 0.01, signed=True),
    0x0D: _Object("pm2_5", 2),
    0x0E: _Object("pm10", 2),
    0x11: _Object("contact", 1),  # opening
    0x12: _Object("co2", 2),
    0x13: _Object("tvoc", 2),
    0x1A: _Object("contact", 1),  # door
    0x1B: _Object("contact", 1),  # garage door
    0x21: _Object("motion", 1),
    0x23: _Object("occupancy", 1),
    0x25: _Object("occupancy", 1),  # presence
    0x2D: _Object("contact", 1),  # window
    0x2E: _Object("room_humidity", 1),
    0x45: _Object("room_temperature", 2, 0.1, signed=True),
    0x46: _Object("uv_index", 1, 0.1),
    0x57: _Object("room_temperature", 1, signed=True),
    0x58: _Object("room_temperature", 1, 0.35, signed=True),
}
_TEXT_AND_RAW = (0x53, 0x54)  # a length byte, then as many bytes
# What has no metric here is stepped over: size in bytes → ids.
_SIZES: dict[int, tuple[int, ...]] = {
    1: (
        *(_PACKET_ID, 0x09, 0x0F, 0x10),
        *range(0x15, 0x30),
        *(0x3A, 0x59, 0x60, 0x64),
    ),
    2: (
        *(0x06, 0x07, 0x0C, 0x14, 0x3C, 0x3D, 0x3F, 0x40, 0x41, 0x43, 0x44, 0x47, 0x48, 0x49, 0x4A),
        *(0x51, 0x52, 0x56, 0x5A, 0x5D, 0x5E, 0x5F, 0x61, 0xF0),
    ),
    3: (0x0A, 0x0B, 0x42, 0x4B, 0xF2),
    4: (0x3E, 0x4C, 0x4D, 0x4E, 0x4F, 0x50, 0x55, 0x5B, 0x5C, 0x62, 0x63, 0xF1),
}
_STEPS = {identifier: size for size, ids in _SIZES.items() for identifier in ids}


def bthome_2(data: bytes) -> Decoded:
    """Decode an unencrypted advertisement; repeats of one measurement share its packet id."""
    cursor = Cursor(data, "BTHome")
    info = cursor.unsigned(1)
    if info >> 5 != _VERSION:
        raise DecodeError("BTHome", f"version {info >> 5} is not 2")
    if info & ENCRYPTED:
        raise DecodeError("BTHome", "is encrypted; give the device's key_file in edge.toml")
    if info & _HAS_ADDRESS:
        cursor.take(6)
    channels: dict[int, Channel] = {}
    packet_id = None
    while cursor.left:
        identifier = cursor.unsigned(1)
        known = _OBJECTS.get(identifier)
        if known is not None:
            made = channel(known.metric, [_value(cursor, known)], known.scale)
            channels.setdefault(made.metric, made)
        elif identifier == _PACKET_ID:
            packet_id = cursor.unsigned(1)
        elif identifier in _TEXT_AND_RAW:
            cursor.take(cursor.unsigned(1))
        elif identifier in _STEPS:
            cursor.take(_STEPS[identifier])
        else:
            break
    return Decoded(tuple(channels.values()), repeat_key=packet_id)


def _value(cursor: Cursor, known: _Object) -> int:
    return cursor.signed(known.size) if known.signed else cursor.unsigned(known.size)
