"""What a device's firmware does to its own messages when it misbehaves."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from vointi_sim.wearables.wire import FLOAT_NAN, SFLOAT_NAN

# Where the IEEE 11073 numbers of a measurement stand: (offset, bytes).
_NUMBERS = {
    "2a5f": ((1, 2), (3, 2)),  # PLX continuous: SpO2, pulse rate
    "2a1c": ((1, 4),),  # temperature
    "2a35": ((1, 2), (3, 2), (5, 2)),  # blood pressure: systolic, diastolic, mean
    "2a9d": ((1, 2),),  # weight: 0xFFFF is "measurement unsuccessful"
}
_NAN = {2: struct.pack("<H", SFLOAT_NAN), 4: struct.pack("<I", FLOAT_NAN)}
_LONGEST = 244


class Mischief:
    """Lets messages pass, or not as they are; the same seed, the same mischief.

    * `frozen`: nothing is sent any more, as if sampling had stopped
    * `duplicate`, `reorder`: with this probability a message goes twice, or after the next one
    * `lie`: one of `LIES`, with probability `lying`
    """

    def __init__(self, name: str) -> None:
        self.frozen = False
        self.duplicate = 0.0
        self.reorder = 0.0
        self.lie: str | None = None
        self.lying = 0.0
        self._name = name
        self._random = random.Random(name)  # noqa: S311 - faults, not secrets
        self._held: dict[str, bytes] = {}

    def seed(self, seed: int) -> None:
        """Begin the sequence of a scenario's seed."""
        self._random = random.Random(f"{self._name}/{seed}")  # noqa: S311

    def clear(self) -> None:
        """Behave well from now on."""
        self.frozen = False
        self.duplicate = self.reorder = self.lying = 0.0
        self.lie = None
        self._held.clear()

    def pass_on(self, kind: str, value: bytes) -> list[bytes]:
        """Return what is sent instead of `value`, a message of characteristic `kind`."""
        if self.frozen:
            return []
        if self.lie is not None and self._happens(self.lying):
            value = LIES[self.lie](kind, value, self._random)
        held = self._held.pop(kind, None)
        if held is not None:
            return [value, held]
        if self._happens(self.reorder):
            self._held[kind] = value
            return []
        return [value, value] if self._happens(self.duplicate) else [value]

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability


def _cut(_kind: str, value: bytes, chance: random.Random) -> bytes:
    return value[: chance.randrange(len(value))] if value else value


def _padded(_kind: str, value: bytes, chance: random.Random) -> bytes:
    return (value + chance.randbytes(chance.randint(1, 7)))[:_LONGEST]


def _nan(kind: str, value: bytes, _chance: random.Random) -> bytes:
    changed = bytearray(value)
    for offset, width in _NUMBERS.get(kind, ()):
        changed[offset : offset + width] = b"\xff\xff" if kind == "2a9d" else _NAN[width]
    return bytes(changed)


def _reserved(_kind: str, value: bytes, _chance: random.Random) -> bytes:
    return b"\xff" + value[1:]


def _random_bytes(_kind: str, value: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(max(1, len(value)))


def _future(kind: str, value: bytes, _chance: random.Random) -> bytes:
    """Give a measurement frame a time at the end of its 64 bits."""
    stamped = kind.startswith("fb005c82") and len(value) > 9
    return value[:1] + b"\xff" * 8 + value[9:] if stamped else value


Lie = Callable[[str, bytes, random.Random], bytes]
LIES: dict[str, Lie] = {
    "short": _cut,
    "long": _padded,
    "nan": _nan,
    "reserved": _reserved,
    "random": _random_bytes,
    "future": _future,
}
