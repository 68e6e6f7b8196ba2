"""Ruuvi's manufacturer data (company 0x0499), data formats 5 (RAWv2), 6 and E1 (Extended v1).

Source: Ruuvi's documentation, "Bluetooth advertisements". Big-endian; all-ones (or 0x8000) means
"no value".
"""

from __future__ import annotations

import math
import struct

from vointi_contract.frame import Channel, Quality

from vointi_edge.decoders.values import Decoded, channel
from vointi_edge.errors import DecodeError

_FORMAT_5 = struct.Struct(">BhHHhhhHBH6s")
_FORMAT_6 = struct.Struct(">BhHHHHBBBxBB3s")
_FORMAT_E1 = struct.Struct(">BhHHHHHHHBB3s3x3sB5x6s")
_CALIBRATING = 0x01
# Format 6 has one byte for the light: 254 logarithmic steps up to 65535 lx.
_LIGHT_STEP = math.log(65_536) / 254
_HUNDREDTH = 0.01


def ruuvi_5(data: bytes) -> Decoded:
    """Decode to room_temperature [Cel], room_humidity [%], air_pressure [hPa], acc_x/y/z [m[g]].

    Repeats of one measurement share its sequence number.
    """
    if len(data) != _FORMAT_5.size or data[0] != 5:
        raise DecodeError("RuuviTag", f"needs {_FORMAT_5.size} bytes of format 5")
    _, temperature, humidity, pressure, x, y, z, _, _, sequence, _ = _FORMAT_5.unpack(data)
    channels = _air(temperature, humidity, pressure)
    for metric, value in (("acc_x", x), ("acc_y", y), ("acc_z", z)):
        if value != -0x8000:
            channels.append(channel(metric, [value]))
    return Decoded(tuple(channels), repeat_key=None if sequence == 0xFFFF else sequence)


def ruuvi_air(data: bytes) -> Decoded:
    """Decode format 6 or E1: air as in format 5, pm1 … pm10 [ug/m3], co2, voc_index, nox_index.

    A Ruuvi Air sends every measurement in both; E1 is finer, so it ranks higher. Their sequence
    numbers agree in the low byte, which is the repeat key.
    """
    if data[:1] == b"\x06" and len(data) == _FORMAT_6.size:
        return _format_6(data)
    if data[:1] == b"\xe1" and len(data) == _FORMAT_E1.size:
        return _format_e1(data)
    raise DecodeError(
        "Ruuvi Air", f"needs {_FORMAT_6.size} bytes of format 6 or {_FORMAT_E1.size} of format E1"
    )


def _format_6(data: bytes) -> Decoded:
    (_, temperature, humidity, pressure, fine, co2, voc, nox, light, sequence, flags, _) = (
        _FORMAT_6.unpack(data)
    )
    channels = _air(temperature, humidity, pressure)
    _whole(channels, "pm2_5", fine, 0.1)
    _whole(channels, "co2", co2)
    _indices(channels, voc, nox, flags)
    if light != 0xFF:
        lux = math.exp(light * _LIGHT_STEP) - 1
        channels.append(channel("illuminance", [round(lux / _HUNDREDTH)], _HUNDREDTH))
    return Decoded(tuple(channels), _quality(flags), sequence)


def _format_e1(data: bytes) -> Decoded:
    (_, temperature, humidity, pressure, *rest) = _FORMAT_E1.unpack(data)
    *dust, co2, voc, nox, light, sequence, flags, _ = rest
    channels = _air(temperature, humidity, pressure)
    for metric, value in zip(("pm1", "pm2_5", "pm4", "pm10"), dust, strict=True):
        _whole(channels, metric, value, 0.1)
    _whole(channels, "co2", co2)
    _indices(channels, voc, nox, flags)
    lux = int.from_bytes(light, "big")
    if lux != 0xFFFFFF:
        channels.append(channel("illuminance", [lux], _HUNDREDTH))
    number = int.from_bytes(sequence, "big")
    key = None if number == 0xFFFFFF else number & 0xFF
    return Decoded(tuple(channels), _quality(flags), key, rank=1)


def _air(temperature: int, humidity: int, pressure: int) -> list[Channel]:
    channels = []
    if temperature != -0x8000:
        channels.append(channel("room_temperature", [temperature], 0.005))
    if humidity != 0xFFFF:
        channels.append(channel("room_humidity", [humidity], 0.0025))
    if pressure != 0xFFFF:
        channels.append(channel("air_pressure", [pressure], 0.01, 500.0))
    return channels


def _whole(channels: list[Channel], metric: str, value: int, scale: float = 1.0) -> None:
    if value != 0xFFFF:
        channels.append(channel(metric, [value], scale))


def _indices(channels: list[Channel], voc: int, nox: int, flags: int) -> None:
    """Append the two 9-bit indices: their lowest bits are flags 6 and 7."""
    for metric, high, bit in (("voc_index", voc, 6), ("nox_index", nox, 7)):
        value = high << 1 | flags >> bit & 1
        if value != 0x1FF:
            channels.append(channel(metric, [value]))


def _quality(flags: int) -> Quality:
    return Quality.NOISY if flags & _CALIBRATING else Quality.OK
