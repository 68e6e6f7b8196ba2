"""Polar's published measurement protocol (PMD): commands, settings and answers.

Source: Polar BLE SDK, technical documentation "Polar Measurement Data Specification" and
"Online Measurement". Service FB005C80-02E7-F387-1CAD-8ACD2D8DF0C8.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum

from vointi_edge.decoders.values import Cursor
from vointi_edge.errors import DecodeError

_RESPONSE = 0xF0


class Measurement(IntEnum):
    """The measurements that the edge asks for."""

    ECG = 0
    PPG = 1
    ACC = 2
    PPI = 3


class Setting(IntEnum):
    """What a measurement can be asked for (and what it answers)."""

    SAMPLE_RATE = 0  # Hz
    RESOLUTION = 1  # bit
    RANGE = 2  # ± g
    RANGE_MILLIUNIT = 3
    CHANNELS = 4
    FACTOR = 5  # IEEE 754, only in the answer to START


_SETTING_BYTES = {0: 2, 1: 2, 2: 2, 3: 4, 4: 1, 5: 4}


class Command(IntEnum):
    """Control point requests."""

    GET_SETTINGS = 1
    START = 2
    STOP = 3


class Status(IntEnum):
    """Control point answers that the edge acts on."""

    SUCCESS = 0
    ALREADY_IN_STATE = 6
    INVALID_STATE = 12
    IN_CHARGER = 13


@dataclass(frozen=True, slots=True)
class Answer:
    """What the control point indicated; `status` 0 is success."""

    command: int
    measurement: int
    status: int
    parameters: bytes


def answer(data: bytes) -> Answer | None:
    """Read a control point indication; None when it is not an answer to a command."""
    if len(data) < 4 or data[0] != _RESPONSE:
        return None
    return Answer(data[1], data[2], data[3], bytes(data[5:]))


def settings(parameters: bytes) -> dict[int, tuple[int, ...]]:
    """Read the answer to GET_SETTINGS: setting → values on offer."""
    cursor = Cursor(parameters, "PMD settings")
    offers: dict[int, tuple[int, ...]] = {}
    while cursor.left >= 2:
        setting, count = cursor.unsigned(1), cursor.unsigned(1)
        width = _SETTING_BYTES.get(setting)
        if width is None:
            raise DecodeError("PMD settings", f"unknown setting {setting}")
        offers[setting] = tuple(cursor.unsigned(width) for _ in range(count))
    return offers


def get_settings(measurement: Measurement) -> bytes:
    """Build the request for what a measurement offers."""
    return bytes([Command.GET_SETTINGS, measurement])


def start(measurement: Measurement, chosen: dict[int, int]) -> bytes:
    """Build the request that starts a measurement with the chosen settings."""
    request = bytearray([Command.START, measurement])
    for setting, value in sorted(chosen.items()):
        request += bytes([setting, 1]) + value.to_bytes(_SETTING_BYTES[setting], "little")
    return bytes(request)


def stop(measurement: Measurement) -> bytes:
    """Build the request that stops a measurement."""
    return bytes([Command.STOP, measurement])


def factor(parameters: bytes) -> float:
    """Read what compressed samples are multiplied by, from the answer to START (1 if unsaid)."""
    raw = settings(parameters).get(Setting.FACTOR)
    if not raw:
        return 1.0
    (value,) = struct.unpack("<f", raw[0].to_bytes(4, "little"))
    if not (math.isfinite(value) and 0 < value < 1e6):
        raise DecodeError("PMD factor", f"{value} is no factor")
    return float(value)
