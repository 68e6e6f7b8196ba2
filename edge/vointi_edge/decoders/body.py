"""Thermometer, blood-pressure cuff and battery: one value or a few in a message."""

from __future__ import annotations

from vointi_contract.frame import Channel, Quality

from vointi_edge.decoders.values import Cursor, Decoded, append, channel
from vointi_edge.errors import DecodeError

_MMHG_PER_KPA = 7.50062
_UNKNOWN_USER = 0xFF
_SITES = range(1, 10)  # Temperature Type: armpit, body, ear, finger, gut, mouth, rectum, toe, drum
# Measurement status (Blood Pressure Service 1.1.1, clause 3.1.1.6): the body moved, the cuff was
# loose, the pulse irregular or out of range (two bits), the arm held wrongly.
_BP_DOUBTFUL = 0x01 | 0x02 | 0x04 | 0x18 | 0x20


def temperature_measurement(data: bytes) -> Decoded:
    """Decode 0x2A1C to body_temperature [Cel] and, if sent, temperature_site (a code).

    Health Thermometer Service 1.0, clause 3.1; the code is that of Temperature Type (0x2A1D).
    """
    cursor = Cursor(data, "temperature measurement")
    flags = cursor.flags(1, 0x07)
    value = cursor.float32()
    taken_s = cursor.calendar() if flags & 0x02 else None
    channels: list[Channel] = []
    if value is not None:
        factor, offset = (5 / 9, -160 / 9) if flags & 0x01 else (1.0, 0.0)
        channels.append(channel("body_temperature", [value[0]], value[1] * factor, offset))
    if flags & 0x04:
        site = cursor.unsigned(1)
        if site not in _SITES:
            cursor.quality |= Quality.NOISY
        elif channels:
            channels.append(channel("temperature_site", [site]))
    return Decoded(tuple(channels), cursor.end(), taken_s=taken_s)


def temperature_type(data: bytes) -> Decoded:
    """Decode 0x2A1D to temperature_site, where the site never changes (clause 3.2)."""
    cursor = Cursor(data, "temperature type")
    site = cursor.unsigned(1)
    if site not in _SITES:
        raise DecodeError("temperature type", f"must be 1 to 9, not {site}")
    return Decoded((channel("temperature_site", [site]),), cursor.end())


def blood_pressure(data: bytes) -> Decoded:
    """Decode 0x2A35 to bp_systolic, bp_diastolic, bp_mean [mm[Hg]] and, if sent, pulse_rate.

    Blood Pressure Service 1.1.1, clause 3.1.
    """
    return _pressures(
        data, "blood pressure measurement", ("bp_systolic", "bp_diastolic", "bp_mean")
    )


def cuff_pressure(data: bytes) -> Decoded:
    """Decode 0x2A36 to cuff_pressure [mm[Hg]]: the cuff while it deflates.

    Blood Pressure Service 1.1.1, clause 3.3: laid out as the measurement; its first value is the
    cuff's, the other two are NaN.
    """
    return _pressures(data, "intermediate cuff pressure", ("cuff_pressure", None, None))


def battery_level(data: bytes) -> Decoded:
    """Decode 0x2A19 to battery_level [%] (Battery Service 1.1, clause 3.1)."""
    cursor = Cursor(data, "battery level")
    level = cursor.unsigned(1)
    if level > 100:
        raise DecodeError("battery level", f"must be 0 to 100 %, not {level}")
    return Decoded((channel("battery_level", [level]),), cursor.end())


def user_index(channels: list[Channel], cursor: Cursor) -> None:
    """Read a User ID; 0xFF means that the device does not know who it is."""
    number = cursor.unsigned(1)
    if number != _UNKNOWN_USER:
        channels.append(channel("user_index", [number]))


def _pressures(data: bytes, what: str, metrics: tuple[str | None, ...]) -> Decoded:
    cursor = Cursor(data, what)
    flags = cursor.flags(1, 0x1F)
    factor = _MMHG_PER_KPA if flags & 0x01 else 1.0
    channels: list[Channel] = []
    for metric in metrics:
        value = cursor.sfloat()
        if metric is not None:
            append(channels, metric, value, factor)
    taken_s = cursor.calendar() if flags & 0x02 else None
    if flags & 0x04:
        append(channels, "pulse_rate", cursor.sfloat())
    if flags & 0x08:
        user_index(channels, cursor)
    status = cursor.flags(2, 0x3F) if flags & 0x10 else 0
    quality = cursor.end() | (Quality.NOISY if status & _BP_DOUBTFUL else Quality.OK)
    return Decoded(tuple(channels), quality, taken_s=taken_s)
