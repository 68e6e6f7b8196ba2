"""What every decoder returns, and the number formats that several of them share.

The integers that a device sent are kept as they are; scale and offset turn them into the metric's
unit. Nothing is rounded on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import numpy as np
from vointi_contract.frame import Channel, Quality
from vointi_contract.metrics import by_name

from vointi_edge.errors import DecodeError

Scaled = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Decoded:
    """One message of a device: its values, what the device says of their quality.

    `repeat_key` is equal for two messages that carry the same measurement (an advertisement is
    heard many times); None where every message is a new one. Of two formats that carry the same
    measurements only the one of higher `rank` is kept. `taken_s` is when the device says that it
    measured: seconds of its own calendar since 1970, which nobody may have set; `age_s` is how long
    ago that was, where the device says so. `offsets_us` is for
    several events in one message: when each came after the first one; the last one has just been.
    """

    channels: tuple[Channel, ...]
    quality: Quality = Quality.OK
    repeat_key: int | None = None
    rank: int = 0
    taken_s: float | None = None
    age_s: float = 0.0
    offsets_us: tuple[int, ...] | None = None


@cache
def metric_code(name: str) -> int:
    """Return the wire code of a metric."""
    return by_name(name).code


def channel(
    metric: str, raw: Sequence[int] | np.ndarray, scale: float = 1.0, offset: float = 0.0
) -> Channel:
    """Build a channel: physical value = raw × scale + offset, in the metric's unit."""
    return Channel(metric_code(metric), np.asarray(raw, dtype=np.int32), scale, offset)


class Cursor:
    """Little-endian fields read one after another; running out of bytes is a DecodeError.

    `quality` gathers what speaks against the values on the way: a value out of the sensor's range,
    reserved bits, bytes that nobody announced. Bluetooth lets a reader ignore what is reserved, so
    none of that is an error.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self.quality = Quality.OK
        self._data = data
        self._what = what
        self._at = 0

    @property
    def left(self) -> int:
        """Return how many bytes have not been read."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        if self.left < count:
            raise DecodeError(self._what, f"needs {count} more bytes at byte {self._at}")
        self._at += count
        return self._data[self._at - count : self._at]

    def unsigned(self, count: int) -> int:
        """Return an unsigned integer of `count` bytes."""
        return int.from_bytes(self.take(count), "little")

    def signed(self, count: int) -> int:
        """Return a two's-complement integer of `count` bytes."""
        return int.from_bytes(self.take(count), "little", signed=True)

    def flags(self, count: int, known: int) -> int:
        """Return `count` bytes of flags; a bit outside `known` puts the values in doubt."""
        bits = self.unsigned(count)
        if bits & ~known:
            self.quality |= Quality.NOISY
        return bits & known

    def end(self) -> Quality:
        """Return the quality when all is read; bytes left over put the values in doubt."""
        return self.quality | Quality.NOISY if self.left else self.quality

    def sfloat(self) -> Scaled | None:
        """Return (mantissa, scale) of a 16-bit SFLOAT, None where it is no number.

        IEEE 11073-20601 annex F.7: exponent 4 bits, mantissa 12 bits, both two's complement;
        mantissas 0x7FE to 0x802 with exponent 0 are special (see `_special`).
        """
        raw = self.unsigned(2)
        mantissa, exponent = raw & 0xFFF, _signed(raw >> 12, 4)
        if exponent == 0 and 0x7FE <= mantissa <= 0x802:
            self._special(mantissa - 0x800)
            return None
        return _signed(mantissa, 12), 10.0**exponent

    def float32(self) -> Scaled | None:
        """Return (mantissa, scale) of a 32-bit FLOAT, None where it is no number.

        IEEE 11073-20601 annex F.6: exponent 8 bits, mantissa 24 bits; mantissas 0x7FFFFE to
        0x800002 with exponent 0 are special (see `_special`).
        """
        raw = self.unsigned(4)
        mantissa, exponent = raw & 0xFFFFFF, _signed(raw >> 24, 8)
        if exponent == 0 and 0x7FFFFE <= mantissa <= 0x800002:
            self._special(mantissa - 0x800000)
            return None
        if not -30 <= exponent <= 30:
            raise DecodeError(self._what, f"exponent {exponent} is no measurement")
        return _signed(mantissa, 24), 10.0**exponent

    def calendar(self) -> float | None:
        """Return a Date Time (0x2A08, 7 bytes) as seconds since 1970; None when it is unknown.

        GATT Specification Supplement, "Date Time": year 0, month 0 and day 0 mean "not known".
        """
        year, month, day = self.unsigned(2), self.unsigned(1), self.unsigned(1)
        hour, minute, second = self.unsigned(1), self.unsigned(1), self.unsigned(1)
        if 0 in (year, month, day):
            return None
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
        except (ValueError, OverflowError):
            self.quality |= Quality.NOISY
            return None

    def _special(self, number: int) -> None:
        """Note a special value: ±2 infinite, -1 NaN (not known), 0 NRes, 1 reserved."""
        if number == 1:
            raise DecodeError(self._what, "holds the reserved float value; the sensor's fault")
        if number in (-2, 2):
            self.quality |= Quality.SATURATED
        elif number == 0:
            self.quality |= Quality.NOISY


def append(channels: list[Channel], metric: str, value: Scaled | None, factor: float = 1.0) -> None:
    """Append a float's channel, unless the float is no number."""
    if value is not None:
        channels.append(channel(metric, [value[0]], value[1] * factor))


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >= 1 << (bits - 1) else value
