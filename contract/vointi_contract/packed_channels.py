"""Channels of the packed format: Rice codes, and what they stand for (packed.py)."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from vointi_contract.checks import MAX_CHANNELS, MAX_VALUES
from vointi_contract.errors import PayloadError
from vointi_contract.frame import Channel, Integers
from vointi_contract.rice import MAX_K, Cursor, pack, unpack, varint

# Only ever added to, up to 31: what a number stands for is part of the format.
SCALES: Final = (
    1.0, 0.1, 0.01, 0.001, 0.005, 0.0025, 1000 / 1024, 0.5, 0.2, 0.05, 0.02, 0.002, 0.0001, 10.0,
    100.0, 1 / 1024, 1 / 256,
)  # fmt: skip
# A common strap's 14-bit converter: µV = trunc(code * 37400 / 16384). Of its whole microvolts only
# every second or third one occurs, which is more than a bit of each sample.
STEP: Final = (37_400, 14)


_MORE: Final = 128
_OFFSET, _SCALE, _CODES = 1, 2, 4
_SAME_SCALE: Final = 31
_SCALE_CODES: Final = {scale: i for i, scale in enumerate(SCALES)}
_DOUBLE: Final = struct.Struct("<d")
# Fewer values than this fit the converter's steps by chance, and save nothing.
_CODES_FROM: Final = 8


def pack_channels(channels: tuple[Channel, ...], regular: bool, where: str) -> bytes:
    """A frame's channels; raises PayloadError naming a value that cannot be sent."""
    parts = [bytes((len(channels),))]
    if regular:
        parts.append(varint(len(channels[0].values)))
    scale = 1.0
    for index, channel in enumerate(channels):
        parts.append(_channel(channel, scale, regular, f"{where}.channels[{index}]"))
        scale = channel.scale
    return b"".join(parts)


def _channel(channel: Channel, scale_before: float, regular: bool, where: str) -> bytes:
    values = _int32(channel.values, where)
    codes = _codes_of(values)
    order, k, body = pack(values if codes is None else codes)
    more = 0 if codes is None else _CODES
    tail = b""
    if channel.scale in _SCALE_CODES:
        more |= _SCALE_CODES[channel.scale] << 3
    elif channel.scale == scale_before:
        more |= _SAME_SCALE << 3
    else:
        more |= _SCALE
        tail = _DOUBLE.pack(channel.scale)
    if channel.offset:
        more |= _OFFSET
        tail += _DOUBLE.pack(channel.offset)
    form = bytes((order | k << 2 | _MORE, more)) if more else bytes((order | k << 2,))
    count = b"" if regular else varint(len(values))
    return varint(channel.metric) + form + tail + count + body


def _int32(values: Integers, where: str) -> Integers:
    if values.dtype.kind not in "iu":
        raise PayloadError(
            f"{where}.values", f"dtype {values.dtype}; give integers with scale and offset"
        )
    if values.dtype != np.int32:
        for index, value in enumerate(values.tolist()):
            if not -(2**31) <= value < 2**31:
                raise PayloadError(f"{where}.values[{index}]", f"{value} does not fit int32")
    return values.astype(np.int32, copy=False)


def _codes_of(values: Integers) -> Integers | None:
    """The converter's codes that give these values, if there are some for every one of them."""
    high, low = STEP
    if len(values) < _CODES_FROM or not all(map(_on_step, values[:_CODES_FROM].tolist())):
        return None
    size = np.abs(values.astype(np.int64))
    codes = ((size << low) + high - 1) // high
    if (codes * high >> low != size).any() or not codes.any():
        return None
    return np.where(values < 0, -codes, codes).astype(np.int32)


def _on_step(value: int) -> bool:
    """Whether the converter gives this value; numpy takes longer than to ask this of a few."""
    high, low = STEP
    size = abs(value)
    return ((size << low) + high - 1) // high * high >> low == size


def _values_of(codes: Integers, where: str) -> Integers:
    high, low = STEP
    size = np.abs(codes.astype(np.int64)) * high >> low
    if size.max() >= 2**31:
        raise PayloadError(f"{where}.values", "beyond int32 in the converter's steps; encode again")
    return np.where(codes < 0, -size, size).astype(np.int32)


def read_channels(cursor: Cursor, regular: bool, where: str) -> tuple[Channel, ...]:
    """A frame's channels, not yet checked for range; raises PayloadError."""
    count = cursor.byte()
    if count > MAX_CHANNELS:
        raise PayloadError(f"{where}.channels", f"{count} entries; send at most {MAX_CHANNELS}")
    length = _length(cursor, where) if regular else 0
    found: list[Channel] = []
    for index in range(count):
        scale = found[-1].scale if found else 1.0
        found.append(_read_channel(cursor, length, scale, f"{where}.channels[{index}]"))
    return tuple(found)


def _read_channel(cursor: Cursor, length: int, scale_before: float, where: str) -> Channel:
    metric, form = cursor.varint(), cursor.byte()
    more = cursor.byte() if form & _MORE else 0
    scale, offset = _scale(cursor, more, scale_before, where), 0.0
    if more & _OFFSET:
        (offset,) = _DOUBLE.unpack(cursor.take(_DOUBLE.size))
    order, k = form & 3, form >> 2 & 31
    if k > MAX_K:
        raise PayloadError(f"{where}.values", f"k is {k}; use at most {MAX_K}")
    values = unpack(cursor, length or _length(cursor, where), order, k, f"{where}.values")
    return Channel(metric, _values_of(values, where) if more & _CODES else values, scale, offset)


def _scale(cursor: Cursor, more: int, before: float, where: str) -> float:
    index = more >> 3
    if more & _SCALE:
        (scale,) = _DOUBLE.unpack(cursor.take(_DOUBLE.size))
        return float(scale)
    if index == _SAME_SCALE:
        return before
    if index >= len(SCALES):
        raise PayloadError(f"{where}.scale", f"number {index} is unknown here")
    return SCALES[index]


def _length(cursor: Cursor, where: str) -> int:
    count = cursor.varint()
    if not 0 < count <= MAX_VALUES:
        raise PayloadError(f"{where}.values", f"{count} values; give 1 to {MAX_VALUES}")
    return count
