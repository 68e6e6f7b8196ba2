"""Airthings Wave Plus, Wave (second generation) and Wave Mini: one characteristic that is read.

Source: Airthings' own published readers for these devices. Their advertisements carry the serial
number only, so they are visited: connect, read, leave. Little-endian; values above a sensor's
range mean "no value yet" (radon takes an hour). The light level is a share of nothing stated and
is not taken.
"""

from __future__ import annotations

import struct

from vointi_contract.frame import Channel

from vointi_edge.decoders.values import Decoded, channel
from vointi_edge.errors import DecodeError

_WAVE = struct.Struct("<BBBBHHhHHHHH")
_MINI = struct.Struct("<BBHHHHHLL")
_WAVE_VERSION = 1
_MOST_RADON = 16_383
_MOST_HUMIDITY_WAVE, _MOST_HUMIDITY_MINI = 200, 10_000
_NO_VALUE = 0xFFFF
_KELVIN = -273.15


def airthings_wave_plus(data: bytes) -> Decoded:
    """Decode B42E2A68-…: humidity, radon, temperature, pressure, co2 and voc."""
    fields = _wave(data)
    channels = _shared(fields)
    _append(channels, "air_pressure", fields[7], 0.02)
    _append(channels, "co2", fields[8])
    _append(channels, "voc", fields[9])
    return Decoded(tuple(channels))


def airthings_wave_2(data: bytes) -> Decoded:
    """Decode B42E4DCC-…: humidity, radon and temperature."""
    return Decoded(tuple(_shared(_wave(data))))


def airthings_wave_mini(data: bytes) -> Decoded:
    """Decode B42E3B98-…: temperature, pressure, humidity and voc."""
    if len(data) != _MINI.size:
        raise DecodeError("Wave Mini", f"needs {_MINI.size} bytes, not {len(data)}")
    _, _, kelvin, pressure, humidity, voc, _, _, _ = _MINI.unpack(data)
    channels: list[Channel] = []
    if kelvin != _NO_VALUE:
        channels.append(channel("room_temperature", [kelvin], 0.01, _KELVIN))
    _append(channels, "air_pressure", pressure, 0.02)
    if humidity <= _MOST_HUMIDITY_MINI:
        channels.append(channel("room_humidity", [humidity], 0.01))
    _append(channels, "voc", voc)
    return Decoded(tuple(channels))


def _wave(data: bytes) -> tuple[int, ...]:
    if len(data) != _WAVE.size or data[0] != _WAVE_VERSION:
        raise DecodeError("Wave", f"needs {_WAVE.size} bytes of version {_WAVE_VERSION}")
    return _WAVE.unpack(data)


def _shared(fields: tuple[int, ...]) -> list[Channel]:
    channels: list[Channel] = []
    if fields[1] <= _MOST_HUMIDITY_WAVE:  # both are of one chip: without the one the other is wrong
        channels.append(channel("room_humidity", [fields[1]], 0.5))
        channels.append(channel("room_temperature", [fields[6]], 0.01))
    for metric, value in (("radon", fields[4]), ("radon_long_term", fields[5])):
        if value <= _MOST_RADON:
            channels.append(channel(metric, [value]))
    return channels


def _append(channels: list[Channel], metric: str, value: int, scale: float = 1.0) -> None:
    if value != _NO_VALUE:
        channels.append(channel(metric, [value], scale))
