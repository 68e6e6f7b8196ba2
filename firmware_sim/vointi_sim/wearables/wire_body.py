"""More values of people's devices as bytes; little-endian, pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_KILOGRAM = 0.005


def body_composition(
    *,
    fat_pct: float,
    muscle_kg: float,
    water_kg: float,
    impedance_ohm: float,
    weight_kg: float,
) -> bytes:
    """Body Composition Measurement (0x2A9C) in kilograms: fat, muscle, water, impedance, weight."""
    flags = 1 << 5 | 1 << 8 | 1 << 9 | 1 << 10
    return struct.pack(
        "<HHHHHH",
        flags,
        round(fat_pct * 10),
        round(muscle_kg / _KILOGRAM),
        round(water_kg / _KILOGRAM),
        round(impedance_ohm * 10),
        round(weight_kg / _KILOGRAM),
    )


def pmd_ppg(last_ns: int, lights: NDArray[np.int32]) -> bytes:
    """Polar measurement frame: type 1 (PPG), compressed type 0; `lights` is (n, 4), 24-bit.

    The first sample stands whole, the others as differences of as many bits as the largest needs.
    """
    head = struct.pack("<BQB", 1, last_ns, 0x80)
    first = b"".join(int(value).to_bytes(3, "little", signed=True) for value in lights[0])
    steps = np.diff(lights.astype(np.int64), axis=0).reshape(-1)
    if not steps.size:
        return head + first
    bits = int(np.abs(steps).max()).bit_length() + 1
    packed = 0
    for at, step in enumerate(steps):
        packed |= (int(step) & ((1 << bits) - 1)) << (at * bits)
    size = (bits * len(steps) + 7) // 8
    return head + first + bytes([bits, len(lights) - 1]) + packed.to_bytes(size, "little")


def pmd_ppi(intervals_ms: Sequence[int], rate_per_min: int, *, worn: bool) -> bytes:
    """Polar measurement frame: type 3 (pulse intervals) without a time, as older firmware sends."""
    flags = 0x04 | (0x02 if worn else 0x01)
    rows = (struct.pack("<BHHB", rate_per_min, ms, 5, flags) for ms in intervals_ms)
    return struct.pack("<BQB", 3, 0, 0) + b"".join(rows)
