"""Pulse oximeter, characteristics 0x2A5F and 0x2A5E (Pulse Oximeter Service 1.0.1, clause 3)."""

from __future__ import annotations

from vointi_contract.frame import Channel, Quality

from vointi_edge.decoders.values import Cursor, Decoded, append

# Device and Sensor Status (clause 3.1.1.7), by what they mean for the value.
_NOT_WORN = 1 << 11 | 1 << 13 | 1 << 15  # unconnected to user, displaced, disconnected
_NOISY = (
    1 << 1  # equipment malfunction
    | 1 << 2  # signal processing irregularity
    | 1 << 3  # inadequate signal
    | 1 << 4  # poor signal
    | 1 << 6  # erratic signal
    | 1 << 7  # no pulsation
    | 1 << 8  # questionable pulse
    | 1 << 10  # interference
    | 1 << 14  # sensor malfunction
)
# Measurement Status (clause 3.1.1.6).
_EARLY, _STORED, _INVALID = 1 << 6, 1 << 9, 1 << 15
_DOUBTFUL = (
    _EARLY | 1 << 12 | 1 << 13 | 1 << 14 | _INVALID
)  # calibrating, unavailable, questionable
_NOBODYS = 1 << 10 | 1 << 11  # for demonstration, for testing
_STATUS_BITS, _SENSOR_BITS = 0xFFE0, 0xFFFF
_CLOCK_UNSET = 0x10


def plx_continuous(data: bytes) -> Decoded:
    """Decode 0x2A5F to spo2 [%], pulse_rate [/min] and, if sent, perfusion_index [%]."""
    cursor = Cursor(data, "PLX continuous measurement")
    flags = cursor.flags(1, 0x1F)
    channels = _pair(cursor)
    for bit in (0x01, 0x02):  # SpO2PR-Fast and -Slow repeat the values over other windows
        if flags & bit:
            cursor.take(4)
    return _with_status(cursor, channels, flags >> 2, None)


def plx_spot_check(data: bytes) -> Decoded:
    """Decode 0x2A5E to spo2 [%], pulse_rate [/min] and, if sent, perfusion_index [%]."""
    cursor = Cursor(data, "PLX spot-check measurement")
    flags = cursor.flags(1, 0x1F)
    channels = _pair(cursor)
    taken_s = cursor.calendar() if flags & 0x01 else None
    return _with_status(cursor, channels, flags >> 1, None if flags & _CLOCK_UNSET else taken_s)


def _pair(cursor: Cursor) -> list[Channel]:
    channels: list[Channel] = []
    for metric in ("spo2", "pulse_rate"):
        append(channels, metric, cursor.sfloat())
    return channels


def _with_status(
    cursor: Cursor, channels: list[Channel], flags: int, taken_s: float | None
) -> Decoded:
    """Read measurement status (bit 0), sensor status (bit 1) and pulse amplitude index (bit 2)."""
    status = cursor.flags(2, _STATUS_BITS) if flags & 0x01 else 0
    sensor = cursor.flags(3, _SENSOR_BITS) if flags & 0x02 else 0
    if flags & 0x04:
        append(channels, "perfusion_index", cursor.sfloat())
    quality = cursor.end()
    quality |= Quality.NOT_WORN if sensor & _NOT_WORN else Quality.OK
    quality |= Quality.NOISY if sensor & _NOISY or status & _DOUBTFUL else Quality.OK
    if status & _NOBODYS:
        return Decoded((), quality)
    return Decoded(
        tuple(channels),
        quality | (Quality.LATE if status & _STORED else Quality.OK),
        None,
        0,
        taken_s,
    )
