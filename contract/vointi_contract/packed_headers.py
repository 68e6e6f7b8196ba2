"""Headers of the packed format: told against the frame before in the same payload (packed.py)."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Final

from vointi_contract.checks import MAX_VALUES
from vointi_contract.errors import PayloadError
from vointi_contract.frame import ClockState, Frame, Quality
from vointi_contract.rice import Cursor, varint, zigzag

# Wall times are told from here (2023-11-14T22:13:20Z), which saves a byte of a payload.
WALL_US: Final = 1_700_000_000_000_000
# Only ever added to, up to 63: what a number stands for is part of the format.
STREAMS: Final = (
    "ecg", "acc", "hr", "beats", "ppg", "ppi", "hrv", "steps", "imu", "gyro", "spo2", "spot",
    "battery", "air", "temperature", "humidity", "pressure", "light", "motion", "door", "people",
    "feedback", "weight", "composition", "cuff", "glucose", "site", "co2", "voc", "noise", "dust",
)  # fmt: skip

_RATE: Final = 128
_TABLE: Final = 64
_STREAM_CODES: Final = {name: _TABLE + i for i, name in enumerate(STREAMS)}
_BOOT: Final = struct.Struct("<Q")
_UHZ: Final = 1_000_000


class Has:
    """What a frame says beside what every frame says."""

    DEVICE: Final = 1
    BOOT: Final = 2
    CLOCK: Final = 4
    WALL: Final = 8
    NO_WALL: Final = 16
    DEVICE_TIME: Final = 32
    QUALITY: Final = 64
    OFFSETS: Final = 128


class _Before:
    """What the next header is told against."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.stream = ""
        self.boot = self.seq = self.mono_us = 0
        self.wall_offset_us = WALL_US
        self.clock = self.uncertainty_us = 0
        self.dev_ts_ns = self.dev_mono_us = 0
        self.rates: dict[str, int] = {}

    def expected_dev_ns(self, mono_us: int) -> int:
        """The device's time at a moment, if its clock and the edge's go alike."""
        return self.dev_ts_ns + (mono_us - self.dev_mono_us) * 1_000

    def rate(self, stream: str) -> int:
        """The last rate of a stream of the table, µHz."""
        return self.rates.get(stream, 0)

    def keep_rate(self, stream: str, rate_uhz: int) -> None:
        """Note a stream's rate."""
        if stream in _STREAM_CODES:
            self.rates[stream] = rate_uhz


class PackedHeaderWriter(_Before):
    """Packs the headers of one payload, in its order."""

    def header(self, frame: Frame) -> bytes:
        """The frame without its channels."""
        flags = 0
        parts: list[bytes] = []
        if frame.device != self.device:
            flags |= Has.DEVICE
            self.device = frame.device
            parts.append(_text(frame.device))
        if frame.boot != self.boot:
            flags |= Has.BOOT
            self.boot = frame.boot
            parts.append(_BOOT.pack(frame.boot))
        if (frame.clock, frame.uncertainty_us) != (self.clock, self.uncertainty_us):
            flags |= Has.CLOCK
            self.clock, self.uncertainty_us = int(frame.clock), frame.uncertainty_us
            parts += (bytes((frame.clock,)), varint(frame.uncertainty_us))
        parts += (zigzag(frame.seq - self.seq - 1), zigzag(frame.mono_us - self.mono_us))
        self.seq, self.mono_us = frame.seq, frame.mono_us
        flags |= self._times(frame, parts)
        stream = self._stream(frame, parts)
        if frame.quality:
            flags |= Has.QUALITY
            parts.append(varint(frame.quality))
        if frame.offsets_us is not None:
            flags |= Has.OFFSETS
            parts.append(_offsets(frame.offsets_us))
        return bytes((flags,)) + stream + b"".join(parts)

    def _times(self, frame: Frame, parts: list[bytes]) -> int:
        flags = 0
        if frame.wall_us is None:
            flags |= Has.NO_WALL
        elif (offset_us := frame.wall_us - frame.mono_us) != self.wall_offset_us:
            flags |= Has.WALL
            parts.append(zigzag(offset_us - self.wall_offset_us))
            self.wall_offset_us = offset_us
        if frame.dev_ts_ns is not None:
            flags |= Has.DEVICE_TIME
            parts.append(_signed64(frame.dev_ts_ns - self.expected_dev_ns(frame.mono_us)))
            self.dev_ts_ns, self.dev_mono_us = frame.dev_ts_ns, frame.mono_us
        return flags

    def _stream(self, frame: Frame, parts: list[bytes]) -> bytes:
        """The stream's byte and letters; the rate goes to `parts` where it is new."""
        letters = b""
        if frame.stream == self.stream:
            code = 0
        elif frame.stream in _STREAM_CODES:
            code = _STREAM_CODES[frame.stream]
        else:
            letters = frame.stream.encode("ascii")
            code = len(letters)
        self.stream = frame.stream
        rate_uhz = round(frame.rate_hz * _UHZ)
        if rate_uhz != self.rate(frame.stream):
            code |= _RATE
            parts.append(varint(rate_uhz))
            self.keep_rate(frame.stream, rate_uhz)
        return bytes((code,)) + letters


class PackedHeaderReader(_Before):
    """Reads the headers of one payload, in its order; ranges are not yet checked."""

    def header(self, cursor: Cursor, where: str) -> Frame:
        """The next frame without its channels; raises PayloadError."""
        flags = cursor.byte()
        rated = self._stream(cursor, where)
        if flags & Has.DEVICE:
            self.device = _letters(cursor, cursor.byte(), f"{where}.device")
        if flags & Has.BOOT:
            (self.boot,) = _BOOT.unpack(cursor.take(_BOOT.size))
        if flags & Has.CLOCK:
            self.clock, self.uncertainty_us = cursor.byte(), cursor.varint()
        self.seq += cursor.zigzag() + 1
        self.mono_us += cursor.zigzag()
        wall_us, dev_ts_ns = self._times(cursor, flags, where)
        if rated:
            self.keep_rate(self.stream, rate_uhz := cursor.varint())
        else:
            rate_uhz = self.rate(self.stream)
        quality = Quality(cursor.varint() if flags & Has.QUALITY else 0)
        offsets_us = _read_offsets(cursor, where) if flags & Has.OFFSETS else None
        return Frame(
            device=self.device,
            stream=self.stream,
            boot=self.boot,
            seq=self.seq,
            mono_us=self.mono_us,
            wall_us=wall_us,
            clock=_clock(self.clock, where),
            uncertainty_us=self.uncertainty_us,
            rate_hz=rate_uhz / _UHZ,
            dev_ts_ns=dev_ts_ns,
            channels=(),
            offsets_us=offsets_us,
            quality=quality,
        )

    def _stream(self, cursor: Cursor, where: str) -> int:
        """Take the stream's name; whether a rate follows."""
        code = cursor.byte()
        name = code & ~_RATE
        if name >= _TABLE:
            if name - _TABLE >= len(STREAMS):
                raise PayloadError(f"{where}.stream", f"number {name - _TABLE} is unknown here")
            self.stream = STREAMS[name - _TABLE]
        elif name:
            self.stream = _letters(cursor, name, f"{where}.stream")
        return code & _RATE

    def _times(self, cursor: Cursor, flags: int, where: str) -> tuple[int | None, int | None]:
        wall_us = dev_ts_ns = None
        if flags & Has.NO_WALL:
            if flags & Has.WALL:
                raise PayloadError(f"{where}.wall_us", "given and denied; set one flag")
        else:
            if flags & Has.WALL:
                self.wall_offset_us += cursor.zigzag()
            wall_us = self.mono_us + self.wall_offset_us
        if flags & Has.DEVICE_TIME:
            dev_ts_ns = _wrapped64(cursor.zigzag() + self.expected_dev_ns(self.mono_us))
            self.dev_ts_ns, self.dev_mono_us = dev_ts_ns, self.mono_us
        return wall_us, dev_ts_ns


def _text(name: str) -> bytes:
    return bytes((len(name),)) + name.encode("ascii")


def _letters(cursor: Cursor, count: int, where: str) -> str:
    try:
        return cursor.take(count).decode("ascii")
    except UnicodeDecodeError:
        raise PayloadError(where, "is no id; use a-z, 0-9, - and _") from None


def _clock(code: int, where: str) -> ClockState:
    try:
        return ClockState(code)
    except ValueError:
        raise PayloadError(f"{where}.clock", f"{code} is no clock state; use 0 to 3") from None


def _signed64(value: int) -> bytes:
    """A difference of two times of a device; it may leave 64 bits, and comes back by wrapping."""
    return zigzag(_wrapped64(value))


def _wrapped64(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


def _offsets(offsets_us: tuple[int, ...]) -> bytes:
    steps = (late - early for early, late in pairwise(offsets_us))
    return varint(len(offsets_us)) + b"".join(map(varint, (offsets_us[0], *steps)))


def _read_offsets(cursor: Cursor, where: str) -> tuple[int, ...]:
    count = cursor.varint()
    if not 0 < count <= MAX_VALUES:
        raise PayloadError(f"{where}.offsets_us", f"{count} offsets; give 1 to {MAX_VALUES}")
    found, last = [], 0
    for _ in range(count):
        last += cursor.varint()
        found.append(last)
    return tuple(found)
