"""Integers as Rice codes: what a channel's samples are in a packed payload (packed.py).

A run of n values is the first one as a zigzag varint, then n - 1 residuals as bits, highest bit
first, filled with 0 to a whole byte. The residual is what the extrapolation of the `order` (0 to 3)
values before leaves: r0 = v, r1 = v - v', r2 = v - 2v' + v'', r3 = v - 3v' + 3v'' - v'''; the first
values of a run use the order that they have predecessors for. z = zigzag(residual) is z >> k ones,
a 0, and the k low bits of z; or ESCAPE ones and the 32 bits of z, where z >> k reaches ESCAPE.

`order` and `k` are those that take the fewest bits (of equals the lowest order, then the lowest k),
so every writer gives the same bytes. `vointi_codec.rice` is the compiled twin, used where it is
built; Rice: R. F. Rice, "Some practical universal noiseless coding techniques", JPL 79-22 (1979).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from vointi_contract.errors import PayloadError
from vointi_contract.frame import Integers

ESCAPE: Final = 24
MAX_ORDER: Final = 3
MAX_K: Final = 30
_RAW_BITS: Final = 32
_INT32_MIN: Final = -(2**31)
_INT32_MAX: Final = 2**31 - 1


class Cursor:
    """Reads a payload from `at` on; raises PayloadError where it ends too soon."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self._bits: str | None = None

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        """The next bytes."""
        piece = self.data[self.at : self.at + count]
        if len(piece) < count:
            raise PayloadError("payload", "ends within a field; send it whole")
        self.at += count
        return piece

    def varint(self) -> int:
        """An unsigned number of at most 64 bits, seven bits a byte, the lowest first."""
        value = 0
        for shift in range(0, 64, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= 2**64:
                    break
                return value
        raise PayloadError("payload", "has a number of more than 64 bits; encode again")

    def zigzag(self) -> int:
        """A signed number."""
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def bits(self) -> str:
        """Every bit of the payload as a digit, made once."""
        if self._bits is None:
            # The 1 in front keeps the zeros that the payload may begin with.
            self._bits = bin(int.from_bytes(b"\x01" + self.data, "big"))[3:]
        return self._bits


def varint(value: int) -> bytes:
    """An unsigned number as Cursor.varint reads it."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> bytes:
    """A signed number as Cursor.zigzag reads it."""
    return varint(value << 1 if value >= 0 else ~value << 1 | 1)


def pack_pure(values: Integers) -> tuple[int, int, bytes]:
    """(order, k, body) of at least one value."""
    series = values.astype(np.int64)
    first = zigzag(int(series[0]))
    if len(series) == 1:
        return 0, 0, first
    found: tuple[int, int, int] | None = None
    chosen = np.zeros(0, np.int64)
    for order, residuals in enumerate(_residuals(series)):
        coded = np.where(residuals < 0, ~residuals << 1 | 1, residuals << 1)
        if coded.max() >> _RAW_BITS:
            continue
        cost, k = _cheapest(coded)
        if found is None or cost < found[0]:
            found, chosen = (cost, order, k), coded
    assert found is not None  # noqa: S101 - order 0 fits whatever the values are
    _, order, k = found
    return order, k, first + _to_bytes("".join(_code(z, k) for z in chosen.tolist()))


def _residuals(series: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """What each order leaves of the values after the first."""
    found = [series[1:]]
    for order in range(1, min(MAX_ORDER, len(series) - 1) + 1):
        steps = np.diff(series, order)
        head = found[-1][: order - 1]
        found.append(np.concatenate((head, steps)))
    return found


def _cheapest(coded: npt.NDArray[np.int64]) -> tuple[int, int]:
    quotients = coded >> np.arange(MAX_K + 1)[:, None]
    lengths = np.where(
        quotients < ESCAPE, quotients + 1 + np.arange(MAX_K + 1)[:, None], ESCAPE + _RAW_BITS
    )
    costs = lengths.sum(axis=1)
    k = int(np.argmin(costs))
    return int(costs[k]), k


def _code(z: int, k: int) -> str:
    if z >> k >= ESCAPE:
        return "1" * ESCAPE + f"{z:032b}"
    return "1" * (z >> k) + "0" + (f"{z & (1 << k) - 1:0{k}b}" if k else "")


def _to_bytes(bits: str) -> bytes:
    size = (len(bits) + 7) // 8
    return int(bits.ljust(size * 8, "0"), 2).to_bytes(size, "big")


def unpack_pure(cursor: Cursor, count: int, order: int, k: int, where: str) -> Integers:
    """`count` values; raises PayloadError naming `where`."""
    before = [cursor.zigzag()]
    _check(before[0], where)
    bits, at = cursor.bits() if count > 1 else "", cursor.at * 8
    for index in range(1, count):
        z, at = _read_code(bits, at, k, where)
        value = (z >> 1 ^ -(z & 1)) + _expected(before, min(order, index))
        _check(value, where)
        before.append(value)
    if "1" in bits[at : (at + 7) // 8 * 8]:
        raise PayloadError(where, "bits after the last value; fill the byte with 0")
    cursor.at = (at + 7) // 8
    return np.array(before, np.int32)


def _read_code(bits: str, at: int, k: int, where: str) -> tuple[int, int]:
    zero = bits.find("0", at, at + ESCAPE)
    if zero < 0:
        start, width, high = at + ESCAPE, _RAW_BITS, 0
    else:
        start, width, high = zero + 1, k, zero - at
    end = start + width
    if end > len(bits):
        raise PayloadError(where, "ends within a value; send the payload whole")
    return high << k | int(bits[start:end] or "0", 2), end


def _expected(before: list[int], order: int) -> int:
    if order == 0:
        return 0
    if order == 1:
        return before[-1]
    if order == 2:
        return 2 * before[-1] - before[-2]
    return 3 * before[-1] - 3 * before[-2] + before[-3]


def _check(value: int, where: str) -> None:
    if not _INT32_MIN <= value <= _INT32_MAX:
        raise PayloadError(where, f"{value} does not fit int32; send what the sensor sent")


try:
    from vointi_codec import rice as _compiled
except ImportError:  # compiled only where there is a compiler or a wheel
    _compiled = None  # type: ignore[assignment]


def pack(values: Integers) -> tuple[int, int, bytes]:
    """(order, k, body) of at least one value."""
    if _compiled is None:
        return pack_pure(values)
    return _compiled.pack(values)


def unpack(cursor: Cursor, count: int, order: int, k: int, where: str) -> Integers:
    """`count` values; raises PayloadError naming `where`."""
    if _compiled is not None:
        found = _compiled.unpack(cursor.data, cursor.at, count, order, k)
        if found is not None:
            values, cursor.at = found
            return values
    return unpack_pure(cursor, count, order, k, where)
