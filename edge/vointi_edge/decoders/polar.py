"""Polar's published measurement protocol (PMD): settings, commands and raw data frames.

Source: Polar BLE SDK, technical documentation "Polar Measurement Data Specification" and
"Online Measurement". Service FB005C80-02E7-F387-1CAD-8ACD2D8DF0C8.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from vointi_edge.decoders.values import Cursor
from vointi_edge.errors import DecodeError

_RESPONSE = 0xF0
_HEADER_BYTES = 10  # measurement 1, time of the last sample 8, frame type 1
_COMPRESSED = 0x80
_ECG_BYTES = 3  # frame type 0: signed 24-bit µV
_ACC_BYTES = {0: 1, 1: 2, 2: 3}  # frame type → bytes of one axis, in milli-g
_REFERENCE_BYTES = {0: 2, 1: 2}  # compressed frame type → bytes of one channel's first value


class Measurement(IntEnum):
    """The measurements that the edge asks for."""

    ECG = 0
    ACC = 2


class Setting(IntEnum):
    """What a measurement can be asked for (and what it answers)."""

    SAMPLE_RATE = 0  # Hz
    RESOLUTION = 1  # bit
    RANGE = 2  # ± g
    CHANNELS = 4


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


@dataclass(frozen=True, slots=True)
class PmdFrame:
    """One data notification: `samples` (n, channels) int32 and the LAST sample's time, ns."""

    measurement: int
    last_ts_ns: int
    samples: np.ndarray


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


def polar_ecg(data: bytes) -> PmdFrame:
    """Decode an ECG frame: one channel in µV."""
    kind, last_ts_ns, frame_type, body = _header(data)
    if kind != Measurement.ECG or frame_type != 0:
        raise DecodeError("PMD frame", f"type {kind}/{frame_type} is not ECG in 24-bit µV")
    return PmdFrame(kind, last_ts_ns, _integers(body, _ECG_BYTES, 1))


def polar_acc(data: bytes) -> PmdFrame:
    """Decode an acceleration frame: x, y, z in milli-g."""
    kind, last_ts_ns, frame_type, body = _header(data)
    if kind != Measurement.ACC:
        raise DecodeError("PMD frame", f"measurement {kind} is not acceleration")
    if frame_type & _COMPRESSED:
        reference = _REFERENCE_BYTES.get(frame_type & ~_COMPRESSED)
        if reference is None:
            raise DecodeError("PMD frame", f"compressed acceleration type {frame_type} is unknown")
        return PmdFrame(kind, last_ts_ns, deltas(body, reference, 3))
    width = _ACC_BYTES.get(frame_type)
    if width is None:
        raise DecodeError("PMD frame", f"acceleration type {frame_type} is unknown")
    return PmdFrame(kind, last_ts_ns, _integers(body, width, 3))


def deltas(body: bytes, reference_bytes: int, channels: int) -> np.ndarray:
    """Unpack a delta frame to (n, channels): reference values, then blocks of packed differences.

    A block is: bits of a difference (1 byte), number of samples (1 byte), then
    samples × channels differences, packed from the least significant bit on.
    """
    cursor = Cursor(body, "PMD delta frame")
    rows = [[cursor.signed(reference_bytes) for _ in range(channels)]]
    while cursor.left >= 2:
        bits, count = cursor.unsigned(1), cursor.unsigned(1)
        if bits > 32:
            raise DecodeError("PMD delta frame", f"{bits}-bit differences do not exist")
        packed = int.from_bytes(cursor.take((bits * count * channels + 7) // 8), "little")
        for _ in range(count):
            row = []
            for value in rows[-1]:
                row.append(value + _low_bits(packed, bits))
                packed >>= bits
            rows.append(row)
    values = np.array(rows, dtype=np.int64)
    if np.abs(values).max() > np.iinfo(np.int32).max:
        raise DecodeError("PMD delta frame", "its values leave 32 bits")
    return values.astype(np.int32)


def _header(data: bytes) -> tuple[int, int, int, bytes]:
    if len(data) <= _HEADER_BYTES:
        raise DecodeError("PMD frame", f"{len(data)} bytes hold no sample")
    return data[0], int.from_bytes(data[1:9], "little"), data[9], bytes(data[_HEADER_BYTES:])


def _integers(body: bytes, width: int, channels: int) -> np.ndarray:
    """Read packed little-endian two's-complement integers into (n, channels) int32."""
    if len(body) % (width * channels):
        raise DecodeError("PMD frame", f"{len(body)} bytes are no whole number of samples")
    raw = np.zeros((len(body) // width, 4), dtype=np.uint8)
    raw[:, 4 - width :] = np.frombuffer(body, dtype=np.uint8).reshape(-1, width)
    wide = raw.view("<i4")[:, 0] >> (8 * (4 - width))  # arithmetic shift extends the sign
    return wide.astype(np.int32).reshape(-1, channels)


def _low_bits(packed: int, bits: int) -> int:
    if bits == 0:
        return 0
    value = packed & ((1 << bits) - 1)
    return value - (1 << bits) if value >> (bits - 1) else value
