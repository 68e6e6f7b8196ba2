"""BTHome version 2, service data of UUID 0xFCD2 (bthome.io, "Format").

Objects follow each other, sorted by id; the length of an unknown id is unknown, so reading stops
there and what came before is kept.
"""

from __future__ import annotations

from typing import NamedTuple

from vointi_contract.frame import Channel

from vointi_edge.decoders.values import Cursor, Decoded, channel
from vointi_edge.errors import DecodeError


class _Object(NamedTuple):
    size: int
    signed: bool = False
    metric: str | None = None
    scale: float = 1.0


_PACKET_ID = 0x00
_OBJECTS = {
    _PACKET_ID: _Object(1),
    0x01: _Object(1, metric="battery_level"),
    0x02: _Object(2, signed=True, metric="room_temperature", scale=0.01),
    0x03: _Object(2, metric="room_humidity", scale=0.01),
    0x04: _Object(3, metric="air_pressure", scale=0.01),
    0x05: _Object(3, metric="illuminance", scale=0.01),
    0x06: _Object(2),  # mass, kg
    0x07: _Object(2),  # mass, lb
    0x08: _Object(2, signed=True),  # dew point
    0x09: _Object(1),  # count
    0x0A: _Object(3),  # energy
    0x0B: _Object(3),  # power
    0x0C: _Object(2),  # voltage
    0x0D: _Object(2, metric="pm2_5"),
    0x0E: _Object(2),  # PM10
    0x0F: _Object(1),  # generic boolean
    0x10: _Object(1),  # power on
    0x11: _Object(1, metric="contact"),  # opening
    0x12: _Object(2, metric="co2"),
    0x13: _Object(2),  # TVOC in µg/m³, which is no [ppb] without knowing the gas
    0x14: _Object(2),  # moisture
    0x1A: _Object(1, metric="contact"),  # door
    0x20: _Object(1),  # moisture, binary
    0x21: _Object(1, metric="motion"),
    0x2D: _Object(1, metric="contact"),  # window
    0x2E: _Object(1, metric="room_humidity"),
    0x2F: _Object(1),  # moisture
    0x45: _Object(2, signed=True, metric="room_temperature", scale=0.1),
    0x57: _Object(1, signed=True, metric="room_temperature"),
    0x58: _Object(1, signed=True, metric="room_temperature", scale=0.35),
}


def bthome_2(data: bytes) -> Decoded:
    """Decode an unencrypted advertisement; repeats of one measurement share its packet id."""
    cursor = Cursor(data, "BTHome")
    info = cursor.unsigned(1)
    if info >> 5 != 2:
        raise DecodeError("BTHome", f"version {info >> 5} is not 2")
    if info & 0x01:
        raise DecodeError("BTHome", "is encrypted; switch encryption off in the sensor")
    channels: dict[int, Channel] = {}
    packet_id = None
    while cursor.left:
        identifier = cursor.unsigned(1)
        known = _OBJECTS.get(identifier)
        if known is None:
            break
        value = cursor.signed(known.size) if known.signed else cursor.unsigned(known.size)
        if identifier == _PACKET_ID:
            packet_id = value
        elif known.metric is not None:
            made = channel(known.metric, [value], known.scale)
            channels.setdefault(made.metric, made)
    return Decoded(tuple(channels.values()), repeat_key=packet_id)
