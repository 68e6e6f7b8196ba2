"""Thermometer, scale, blood-pressure cuff and battery: one value or a few in a message.

Calendar times inside these messages are skipped: hardly anybody sets these devices' clocks, and
the time of arrival is right to a second.
"""

from __future__ import annotations

from vointi_contract.frame import Channel, Quality

from vointi_edge.decoders.values import Cursor, Decoded, channel
from vointi_edge.errors import DecodeError

_MMHG_PER_KPA = 7.50062
_KG_PER_LB = 0.45359237
_BP_MOVED, _BP_CUFF_LOOSE, _BP_IRREGULAR = 0x01, 0x02, 0x04


def temperature_measurement(data: bytes) -> Decoded:
    """Decode 0x2A1C to body_temperature [Cel] (Health Thermometer Service 1.0, clause 3.1)."""
    cursor = Cursor(data, "temperature measurement")
    fahrenheit = cursor.unsigned(1) & 0x01
    value = cursor.float32()
    if value is None:
        return Decoded(())
    raw, scale = value
    if fahrenheit:
        return Decoded((channel("body_temperature", [raw], scale * 5 / 9, -160 / 9),))
    return Decoded((channel("body_temperature", [raw], scale),))


def weight_measurement(data: bytes) -> Decoded:
    """Decode 0x2A9D to body_weight [kg] (Weight Scale Service 1.0.1, clause 3.2)."""
    cursor = Cursor(data, "weight measurement")
    pounds = cursor.unsigned(1) & 0x01
    raw = cursor.unsigned(2)
    if raw == 0xFFFF:  # clause 3.2.1.1: measurement unsuccessful
        return Decoded(())
    return Decoded((channel("body_weight", [raw], 0.01 * _KG_PER_LB if pounds else 0.005),))


def blood_pressure(data: bytes) -> Decoded:
    """Decode 0x2A35 to bp_systolic, bp_diastolic, bp_mean [mm[Hg]] and, if sent, pulse_rate.

    Blood Pressure Service 1.1.1, clause 3.1.
    """
    cursor = Cursor(data, "blood pressure measurement")
    flags = cursor.unsigned(1)
    factor = _MMHG_PER_KPA if flags & 0x01 else 1.0
    channels: list[Channel] = []
    for metric in ("bp_systolic", "bp_diastolic", "bp_mean"):
        _append(channels, metric, cursor, factor)
    if flags & 0x02:
        cursor.take(7)
    if flags & 0x04:
        _append(channels, "pulse_rate", cursor, 1.0)
    if flags & 0x08:
        cursor.take(1)
    status = cursor.unsigned(2) if flags & 0x10 else 0
    doubtful = status & (_BP_MOVED | _BP_CUFF_LOOSE | _BP_IRREGULAR)
    return Decoded(tuple(channels), Quality.NOISY if doubtful else Quality.OK)


def battery_level(data: bytes) -> Decoded:
    """Decode 0x2A19 to battery_level [%] (Battery Service 1.1, clause 3.1)."""
    level = Cursor(data, "battery level").unsigned(1)
    if level > 100:
        raise DecodeError("battery level", f"must be 0 to 100 %, not {level}")
    return Decoded((channel("battery_level", [level]),))


def _append(channels: list[Channel], metric: str, cursor: Cursor, factor: float) -> None:
    value = cursor.sfloat()
    if value is not None:
        channels.append(channel(metric, [value[0]], value[1] * factor))
