"""Batch and its uncompressed Protobuf form (frame.proto), without compression or format byte."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import sub
from typing import Final

import numpy as np
from google.protobuf.message import DecodeError

from vointi_contract import frame_pb2 as pb
from vointi_contract.checks import (
    MAX_CHANNELS,
    MAX_FRAMES,
    MAX_LOSSES,
    check_batch,
)
from vointi_contract.errors import PayloadError
from vointi_contract.frame import Batch, Channel, Frame, Integers, Loss
from vointi_contract.headers import HeaderReader, HeaderWriter

SCHEMA_VERSION: Final = 1
# A codec reads its own version and the one before it; there is none before 1.
READABLE: Final = frozenset({SCHEMA_VERSION})

_INT32_MIN: Final = -(2**31)
_INT32_MAX: Final = 2**31 - 1


def to_protobuf(batch: Batch) -> bytes:
    """The batch as Protobuf bytes; raises PayloadError naming what cannot be sent."""
    check_batch(batch)
    headers = HeaderWriter()
    message = pb.Batch(schema=SCHEMA_VERSION, losses=[_pack_loss(loss) for loss in batch.losses])
    for index, frame in enumerate(batch.frames):
        where = f"frames[{index}]"
        packed = headers.start(frame)
        packed.channels.extend(
            _pack_channel(channel, f"{where}.channels[{i}]")
            for i, channel in enumerate(frame.channels)
        )
        if frame.offsets_us is not None:
            _pack_offsets(frame.offsets_us, packed, f"{where}.offsets_us")
        message.frames.append(packed)
    return message.SerializeToString(deterministic=True)


def from_protobuf(data: bytes) -> Batch:
    """The batch in Protobuf bytes; raises PayloadError for anything that breaks the contract."""
    message = pb.Batch()
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise PayloadError("batch", "no Protobuf Batch; encode with frame.proto") from None
    check_schema(message.schema)
    _limit(len(message.frames), MAX_FRAMES, "frames")
    _limit(len(message.losses), MAX_LOSSES, "losses")
    headers = HeaderReader()
    batch = Batch(
        tuple(
            _unpack_frame(frame, headers, f"frames[{i}]") for i, frame in enumerate(message.frames)
        ),
        tuple(_unpack_loss(loss) for loss in message.losses),
    )
    check_batch(batch)
    return batch


def check_schema(schema: int) -> None:
    """Raise PayloadError unless this version of the code can read the schema version."""
    if schema not in READABLE:
        known = ", ".join(map(str, sorted(READABLE)))
        raise PayloadError("schema", f"version {schema} is unknown; this reader knows {known}")


def _pack_channel(channel: Channel, where: str) -> pb.Channel:
    if channel.values.dtype.kind not in "iu":
        raise PayloadError(
            f"{where}.values",
            f"dtype {channel.values.dtype}; give integers with scale and offset",
        )
    values = channel.values.tolist()
    try:
        return pb.Channel(
            metric=channel.metric,
            deltas=_deltas(values),
            scale=0.0 if channel.scale == 1.0 else channel.scale,
            offset=channel.offset,
        )
    except ValueError:
        raise _too_far(values, f"{where}.values") from None


def _pack_offsets(offsets_us: tuple[int, ...], message: pb.Frame, where: str) -> None:
    try:
        message.offsets_us.extend(_deltas(offsets_us))
    except ValueError:
        raise _too_far(offsets_us, where) from None


def _pack_loss(loss: Loss) -> pb.Loss:
    return pb.Loss(
        device=loss.device,
        boot=loss.boot,
        first_seq=loss.first_seq,
        last_seq=loss.last_seq,
        reason=loss.reason,
    )


def _deltas(values: Sequence[int]) -> list[int]:
    return [values[0], *map(sub, values[1:], values)]


def _too_far(values: Sequence[int], where: str) -> PayloadError:
    steps = enumerate(_deltas(values))
    index = next((i for i, step in steps if not _INT32_MIN <= step <= _INT32_MAX), 0)
    return PayloadError(
        f"{where}[{index}]", "the step to it exceeds int32; use a coarser scale or an offset"
    )


def _unpack_frame(message: pb.Frame, headers: HeaderReader, where: str) -> Frame:
    _limit(len(message.channels), MAX_CHANNELS, f"{where}.channels")
    channels = tuple(
        _unpack_channel(channel, f"{where}.channels[{i}]")
        for i, channel in enumerate(message.channels)
    )
    return headers.finish(message, channels, tuple(accumulate(message.offsets_us)) or None, where)


def _unpack_channel(message: pb.Channel, where: str) -> Channel:
    return Channel(
        message.metric,
        _int32(list(accumulate(message.deltas)), f"{where}.values"),
        message.scale or 1.0,
        message.offset,
    )


def _int32(values: list[int], where: str) -> Integers:
    try:
        return np.array(values, np.int32)
    except OverflowError:
        index = next(i for i, v in enumerate(values) if not _INT32_MIN <= v <= _INT32_MAX)
        raise PayloadError(
            f"{where}[{index}]", f"{values[index]} does not fit int32; send what the sensor sent"
        ) from None


def _unpack_loss(message: pb.Loss) -> Loss:
    return Loss(message.device, message.boot, message.first_seq, message.last_seq, message.reason)


def _limit(count: int, limit: int, where: str) -> None:
    if count > limit:
        raise PayloadError(where, f"{count} entries; send at most {limit}")
