"""What must hold for a batch, asked alike before encoding and after decoding.

`where` is the path of the part under test (`frames[3].channels[0]`); it leads every message.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

from vointi_contract.errors import PayloadError, shown
from vointi_contract.frame import Batch, Channel, Frame, Loss
from vointi_contract.topics import is_id

# A frame takes 40 bytes at least, so no batch within the codec's 256 KiB needs more of anything.
MAX_FRAMES: Final = 4_096
MAX_LOSSES: Final = 4_096
MAX_CHANNELS: Final = 32
# Eight minutes of ECG at 130 Hz; a longer frame would be visible only when it is over.
MAX_VALUES: Final = 65_536
# JSON readers and SQL stores keep integers exact up to here; in microseconds, the year 2255.
MAX_US: Final = 2**53 - 1
# SQL stores have signed 64-bit integers.
MAX_SEQ: Final = 2**63 - 1
MAX_BOOT: Final = 2**64 - 1
# 146 years to either side of the device's epoch, so that every difference fits 64 bits.
MAX_DEV_NS: Final = 2**62 - 1
# Far above any wearable, and every period is still at least a microsecond.
MAX_RATE_HZ: Final = 1e6
MAX_REASON: Final = 64
_MAX_U32: Final = 2**32 - 1


def check_batch(batch: Batch) -> None:
    """Raise PayloadError at the first thing that is wrong in the batch."""
    _count(len(batch.frames), MAX_FRAMES, "frames")
    _count(len(batch.losses), MAX_LOSSES, "losses")
    if not batch.frames and not batch.losses:
        raise PayloadError("frames", "the batch is empty; send at least one frame or loss")
    for index, frame in enumerate(batch.frames):
        check_frame(frame, f"frames[{index}]")
    for index, loss in enumerate(batch.losses):
        check_loss(loss, f"losses[{index}]")


def check_frame(frame: Frame, where: str) -> None:
    """Raise PayloadError at the first thing that is wrong in one frame."""
    _id(frame.device, where, "device")
    _id(frame.stream, where, "stream")
    check_identity(frame.boot, frame.seq, where, "seq")
    _check_times(frame, where)
    _range(frame.quality, 0, _MAX_U32, where, "quality")
    if not frame.channels:
        raise PayloadError(f"{where}.channels", "empty; a reading has at least one channel")
    _count(len(frame.channels), MAX_CHANNELS, f"{where}.channels")
    for index, channel in enumerate(frame.channels):
        _check_channel(channel, f"{where}.channels[{index}]")
    if len(frame.channels) > 1:
        _check_distinct(frame, where)
    _check_layout(frame, where)


def check_loss(loss: Loss, where: str) -> None:
    """Raise PayloadError at the first thing that is wrong in a loss."""
    _id(loss.device, where, "device")
    check_identity(loss.boot, loss.first_seq, where, "first_seq")
    _range(loss.last_seq, loss.first_seq, MAX_SEQ, where, "last_seq")
    if not 0 < len(loss.reason) <= MAX_REASON or not loss.reason.isprintable():
        raise PayloadError(
            f"{where}.reason", f"{shown(loss.reason)}; give 1 to {MAX_REASON} printable letters"
        )


def check_identity(boot: int, seq: int, where: str, name: str) -> None:
    """Raise PayloadError unless boot and sequence number can identify a reading."""
    _range(boot, 1, MAX_BOOT, where, "boot")
    _range(seq, 1, MAX_SEQ, where, name)


def check_device(device: str, where: str) -> None:
    """Raise PayloadError unless the device is an id."""
    _id(device, where, "device")


def _check_times(frame: Frame, where: str) -> None:
    _range(frame.mono_us, 0, MAX_US, where, "mono_us")
    if frame.wall_us is not None:
        _range(frame.wall_us, 0, MAX_US, where, "wall_us")
    _range(frame.uncertainty_us, 0, MAX_US, where, "uncertainty_us")
    if frame.dev_ts_ns is not None:
        _range(frame.dev_ts_ns, -MAX_DEV_NS, MAX_DEV_NS, where, "dev_ts_ns")
    if not 0 <= frame.rate_hz <= MAX_RATE_HZ:
        raise PayloadError(
            f"{where}.rate_hz", f"{frame.rate_hz!r}; use 0 (not regular) to {MAX_RATE_HZ:g} Hz"
        )
    if 0 < frame.rate_hz < 1e-6:
        raise PayloadError(f"{where}.rate_hz", "below one microhertz; use 0 and offsets_us")


def _check_channel(channel: Channel, where: str) -> None:
    _range(channel.metric, 1, _MAX_U32, where, "metric")
    shape = channel.values.shape
    if len(shape) != 1 or not 0 < shape[0] <= MAX_VALUES:
        raise PayloadError(
            f"{where}.values", f"shape {shape}; give one dimension of 1 to {MAX_VALUES} values"
        )
    if channel.scale == 0 or not math.isfinite(channel.scale):
        raise PayloadError(f"{where}.scale", f"{channel.scale!r}; use a finite number, not 0")
    if not math.isfinite(channel.offset):
        raise PayloadError(f"{where}.offset", f"{channel.offset!r}; use a finite number")


def _check_distinct(frame: Frame, where: str) -> None:
    seen: set[int] = set()
    for channel in frame.channels:
        if channel.metric in seen:
            raise PayloadError(
                f"{where}.channels", f"metric {channel.metric} stands twice; use one channel"
            )
        seen.add(channel.metric)


def _check_layout(frame: Frame, where: str) -> None:
    if frame.offsets_us is not None:
        _check_offsets(frame, frame.offsets_us, where)
    elif frame.rate_hz > 0:
        count = len(frame.channels[0].values)
        for index, channel in enumerate(frame.channels):
            if len(channel.values) != count:
                raise PayloadError(
                    f"{where}.channels[{index}].values",
                    f"{len(channel.values)} values beside {count}; regular channels are equally"
                    " long (else rate_hz is 0)",
                )


def _check_offsets(frame: Frame, offsets: tuple[int, ...], where: str) -> None:
    field = f"{where}.offsets_us"
    if frame.rate_hz > 0:
        raise PayloadError(field, "given beside rate_hz; a stream is regular or has offsets")
    if not 0 < len(offsets) <= MAX_VALUES:
        raise PayloadError(field, f"{len(offsets)} offsets; give 1 to {MAX_VALUES}, or None")
    if offsets[0] != 0:
        raise PayloadError(field, f"starts at {offsets[0]}; the first sample is at 0")
    if any(later < earlier for earlier, later in pairwise(offsets)):
        raise PayloadError(field, "falls; order the samples by time")
    _range(offsets[-1], 0, MAX_US, where, "offsets_us")
    for index, channel in enumerate(frame.channels):
        if len(channel.values) > len(offsets):
            raise PayloadError(
                f"{where}.channels[{index}].values",
                f"{len(channel.values)} values but {len(offsets)} offsets; give one for each",
            )


def _id(name: str, where: str, field: str) -> None:
    if not is_id(name):
        raise PayloadError(
            f"{where}.{field}",
            f"{shown(name)} is no id; use 1 to 63 of a-z, 0-9, - and _,"
            " starting with a letter or digit",
        )


def _range(value: int, low: int, high: int, where: str, field: str) -> None:
    if not low <= value <= high:
        raise PayloadError(f"{where}.{field}", f"{value} is outside {low} to {high}")


def _count(count: int, limit: int, field: str) -> None:
    if count > limit:
        raise PayloadError(field, f"{count} entries; send at most {limit}")
