"""Movesense's GATT SensorData Protocol (GSP 1): commands, answers, ECG and IMU data.

Source: Movesense document GD-77 "GATT SensorData Protocol specification" 1.0 and the sensor API's
`meas` resources. Service 34802252-7185-4D5D-B431-630E7050E8F0. A notification is: response code,
the reference that the client chose, content. Content of a measurement: time of the FIRST sample
(uint32, ms since the sensor started), then one array a quantity.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from vointi_edge.decoders.waveform import RawFrame, bounded, packed_integers
from vointi_edge.errors import DecodeError

_WHAT = "GSP data"
_SUBSCRIBE, _UNSUBSCRIBE = 1, 2
_ANSWER, DATA, DATA_PART_2 = 1, 2, 3
_TIME_BYTES, _FLOAT_BYTES = 4, 4
_NS_PER_MS = 1_000_000
# Movesense's own figure: a gain of 20 and 17 bits to the volt.
_UV_PER_CODE = 1e6 / 20 / (1 << 17)
_MG_PER_M_S2 = 1000 / 9.80665
# Floats become integers far finer than the IMU's own steps (0.06 milli-g and 4 mdeg/s at best).
_ACC_STEP_MG, _GYRO_STEP = 0.01, 0.001
_ACC, _GYRO = ("acc_x", "acc_y", "acc_z"), ("gyro_x", "gyro_y", "gyro_z")


@dataclass(frozen=True, slots=True)
class GspAnswer:
    """The answer to a command; `status` is as in HTTP (200 to 299 is success)."""

    reference: int
    status: int


def subscribe(reference: int, path: str) -> bytes:
    """Build the request to be told of a resource such as /Meas/ECG/128."""
    return bytes([_SUBSCRIBE, reference]) + path.encode("ascii")


def unsubscribe(reference: int) -> bytes:
    """Build the request to be told no more."""
    return bytes([_UNSUBSCRIBE, reference])


def gsp_answer(data: bytes) -> GspAnswer | None:
    """Read a notification that answers a command; None when it is data."""
    if len(data) < 4 or data[0] != _ANSWER:
        return None
    return GspAnswer(data[1], int.from_bytes(data[2:4], "little"))


class Joiner:
    """Joins content that came in two notifications: DATA, then DATA_PART_2.

    `samples_bytes` is the size of one sample of all the resource's quantities: content that is no
    whole number of samples has a second part.
    """

    def __init__(self, samples_bytes: int) -> None:
        self._size = samples_bytes
        self._first: bytes | None = None

    def push(self, code: int, content: bytes) -> bytes | None:
        """Take a notification's content; return it when it is whole. Raises DecodeError."""
        first, self._first = self._first, None
        if code == DATA_PART_2:
            if first is None:
                raise DecodeError(_WHAT, "a second part came without its first")
            return first + content
        if (len(content) - _TIME_BYTES) % self._size:
            self._first = content
            if first is not None:
                raise DecodeError(_WHAT, "a second part was lost")
            return None
        if first is not None:
            raise DecodeError(_WHAT, "a second part was lost")
        return content


def movesense_ecg(content: bytes, rate_hz: float) -> RawFrame:
    """Decode /Meas/ECG/{rate}: int32 codes, to µV."""
    first_ms, body = _split(content)
    codes = packed_integers(body, 4, 1, _WHAT)
    return RawFrame(("ecg",), _last_ns(first_ms, len(codes), rate_hz), codes, (_UV_PER_CODE,))


def movesense_acc(content: bytes, rate_hz: float) -> RawFrame:
    """Decode /Meas/Acc/{rate}: float32 x, y, z in m/s², to milli-g."""
    return _imu(content, rate_hz, 1)


def movesense_imu6(content: bytes, rate_hz: float) -> RawFrame:
    """Decode /Meas/IMU6/{rate}: all accelerations, then all angular velocities [deg/s]."""
    return _imu(content, rate_hz, 2)


def movesense_imu9(content: bytes, rate_hz: float) -> RawFrame:
    """Decode /Meas/IMU9/{rate}: as IMU6; the magnetic field after them is not taken."""
    return _imu(content, rate_hz, 3)


def _imu(content: bytes, rate_hz: float, quantities: int) -> RawFrame:
    first_ms, body = _split(content)
    stride = quantities * 3 * _FLOAT_BYTES
    if not body or len(body) % stride:
        raise DecodeError(_WHAT, f"{len(body)} bytes are no whole number of samples")
    count = len(body) // stride
    raw = np.frombuffer(body, dtype="<f4").reshape(quantities, count, 3)
    if not np.isfinite(raw).all():  # before the cast: a signalling NaN warns in it
        raise DecodeError(_WHAT, "holds a value that no sensor measures")
    floats = raw.astype(np.float64)
    columns = [_steps(floats[0] * _MG_PER_M_S2, _ACC_STEP_MG)]
    metrics: tuple[str, ...] = _ACC
    scales: tuple[float, ...] = (_ACC_STEP_MG,) * 3
    if quantities > 1:
        columns.append(_steps(floats[1], _GYRO_STEP))
        metrics, scales = _ACC + _GYRO, scales + (_GYRO_STEP,) * 3
    return RawFrame(metrics, _last_ns(first_ms, count, rate_hz), np.hstack(columns), scales)


def _steps(values: np.ndarray, step: float) -> np.ndarray:
    return bounded(np.rint(values / step), _WHAT)


def _split(content: bytes) -> tuple[int, bytes]:
    if len(content) <= _TIME_BYTES:
        raise DecodeError(_WHAT, f"{len(content)} bytes hold no sample")
    (first_ms,) = struct.unpack_from("<I", content)
    return first_ms, content[_TIME_BYTES:]


def _last_ns(first_ms: int, count: int, rate_hz: float) -> int:
    return first_ms * _NS_PER_MS + round((count - 1) * 1e9 / rate_hz)
