"""What travels on the data topics: one format byte, then a batch.

Format 0x02 is packed (packed.py). Format 0x01 is a compressed Protobuf batch, which every reader
knows: a sender uses it until its reader has said that it reads more (ack.py). It is a zstd frame
(RFC 8878) without magic number, checksum, content size and dictionary id, compressed at level 3
with dictionary v1; the format byte takes the place of what is left out, and a new dictionary gets
a new format byte.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from importlib import resources
from operator import attrgetter
from typing import Final

import zstandard

from vointi_contract.errors import PayloadError
from vointi_contract.frame import Batch
from vointi_contract.packed import FORMAT_PACKED, decode_packed, encode_packed, join_packed
from vointi_contract.wire import SCHEMA_VERSION, from_protobuf, to_protobuf

FORMAT_ZSTD_V1: Final = 0x01
_PACKED: Final = bytes((FORMAT_PACKED,))
LEVEL: Final = 3
# Brokers of every make take 64 KiB in one message.
MAX_PAYLOAD: Final = 64 * 1024
# Four times the largest payload is more than real frames expand to, and bounds what a bomb costs.
MAX_DECOMPRESSED: Final = 256 * 1024
# Nearly every batch fits here, in memory that the allocator keeps: 2 µs instead of 26 µs.
_USUAL_DECOMPRESSED: Final = 32 * 1024
_MAGICLESS: Final = zstandard.FORMAT_ZSTD1_MAGICLESS


def encode(batch: Batch) -> bytes:
    """The payload for a batch; raises PayloadError naming the field that cannot be sent."""
    return compress(to_protobuf(batch))


def decode(payload: bytes, device: str = "") -> Batch:
    """The batch of a payload on the topic of a device, which a packed one leaves to its topic.

    Raises PayloadError for anything that is not one.
    """
    if payload[:1] == _PACKED:
        _check_length(payload)
        return decode_packed(payload, device)
    return from_protobuf(decompress(payload))


def pack(batch: Batch, device: str) -> bytes:
    """The payload of frames in the newest format; raises PayloadError as `encode` does."""
    payload = encode_packed(batch, device)
    _check_length(payload)
    return payload


def join(payloads: Sequence[bytes], device: str, newest: int) -> bytes:
    """One payload of several on the topic of a device, for a reader of formats up to `newest`.

    A single one that the reader knows stays as it is, byte for byte. Raises PayloadError where
    one cannot be read, or the whole is too long to send.
    """
    known = all(payload[0] <= newest for payload in payloads)
    if known and len(payloads) == 1:
        return payloads[0]
    if known and all(payload[:1] == _PACKED for payload in payloads):
        joined = join_packed(payloads, device)
        _check_length(joined)
        return joined
    frames = [frame for payload in payloads for frame in decode(payload, device).frames]
    if newest >= FORMAT_PACKED:
        return pack(Batch(tuple(frames)), device)
    # Stream by stream: samples that resemble each other compress better side by side.
    return encode(Batch(tuple(sorted(frames, key=attrgetter("stream")))))


def compress(message: bytes) -> bytes:
    """Format byte and compressed message; raises PayloadError when it is too long to send."""
    if len(message) > MAX_DECOMPRESSED:
        raise PayloadError("batch", f"{len(message)} bytes; split it, at most {MAX_DECOMPRESSED}")
    payload = bytes((FORMAT_ZSTD_V1,)) + _tools().compressor.compress(message)
    _check_length(payload)
    return payload


def decompress(payload: bytes) -> bytes:
    """The Protobuf bytes of a payload, at most 256 KiB; raises PayloadError."""
    _check_length(payload)
    if not payload or payload[0] != FORMAT_ZSTD_V1:
        found = f"0x{payload[0]:02x}" if payload else "nothing"
        raise PayloadError("format", f"starts with {found}; this reader knows 0x01 and 0x02")
    frame = payload[1:]
    _check_layout(frame)
    try:
        return inflate(frame)
    except zstandard.ZstdError:
        raise _not_zstd() from None


def inflate(frame: bytes) -> bytes:
    """What `decompress` does of a frame whose layout was checked. Raises zstandard.ZstdError."""
    decompressor = _tools().decompressor
    try:
        return decompressor.decompress(frame, _USUAL_DECOMPRESSED)
    except zstandard.ZstdError:
        return decompressor.decompress(frame, MAX_DECOMPRESSED)


def _check_layout(frame: bytes) -> None:
    """Nothing is stated that would be believed (a size), and nothing follows the last block.

    The library allocates whatever size a frame states, and ignores what comes after it.
    Layout: RFC 8878, 3.1.1: descriptor, window, then blocks with 3-byte headers.
    """
    if frame[:1] != b"\x00":
        raise PayloadError(
            "compression", "leave content size, checksum and dictionary id out of the zstd frame"
        )
    at, last = 2, 0
    while not last and at < len(frame):
        header = int.from_bytes(frame[at : at + 3], "little")
        last = header & 1
        repeated = header >> 1 & 3 == 1
        at += 3 + (1 if repeated else header >> 3)
    if not last or at != len(frame):
        raise _not_zstd()


def _not_zstd() -> PayloadError:
    return PayloadError(
        "compression",
        "no whole zstd frame (magicless, dictionary v1) of"
        f" at most {MAX_DECOMPRESSED} bytes; encode again",
    )


def _check_length(payload: bytes) -> None:
    if len(payload) > MAX_PAYLOAD:
        raise PayloadError("payload", f"{len(payload)} bytes; split it, at most {MAX_PAYLOAD}")


@cache
def dictionary() -> bytes:
    """The bytes of dictionary v1, for readers in other languages and for the tools here."""
    return (resources.files("vointi_contract") / "dictionary" / "v1.zdict").read_bytes()


class _Tools(threading.local):
    """A compressor and a decompressor for each thread: neither may be shared."""

    def __init__(self) -> None:
        trained = zstandard.ZstdCompressionDict(dictionary())
        parameters = zstandard.ZstdCompressionParameters.from_level(
            LEVEL,
            format=_MAGICLESS,
            write_checksum=False,
            write_content_size=False,
            write_dict_id=False,
        )
        self.compressor = zstandard.ZstdCompressor(dict_data=trained, compression_params=parameters)
        self.decompressor = zstandard.ZstdDecompressor(dict_data=trained, format=_MAGICLESS)


@cache
def _tools() -> _Tools:
    return _Tools()


__all__ = [
    "FORMAT_PACKED",
    "FORMAT_ZSTD_V1",
    "SCHEMA_VERSION",
    "compress",
    "decode",
    "decompress",
    "dictionary",
    "encode",
    "join",
    "pack",
]
