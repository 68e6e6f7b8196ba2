"""A presence radar (Hi-Link LD2450) on a serial line: ten frames a second, up to three people."""

from __future__ import annotations

import math
import struct

HEAD, TAIL = b"\xaa\xff\x03\x00", b"\x55\xcc"
_TARGETS = 3
_GATE_MM = 320


def frame(people: int, at_s: float) -> bytes:
    """The frame of `people` who stroll about; the radar tells no more than three."""
    targets = b"".join(
        _target(number, at_s) if number < people else bytes(8) for number in range(_TARGETS)
    )
    return HEAD + targets + TAIL


def _target(number: int, at_s: float) -> bytes:
    """x, y in mm and speed in cm/s, each with its highest bit set for plus."""
    angle = 0.2 * at_s + number
    x = round(1500 * math.sin(angle))
    y = round(2500 + 800 * math.cos(0.7 * angle))
    return struct.pack(
        "<4H", _signed(x), _signed(y), _signed(round(20 * math.cos(angle))), _GATE_MM
    )


def _signed(value: int) -> int:
    return 0x8000 | value if value >= 0 else -value
