"""Device Information (Device Information Service 1.1) and the calendar that devices keep."""

from __future__ import annotations

from datetime import datetime

from vointi_edge.decoders.values import Cursor
from vointi_edge.errors import DecodeError
from vointi_edge.text import printable

MODEL, SERIAL, FIRMWARE = "2a24", "2a25", "2a26"
CURRENT_TIME, DATE_TIME = "2a2b", "2a08"
_ADJUSTED_BY_REFERENCE = 0x02  # Adjust Reason: external reference time update


def device_text(data: bytes) -> str:
    """Read a text characteristic: UTF-8, perhaps padded with zeros; printable and short."""
    return printable(data.decode("utf-8", "replace").rstrip("\0").strip())


def current_time(data: bytes) -> float | None:
    """Read Current Time (0x2A2B, 10 bytes): seconds of the device's calendar since 1970.

    Current Time Service 1.1, clause 3.1. None when the device has no time.
    """
    if len(data) != 10:
        raise DecodeError("current time", f"needs 10 bytes, not {len(data)}")
    cursor = Cursor(data, "current time")
    seconds = cursor.calendar()
    cursor.take(1)  # day of the week
    return None if seconds is None else seconds + cursor.unsigned(1) / 256


def date_time(data: bytes) -> float | None:
    """Read Date Time (0x2A08, 7 bytes); None when the device has no time."""
    if len(data) != 7:
        raise DecodeError("date time", f"needs 7 bytes, not {len(data)}")
    return Cursor(data, "date time").calendar()


def current_time_bytes(local: datetime) -> bytes:
    """Build Current Time from the wall-clock time of the place."""
    fraction = local.microsecond * 256 // 1_000_000
    return date_time_bytes(local) + bytes([local.isoweekday(), fraction, _ADJUSTED_BY_REFERENCE])


def date_time_bytes(local: datetime) -> bytes:
    """Build Date Time from the wall-clock time of the place."""
    fields = (local.month, local.day, local.hour, local.minute, local.second)
    return local.year.to_bytes(2, "little") + bytes(fields)
