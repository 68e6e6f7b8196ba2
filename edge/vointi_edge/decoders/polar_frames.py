"""Polar's raw data frames: ECG, acceleration, PPG and pulse-to-pulse intervals.

Source: Polar BLE SDK, "Polar Measurement Data Specification" and its parsers' test vectors. A
frame is: measurement 1 byte, time of the last sample 8 bytes (ns), frame type 1 byte (bit 7: delta
compressed), samples.
"""

from __future__ import annotations

import numpy as np
from vointi_contract.frame import Channel, Quality

from vointi_edge.decoders.polar import Measurement
from vointi_edge.decoders.values import Cursor, Decoded, channel
from vointi_edge.decoders.waveform import RawFrame, bounded, packed_integers
from vointi_edge.errors import DecodeError

_WHAT = "PMD frame"
_HEADER_BYTES = 10
_LAST_NS = (1 << 62) - 1  # 146 years from the device's epoch; the contract carries no more
_COMPRESSED = 0x80
_ECG_BYTES = 3  # frame type 0: signed 24-bit µV
_ACC = ("acc_x", "acc_y", "acc_z")
_ACC_BYTES = {0: 1, 1: 2, 2: 3}  # frame type → bytes of one axis, in milli-g
_ACC_DELTA_BYTES = 2
_MILLI = 1000.0  # compressed type 0 is in g
_PPG_BYTES = 3
_PPG_LIGHTS = ("ppg_green", "ppg_green_2", "ppg_green_3", "ppg_ambient")
# Compressed frame type → channels of a sample; in types 7, 8 and 10 the last one is a status.
_PPG_CHANNELS = {0: 4, 7: 17, 8: 25, 10: 21}
_PPG_SETTINGS = {4, 5, 6, 9}  # integration times and gains, operation mode, sport
# Type 10: green 0 to 7, red 8 to 13, infrared 14 to 19, status; the first of each colour is kept.
_PPG_10 = {"ppg_green": 0, "ppg_green_2": 1, "ppg_green_3": 2, "ppg_red": 8, "ppg_infrared": 14}
_PPI_BYTES = 6
_BLOCKED, _CONTACT, _CONTACT_KNOWN = 0x01, 0x02, 0x04


def polar_ecg(data: bytes, factor: float = 1.0) -> RawFrame:
    """Decode an ECG frame: one channel in µV.

    Types 1 to 3 hold converter codes whose unit is not published, so they are refused.
    """
    del factor  # ECG is never compressed
    kind, last_ts_ns, frame_type, body = _header(data, Measurement.ECG)
    if frame_type != 0:
        raise DecodeError(_WHAT, f"type {kind}/{frame_type} is not ECG in 24-bit µV")
    return RawFrame(("ecg",), last_ts_ns, packed_integers(body, _ECG_BYTES, 1, _WHAT), (1.0,))


def polar_acc(data: bytes, factor: float = 1.0) -> RawFrame:
    """Decode an acceleration frame: x, y, z in milli-g."""
    _, last_ts_ns, frame_type, body = _header(data, Measurement.ACC)
    kind = frame_type & ~_COMPRESSED
    if frame_type & _COMPRESSED:
        if kind not in (0, 1):
            raise DecodeError(_WHAT, f"compressed acceleration type {kind} is unknown")
        scale = factor * _MILLI if kind == 0 else factor
        return RawFrame(_ACC, last_ts_ns, deltas(body, _ACC_DELTA_BYTES, 3), (scale,) * 3)
    width = _ACC_BYTES.get(kind)
    if width is None:
        raise DecodeError(_WHAT, f"acceleration type {kind} is unknown")
    return RawFrame(_ACC, last_ts_ns, packed_integers(body, width, 3, _WHAT), (1.0,) * 3)


def polar_ppg(data: bytes, factor: float = 1.0) -> RawFrame:
    """Decode a PPG frame: the lights that the sensor has, without a unit.

    Types 4, 5, 6 and 9 tell the sensor's settings and give no samples. Types 7 and 8 are refused:
    which light each of their 16 or 24 channels is has not been published.
    """
    _, last_ts_ns, frame_type, _ = _header(data, Measurement.PPG)
    kind = frame_type & ~_COMPRESSED
    if kind in (7, 8):
        raise DecodeError(_WHAT, f"PPG type {kind} does not say which light is which")
    samples = ppg_samples(data)
    columns = _PPG_10 if kind == 10 else {name: at for at, name in enumerate(_PPG_LIGHTS)}
    picked = samples[:, list(columns.values())] if len(samples) else samples
    scale = factor if frame_type & _COMPRESSED else 1.0
    return RawFrame(tuple(columns), last_ts_ns, picked, (scale,) * len(columns))


def ppg_samples(data: bytes) -> np.ndarray:
    """Decode a PPG frame of any type to all its channels, (n, channels) int32, as they were sent.

    n is 0 for a frame that tells settings. The status of types 7, 8 and 10 is the last channel.
    """
    _, _, frame_type, body = _header(data, Measurement.PPG)
    kind = frame_type & ~_COMPRESSED
    if frame_type & _COMPRESSED:
        channels = _PPG_CHANNELS.get(kind)
        if channels is None:
            raise DecodeError(_WHAT, f"compressed PPG type {kind} is unknown")
        return deltas(body, _PPG_BYTES, channels)
    if kind in _PPG_SETTINGS:
        return np.zeros((0, len(_PPG_LIGHTS)), dtype=np.int32)
    if kind != 0:
        raise DecodeError(_WHAT, f"PPG type {kind} is unknown")
    return packed_integers(body, _PPG_BYTES, len(_PPG_LIGHTS), _WHAT)


def polar_ppi(data: bytes) -> Decoded:
    """Decode pulse intervals: pp_interval and pp_error [ms] (oldest first), heart_rate, hr_contact.

    The last pulse is the newest one. Intervals that the sensor itself gave up on (it moved) stay
    and are marked NOISY; those of 0 ms are no intervals.
    """
    _, _, frame_type, body = _header(data, Measurement.PPI)
    if frame_type != 0:
        raise DecodeError(_WHAT, f"pulse interval type {frame_type} is unknown")
    if len(body) % _PPI_BYTES:
        raise DecodeError(_WHAT, f"{len(body)} bytes are no whole number of intervals")
    cursor = Cursor(body, _WHAT)
    rows = [
        (cursor.unsigned(1), cursor.unsigned(2), cursor.unsigned(2), cursor.flags(1, 0x07))
        for _ in range(len(body) // _PPI_BYTES)
    ]
    valid = [row for row in rows if row[1]]
    rate, _, _, flags = rows[-1]
    channels = [channel("heart_rate", [rate])] if rate else []
    if valid:
        channels.append(channel("pp_interval", [row[1] for row in valid]))
        channels.append(channel("pp_error", [row[2] for row in valid]))
    quality = cursor.end()
    if len(valid) < len(rows) or any(row[3] & _BLOCKED for row in rows):
        quality |= Quality.NOISY
    return _with_contact(channels, quality, flags, _offsets_us([row[1] for row in valid]))


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
    return bounded(np.array(rows, dtype=np.int64), "PMD delta frame")


def _with_contact(
    channels: list[Channel], quality: Quality, flags: int, offsets_us: tuple[int, ...] | None
) -> Decoded:
    if flags & _CONTACT_KNOWN:
        worn = bool(flags & _CONTACT)
        channels.append(channel("hr_contact", [int(worn)]))
        quality |= Quality.OK if worn else Quality.NOT_WORN
    return Decoded(tuple(channels), quality, offsets_us=offsets_us)


def _offsets_us(intervals_ms: list[int]) -> tuple[int, ...] | None:
    """Return when each pulse came after the first one; None where there is none."""
    if not intervals_ms:
        return None
    ends = np.cumsum(np.array(intervals_ms, dtype=np.int64)) * 1000
    return tuple(int(end - ends[0]) for end in ends)


def _header(data: bytes, wanted: Measurement) -> tuple[int, int, int, bytes]:
    if len(data) <= _HEADER_BYTES:
        raise DecodeError(_WHAT, f"{len(data)} bytes hold no sample")
    if data[0] != wanted:
        raise DecodeError(_WHAT, f"measurement {data[0]} is not {wanted.name}")
    last_ts_ns = int.from_bytes(data[1:9], "little")
    if last_ts_ns > _LAST_NS:
        raise DecodeError(_WHAT, f"time {last_ts_ns} ns is no time")
    return data[0], last_ts_ns, data[9], bytes(data[_HEADER_BYTES:])


def _low_bits(packed: int, bits: int) -> int:
    if bits == 0:
        return 0
    value = packed & ((1 << bits) - 1)
    return value - (1 << bits) if value >> (bits - 1) else value
