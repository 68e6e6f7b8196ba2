"""Pulse oximeter, characteristics 0x2A5F and 0x2A5E (Pulse Oximeter Service 1.0.1, clause 3)."""

from __future__ import annotations

from vointi_contract.frame import Channel, Quality

from vointi_edge.decoders.values import Cursor, Decoded, channel

# Device and Sensor Status (clause 3.1.1.7), by what they mean for the value.
_NOT_WORN = 1 << 11 | 1 << 13 | 1 << 15  # unconnected to user, displaced, disconnected
_NOISY = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10  # irregular … interference


def plx_continuous(data: bytes) -> Decoded:
    """Decode 0x2A5F to spo2 [%], pulse_rate [/min] and, if sent, perfusion_index [%]."""
    cursor = Cursor(data, "PLX continuous measurement")
    flags = cursor.unsigned(1)
    channels = _pair(cursor)
    for bit in (0x01, 0x02):  # SpO2PR-Fast and -Slow repeat the values over other windows
        if flags & bit:
            cursor.take(4)
    quality = _tail(cursor, channels, flags >> 2)
    return Decoded(tuple(channels), quality)


def plx_spot_check(data: bytes) -> Decoded:
    """Decode 0x2A5E to spo2 [%], pulse_rate [/min] and, if sent, perfusion_index [%]."""
    cursor = Cursor(data, "PLX spot-check measurement")
    flags = cursor.unsigned(1)
    channels = _pair(cursor)
    if flags & 0x01:
        cursor.take(7)  # the oximeter's calendar time; nobody sets its clock
    quality = _tail(cursor, channels, flags >> 1)
    return Decoded(tuple(channels), quality)


def _pair(cursor: Cursor) -> list[Channel]:
    channels = []
    for metric in ("spo2", "pulse_rate"):
        value = cursor.sfloat()
        if value is not None:
            channels.append(channel(metric, [value[0]], value[1]))
    return channels


def _tail(cursor: Cursor, channels: list[Channel], flags: int) -> Quality:
    """Read measurement status (bit 0), sensor status (bit 1) and pulse amplitude index (bit 2)."""
    quality = Quality.OK
    if flags & 0x01:
        cursor.take(2)
    if flags & 0x02:
        status = cursor.unsigned(3)
        quality |= Quality.NOT_WORN if status & _NOT_WORN else Quality.OK
        quality |= Quality.NOISY if status & _NOISY else Quality.OK
    if flags & 0x04:
        value = cursor.sfloat()
        if value is not None:
            channels.append(channel("perfusion_index", [value[0]], value[1]))
    return quality
