"""Batch and its uncompressed Protobuf form (frame.proto), without compression or format byte."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from vointi_contract import frame_pb2 as pb
from vointi_contract.checks import (
    MAX_CHANNELS,
    MAX_FRAMES,
    MAX_LOSSES,
    MAX_VALUES,
    check_batch,
)
from vointi_contract.errors import PayloadError
from vointi_contract.frame import Batch, Channel, Frame, Loss
from vointi_contract.headers import HeaderReader, HeaderWriter

SCHEMA_VERSION: Final = 1
# A codec reads its own version and the one before it; there is none before 1.
READABLE: Final = frozenset({SCHEMA_VERSION})

_INT32 = np.iinfo(np.int32)


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
            offsets = np.array(frame.offsets_us, np.int64)
            packed.offsets_us.extend(_deltas(offsets, f"{where}.offsets_us"))
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
    return pb.Channel(
        metric=channel.metric,
        deltas=_deltas(channel.values, f"{where}.values"),
        scale=0.0 if channel.scale == 1.0 else channel.scale,
        offset=channel.offset,
    )


def _pack_loss(loss: Loss) -> pb.Loss:
    return pb.Loss(
        device=loss.device,
        boot=loss.boot,
        first_seq=loss.first_seq,
        last_seq=loss.last_seq,
        reason=loss.reason,
    )


def _deltas(values: npt.NDArray[np.integer], where: str) -> list[int]:
    if values.dtype.kind not in "iu":
        raise PayloadError(where, f"dtype {values.dtype}; give integers with scale and offset")
    deltas = np.array(values, np.int64)
    deltas[1:] -= values[:-1]
    if deltas.min() < _INT32.min or deltas.max() > _INT32.max:
        index = int(np.argmax((deltas < _INT32.min) | (deltas > _INT32.max)))
        raise PayloadError(
            f"{where}[{index}]", "the step to it exceeds int32; use a coarser scale or an offset"
        )
    result: list[int] = deltas.tolist()
    return result


def _unpack_frame(message: pb.Frame, headers: HeaderReader, where: str) -> Frame:
    _limit(len(message.channels), MAX_CHANNELS, f"{where}.channels")
    channels = tuple(
        _unpack_channel(channel, f"{where}.channels[{i}]")
        for i, channel in enumerate(message.channels)
    )
    offsets = _running_sum(message.offsets_us, f"{where}.offsets_us").tolist()
    return headers.finish(message, channels, tuple(offsets) or None, where)


def _unpack_channel(message: pb.Channel, where: str) -> Channel:
    values = _running_sum(message.deltas, f"{where}.values")
    narrow = values.astype(np.int32)
    if not np.array_equal(narrow, values):
        index = int(np.argmax(narrow != values))
        raise PayloadError(f"{where}.values[{index}]", f"{values[index]} does not fit int32")
    return Channel(message.metric, narrow, message.scale or 1.0, message.offset)


def _unpack_loss(message: pb.Loss) -> Loss:
    return Loss(message.device, message.boot, message.first_seq, message.last_seq, message.reason)


def _running_sum(deltas: object, where: str) -> npt.NDArray[np.int64]:
    steps = np.array(deltas, np.int64)
    _limit(len(steps), MAX_VALUES, where)
    return np.cumsum(steps)


def _limit(count: int, limit: int, where: str) -> None:
    if count > limit:
        raise PayloadError(where, f"{count} entries; send at most {limit}")
