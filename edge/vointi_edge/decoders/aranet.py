"""Aranet4, Aranet2 and Aranet Radon: manufacturer data of company 0x0702 (SAF Tehnika).

Source: the layout that the maker's users documented ("Aranet readings (Advertisement)"), and its
test vectors. Little-endian: a header of 8 bytes, the measurements, seconds between measurements,
seconds since this one, a counter of measurements. They are sent only while "Smart Home
integrations" is switched on.
"""

from __future__ import annotations

import struct

from vointi_contract.frame import Channel

from vointi_edge.decoders.values import Decoded, channel
from vointi_edge.errors import DecodeError

_INTEGRATIONS = 0x20
_ARANET_4 = struct.Struct("<8xHHHBBBHHB")
_TYPED = struct.Struct("<8xHHHHxBBHHB")  # Aranet2 and Radon; the first byte is the type
_TYPE_2, _TYPE_RADON = 1, 3
_NO_TEMPERATURE, _NO_VALUE = 0x4000, 0x8000
_NO_HUMIDITY_4 = 0xFF
_MOST_RADON = 0x3E80  # above it stands the reason why there is no value


def aranet(data: bytes) -> Decoded:
    """Decode to co2, room_temperature, room_humidity, air_pressure, radon, battery_level.

    Which of them depends on the device. Repeats of one measurement share its counter; `age_s` is
    how long ago it was taken.
    """
    if len(data) == _ARANET_4.size:
        _check(data[0])
        return _aranet_4(data)
    if len(data) == _TYPED.size and data[0] in (_TYPE_2, _TYPE_RADON):
        _check(data[1])
        return _typed(data)
    if len(data) >= 2 and not (data[0] | data[1]) & _INTEGRATIONS:
        _check(0)
    raise DecodeError("Aranet", f"{len(data)} bytes are neither Aranet4, Aranet2 nor Radon")


def _check(flags: int) -> None:
    if not flags & _INTEGRATIONS:
        raise DecodeError("Aranet", "sends no values; switch Smart Home integrations on in its app")


def _aranet_4(data: bytes) -> Decoded:
    co2, temperature, pressure, humidity, battery, _, _, age_s, count = _ARANET_4.unpack(data)
    channels: list[Channel] = []
    _append(channels, "co2", co2, 1.0, _NO_VALUE)
    _append(channels, "room_temperature", temperature, 0.05, _NO_TEMPERATURE)
    _append(channels, "air_pressure", pressure, 0.1, _NO_VALUE)
    if humidity != _NO_HUMIDITY_4:
        channels.append(channel("room_humidity", [humidity]))
    channels.append(channel("battery_level", [battery]))
    return Decoded(tuple(channels), repeat_key=count, age_s=age_s)


def _typed(data: bytes) -> Decoded:
    radon, temperature, pressure, humidity, battery, _, _, age_s, count = _TYPED.unpack(data)
    channels: list[Channel] = []
    if data[0] == _TYPE_RADON:
        if radon <= _MOST_RADON:
            channels.append(channel("radon", [radon]))
        _append(channels, "air_pressure", pressure, 0.1, _NO_VALUE)
    _append(channels, "room_temperature", temperature, 0.05, _NO_TEMPERATURE)
    _append(channels, "room_humidity", humidity, 0.1, _NO_VALUE)
    channels.append(channel("battery_level", [battery]))
    return Decoded(tuple(channels), repeat_key=count, age_s=age_s)


def _append(
    channels: list[Channel], metric: str, value: int, scale: float, no_value_bit: int
) -> None:
    if not value & no_value_bit:
        channels.append(channel(metric, [value], scale))
