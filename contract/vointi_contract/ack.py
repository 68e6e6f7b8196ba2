"""Commit watermarks: what the gateway holds durably, so that the edge may delete it.

An ack payload is one format byte 0x00 and a Protobuf Ack (frame.proto), uncompressed: a mark takes
some twenty bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from vointi_contract import frame_pb2 as pb
from vointi_contract.checks import MAX_SEQ, check_device, check_identity
from vointi_contract.errors import PayloadError
from vointi_contract.wire import SCHEMA_VERSION, check_schema

FORMAT_PLAIN: Final = 0x00
# What a gateway that says nothing of it reads.
_OLDEST: Final = 0x01
# An edge has tens of devices, and two boots of each at the worst moment.
MAX_MARKS: Final = 1_024
# More gaps than this are cut off, with the watermark (see `Watermark.shortened`).
MAX_GAPS: Final = 256


@dataclass(frozen=True, slots=True)
class Watermark:
    """Every seq from 1 to `upto` is durable at the gateway, except those within `gaps`.

    `gaps` are (first, last), both included, ascending, apart, within 1 … upto. `upto` 0 says that
    nothing is durable.
    """

    device: str
    boot: int
    upto: int
    gaps: tuple[tuple[int, int], ...] = ()

    def covers(self, seq: int) -> bool:
        """Whether the reading of this sequence number is durable."""
        inside = any(first <= seq <= last for first, last in self.gaps)
        return 1 <= seq <= self.upto and not inside

    def shortened(self) -> Watermark:
        """The same promise in at most MAX_GAPS gaps: the watermark ends before the next one."""
        if len(self.gaps) <= MAX_GAPS:
            return self
        return Watermark(self.device, self.boot, self.gaps[MAX_GAPS][0] - 1, self.gaps[:MAX_GAPS])


@dataclass(frozen=True, slots=True)
class Ack:
    """What one message of a gateway says; `reads` is the newest data format that it reads."""

    marks: tuple[Watermark, ...]
    reads: int


def encode_ack(marks: Sequence[Watermark], reads: int = 0) -> bytes:
    """The payload for some marks, each shortened where needed; raises PayloadError.

    `reads` is the newest format byte of data that the gateway reads; 0 leaves it out.
    """
    _check_count(len(marks))
    message = pb.Ack(schema=SCHEMA_VERSION, reads=reads)
    for index, mark in enumerate(marks):
        _check(mark, f"marks[{index}]")
        message.marks.append(_pack(mark.shortened()))
    return bytes((FORMAT_PLAIN,)) + message.SerializeToString(deterministic=True)


def decode_ack(payload: bytes) -> tuple[Watermark, ...]:
    """The marks of a payload; raises PayloadError for anything that is not one."""
    return read_ack(payload).marks


def read_ack(payload: bytes) -> Ack:
    """All that a payload says; raises PayloadError for anything that is not an ack."""
    if not payload or payload[0] != FORMAT_PLAIN:
        found = f"0x{payload[0]:02x}" if payload else "nothing"
        raise PayloadError("format", f"starts with {found}; an ack starts with 0x00")
    message = pb.Ack()
    try:
        message.ParseFromString(payload[1:])
    except DecodeError:
        raise PayloadError("ack", "no Protobuf Ack; encode with frame.proto") from None
    check_schema(message.schema)
    _check_count(len(message.marks))
    marks = tuple(_unpack(mark, f"marks[{index}]") for index, mark in enumerate(message.marks))
    for index, mark in enumerate(marks):
        _check(mark, f"marks[{index}]")
    return Ack(marks, message.reads or _OLDEST)


def _pack(mark: Watermark) -> pb.Watermark:
    return pb.Watermark(
        device=mark.device,
        boot=mark.boot,
        upto=mark.upto,
        gaps=[pb.Range(first=first, last=last) for first, last in mark.gaps],
    )


def _unpack(message: pb.Watermark, where: str) -> Watermark:
    if len(message.gaps) > MAX_GAPS:
        raise PayloadError(f"{where}.gaps", f"{len(message.gaps)} gaps; send at most {MAX_GAPS}")
    gaps = tuple((gap.first, gap.last) for gap in message.gaps)
    return Watermark(message.device, message.boot, message.upto, gaps)


def _check(mark: Watermark, where: str) -> None:
    check_device(mark.device, where)
    check_identity(mark.boot, 1, where, "seq")
    if not 0 <= mark.upto <= MAX_SEQ:
        raise PayloadError(f"{where}.upto", f"{mark.upto} is outside 0 to {MAX_SEQ}")
    after = 0
    for first, last in mark.gaps:
        if not after < first <= last <= mark.upto:
            raise PayloadError(
                f"{where}.gaps", f"({first}, {last}) is not ascending within 1 to {mark.upto}"
            )
        after = last


def _check_count(count: int) -> None:
    if count > MAX_MARKS:
        raise PayloadError("marks", f"{count} marks; send at most {MAX_MARKS} in one message")
