"""The packed payload, format 0x02: frames bit by bit, for a line where every byte counts.

One byte 0x02, then frames until the payload ends; losses travel in format 0x01. Numbers are varints
(seven bits a byte, the lowest first; "signed" ones zigzag), doubles and `boot` eight bytes, the
lowest first. As in frame.proto, headers are told against the frame before in the same payload;
before the first, the device is that of the topic, the wall offset is WALL_US, and everything else
0 or empty. With its topic a payload stands for itself. A frame is:

    flags      1 byte, packed_headers.Has
    stream     1 byte: +128 a rate follows; 0 as before; 1 … 63 so many letters follow;
               64 + i: STREAMS[i]
    device     length and letters                                     if Has.DEVICE
    boot       8 bytes                                                if Has.BOOT
    clock      1 byte, and uncertainty_us                             if Has.CLOCK
    seq        signed, minus the one before, minus 1
    mono_us    signed, minus the one before
    wall       signed: wall_us - mono_us, minus the same of the last frame that had it, if Has.WALL;
               without it the same as there; no wall time if Has.NO_WALL
    dev_ts_ns  signed, minus what the last one and the time since let expect     if Has.DEVICE_TIME
    rate       µHz; left out: that of the last frame of this stream, 0 for the first and for a
               stream that is not in STREAMS
    quality                                                           if Has.QUALITY
    offsets    their number, then each minus the one before           if Has.OFFSETS
    channels   1 byte: how many; then the number of values of each, if there is a rate, and each

A channel is its metric, 1 byte `order | k << 2 | 128 if a byte "more" follows`, then scale and
offset (doubles) as `more` says, the number of its values if there is no rate, and the values as
Rice codes (rice.py). `more` is: 1 an offset follows, 2 a scale follows, 4 the codes are those of a
strap's converter (STEP), + 8 * i: the scale is SCALES[i] (0: 1; 31: that of the channel before).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from vointi_contract.checks import MAX_FRAMES, check_batch
from vointi_contract.errors import PayloadError
from vointi_contract.frame import Batch, Frame
from vointi_contract.packed_channels import pack_channels, read_channels
from vointi_contract.packed_headers import PackedHeaderReader, PackedHeaderWriter
from vointi_contract.rice import Cursor

FORMAT_PACKED: Final = 0x02
_START: Final = bytes((FORMAT_PACKED,))


def encode_packed(batch: Batch, device: str = "") -> bytes:
    """The packed payload of frames for the topic of a device, which is then left out.

    Raises PayloadError naming what cannot be sent.
    """
    check_batch(batch)
    if batch.losses:
        raise PayloadError("losses", "do not travel packed; send them in format 0x01")
    writer, parts = PackedHeaderWriter(device), [_START]
    for index, frame in enumerate(batch.frames):
        parts.append(writer.header(frame))
        parts.append(pack_channels(frame.channels, frame.rate_hz > 0, f"frames[{index}]"))
    return b"".join(parts)


def decode_packed(payload: bytes, device: str = "") -> Batch:
    """The batch of a packed payload on the topic of a device.

    Raises PayloadError for anything that is not one.
    """
    cursor, reader = Cursor(payload, 1), PackedHeaderReader(device)
    frames: list[Frame] = []
    while cursor.at < len(payload):
        where = f"frames[{len(frames)}]"
        if len(frames) == MAX_FRAMES:
            raise PayloadError("frames", f"more than {MAX_FRAMES}; send several payloads")
        header = reader.header(cursor, where)
        channels = read_channels(cursor, header.rate_hz > 0, where)
        frames.append(replace(header, channels=channels))
    batch = Batch(tuple(frames))
    check_batch(batch)
    return batch


def join_packed(payloads: Sequence[bytes], device: str = "") -> bytes:
    """One payload of several that hold one frame each, all for the topic of one device.

    Samples stay as they are, byte for byte, and are not looked at; raises PayloadError where a
    header cannot be read.
    """
    writer, parts = PackedHeaderWriter(device), [_START]
    for index, payload in enumerate(payloads):
        cursor = Cursor(payload, 1)
        parts.append(writer.header(PackedHeaderReader(device).header(cursor, f"frames[{index}]")))
        parts.append(payload[cursor.at :])
    return b"".join(parts)
