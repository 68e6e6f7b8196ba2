"""What every decoder returns, and the number formats that several of them share.

The integers that a device sent are kept as they are; scale and offset turn them into the metric's
unit. Nothing is rounded on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from vointi_contract.frame import Channel, Quality
from vointi_contract.metrics import by_name

from vointi_edge.errors import DecodeError


@dataclass(frozen=True, slots=True)
class Decoded:
    """One message of a device: its values, what the device says of their quality.

    `repeat_key` is equal for two messages that carry the same measurement (an advertisement is
    heard many times); None where every message is a new one.
    """

    channels: tuple[Channel, ...]
    quality: Quality = Quality.OK
    repeat_key: int | None = None


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
    """Little-endian fields read one after another; running out of bytes is a DecodeError."""

    def __init__(self, data: bytes, what: str) -> None:
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

    def sfloat(self) -> tuple[int, float] | None:
        """Return (mantissa, scale) of a 16-bit SFLOAT, None for NaN, NRes, ±∞ and reserved.

        IEEE 11073-20601 annex F.7: exponent 4 bits, mantissa 12 bits, both two's complement;
        mantissas 0x7FE, 0x7FF, 0x800, 0x801, 0x802 with exponent 0 are special.
        """
        raw = self.unsigned(2)
        mantissa, exponent = raw & 0xFFF, _signed(raw >> 12, 4)
        if exponent == 0 and 0x7FE <= mantissa <= 0x802:
            return None
        return _signed(mantissa, 12), 10.0**exponent

    def float32(self) -> tuple[int, float] | None:
        """Return (mantissa, scale) of a 32-bit FLOAT, None for its special values.

        IEEE 11073-20601 annex F.6: exponent 8 bits, mantissa 24 bits; mantissas 0x7FFFFE to
        0x800002 with exponent 0 are special.
        """
        raw = self.unsigned(4)
        mantissa, exponent = raw & 0xFFFFFF, _signed(raw >> 24, 8)
        if exponent == 0 and 0x7FFFFE <= mantissa <= 0x800002:
            return None
        if not -30 <= exponent <= 30:
            raise DecodeError(self._what, f"exponent {exponent} is no measurement")
        return _signed(mantissa, 24), 10.0**exponent


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >= 1 << (bits - 1) else value
