"""The compiled reader takes what the contract's own reader takes, and reads the same from it.

``tools/sanitize.sh`` runs this file against a build with sanitizers.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import vointi_codec
from contract_batches import batches
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vointi_codec.columns import LIMITS, SCALES, STREAMS
from vointi_contract import checks, golden, packed_channels, packed_headers
from vointi_contract import frame_pb2 as pb
from vointi_contract.codec import _check_layout, decompress
from vointi_contract.errors import PayloadError
from vointi_contract.frame import Batch, Frame
from vointi_contract.packed import decode_packed, encode_packed
from vointi_contract.wire import SCHEMA_VERSION, from_protobuf, to_protobuf
from vointi_gateway.store.block import Agreed, Owner, Part, ReadingBlock

NOW_US = 1_780_272_000_000_000
SIZE = 256
CASES = {case.name: case for case in golden.cases()}
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def columns(low: float = -np.inf, high: float = np.inf) -> vointi_codec.FrameColumns:
    """A reader without limits of its own; the first six metrics are waveforms."""
    made = vointi_codec.FrameColumns(
        [low] * SIZE, [high] * SIZE, [1 if 0 < code < 7 else 0 for code in range(SIZE)]
    )
    made.limits(0, checks.MAX_US, 2**62)
    return made


def taken(reader: vointi_codec.FrameColumns, device: str) -> tuple[Frame, ...]:
    """Everything that the reader holds, as frames."""
    held = reader.take()
    agreed = tuple(Agreed(i, None, None) for i in range(len(held.layouts)))
    block = ReadingBlock(held, [Owner("p", "e", device)], [Part(0, NOW_US, agreed)])
    return tuple(reading.frame for reading in block)


def read(message: bytes, device: str, is_packed: bool = False) -> tuple[Frame, ...] | None:
    """The frames of a message as the compiled reader sees them; None: declined."""
    reader = columns()
    took = reader.add(message, 0, device.encode(), NOW_US, is_packed)
    frames = taken(reader, device)
    if took is None:
        assert frames == ()
        return None
    assert took[0] == len(frames)
    assert _unrolled(took[1]) == [(f.boot, f.seq) for f in frames]
    times = [NOW_US if f.wall_us is None else f.wall_us for f in frames]
    assert took[3:] == (min(times), max(times))
    return frames


def _unrolled(runs: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    return [(boot, seq) for boot, first, last in runs for seq in range(first, last + 1)]


def judged(message: bytes, device: str, is_packed: bool = False) -> tuple[Frame, ...] | None:
    """The same from the contract's reader, within what the compiled one is for."""
    try:
        batch = decode_packed(message, device) if is_packed else from_protobuf(message)
    except PayloadError:
        return None
    own = all(frame.device == device for frame in batch.frames)
    known = all(c.metric < SIZE for frame in batch.frames for c in frame.channels)
    return batch.frames if own and known and not batch.losses else None


def of_one_device(batch: Batch) -> Batch:
    frames = batch.frames or CASES["ecg"].batch.frames
    return Batch(tuple(replace(frame, device=frames[0].device) for frame in frames))


def test_the_build_under_test_is_the_one_meant() -> None:
    wanted = os.environ.get("VOINTI_FUZZ_PATH")
    if wanted is None:
        pytest.skip("only for tools/sanitize.sh")
    assert Path(vointi_codec.__file__).is_relative_to(wanted)


def test_the_limits_are_those_of_the_contract() -> None:
    assert {
        "frames": checks.MAX_FRAMES,
        "channels": checks.MAX_CHANNELS,
        "values": checks.MAX_VALUES,
        "schema": SCHEMA_VERSION,
        "us": checks.MAX_US,
        "dev_ns": checks.MAX_DEV_NS,
        "uhz": round(checks.MAX_RATE_HZ * 1e6),
    } == LIMITS


@given(batches.map(of_one_device))
@QUICK
def test_every_batch_is_read_as_the_contract_reads_it(batch: Batch) -> None:
    assert read(to_protobuf(batch), batch.frames[0].device) == batch.frames


@pytest.mark.parametrize("case", golden.cases(), ids=lambda case: case.name)
def test_golden_batches(case: golden.BatchCase) -> None:
    message = decompress(case.payload)
    device = case.batch.frames[0].device if case.batch.frames else "strap-1"
    assert read(message, device) == judged(message, device)


def test_most_golden_batches_are_taken() -> None:
    """The test above would hold for a reader that declines everything."""
    plain = [c for c in CASES.values() if c.batch.frames and not c.batch.losses]
    took = [c for c in plain if read(decompress(c.payload), c.batch.frames[0].device)]
    assert len(took) > len(plain) / 2 > 1


@given(batches.filter(lambda batch: bool(batch.frames)).map(of_one_device))
@QUICK
def test_every_packed_batch_is_read_as_the_contract_reads_it(batch: Batch) -> None:
    device = batch.frames[0].device
    for topic in (device, ""):
        message = encode_packed(batch, topic)
        assert read(message, device, True) == batch.frames


@pytest.mark.parametrize("case", golden.packed(), ids=lambda case: case.name)
def test_golden_packed_batches(case: golden.BatchCase) -> None:
    device = case.batch.frames[0].device
    found = read(case.payload, device, True)
    assert found == judged(case.payload, device, True)
    assert case.name == "one_of_each" or found
    assert read(case.payload[1:], device, True) is None


def test_both_readers_know_the_same_tables() -> None:
    assert (STREAMS, SCALES) == (packed_headers.STREAMS, packed_channels.SCALES)


MESSAGES = [to_protobuf(of_one_device(case.batch)) for case in CASES.values() if case.batch.frames]


@given(st.sampled_from(MESSAGES), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(QUICK, max_examples=300)
def test_damaged_messages_are_declined_or_read_alike(
    message: bytes, chance: random.Random, wounds: int
) -> None:
    device = from_protobuf(message).frames[0].device
    data = damaged(message, chance, wounds)
    found = read(data, device)
    if found is not None:
        assert found == judged(data, device)


@pytest.mark.parametrize("metric", [0, SIZE])
def test_what_is_no_metric_is_declined(metric: int) -> None:
    """Also by a reader without limits: the contract begins at 1."""
    batch = pb.Batch.FromString(MESSAGES[0])
    device = batch.frames[0].device
    assert read(batch.SerializeToString(), device)
    batch.frames[0].channels[0].metric = metric
    assert read(batch.SerializeToString(), device) is None


PACKED = [(c.payload, c.batch.frames[0].device) for c in golden.packed()]


@given(st.sampled_from(PACKED), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(QUICK, max_examples=300)
def test_damaged_packed_messages_are_declined_or_read_alike(
    case: tuple[bytes, str], chance: random.Random, wounds: int
) -> None:
    message, device = case
    data = damaged(message, chance, wounds)
    found = read(data, device, True)
    if found is not None:
        assert found == judged(data, device, True)


@given(st.binary(max_size=120))
@QUICK
def test_packed_noise_is_declined_or_read_alike(noise: bytes) -> None:
    found = read(b"\x02" + noise, "strap-1", True)
    if found is not None:
        assert found == judged(b"\x02" + noise, "strap-1", True)


def damaged(message: bytes, chance: random.Random, wounds: int) -> bytes:
    data = bytearray(message)
    for _ in range(wounds):
        at = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at:]
            case 2:
                data[at:at] = bytes(chance.choices([0, 1, 0x7F, 0x80, 0xFF], k=3))
            case _:
                data[at] = chance.randrange(256)
        data = data or bytearray(b"\0")
    return bytes(data)


@given(st.binary(max_size=200))
@QUICK
def test_noise_is_declined_and_leaves_nothing(noise: bytes) -> None:
    reader = columns()
    good = MESSAGES[0]
    device = from_protobuf(good).frames[0].device
    if reader.add(noise, 0, device.encode(), NOW_US) is not None:
        assert judged(noise, device)
        reader.undo()
    assert reader.add(good, 0, device.encode(), NOW_US) is not None
    assert taken(reader, device) == from_protobuf(good).frames


def _set(name: str, value: object) -> Callable[[pb.Batch], None]:
    return lambda batch: setattr(batch.frames[0], name, value)


def _deltas(*steps: int) -> Callable[[pb.Batch], None]:
    def change(batch: pb.Batch) -> None:
        batch.frames[0].channels[0].deltas[:] = steps

    return change


def _channel(name: str, value: object) -> Callable[[pb.Batch], None]:
    return lambda batch: setattr(batch.frames[0].channels[0], name, value)


REFUSED: dict[str, Callable[[pb.Batch], object]] = {
    "schema": lambda batch: setattr(batch, "schema", 2),
    "no frame": lambda batch: batch.ClearField("frames"),
    "loss": lambda batch: batch.losses.add(device="strap-1", boot=1, first_seq=1, last_seq=1),
    "foreign device": _set("device", "other"),
    "no id": _set("stream", "ECG"),
    "long id": _set("stream", "e" * 64),
    "boot": _set("boot", 0),
    "seq 0": _set("seq", 0),
    "seq below": _set("seq", -5),
    "mono below": _set("mono_us", -1),
    "mono beyond": _set("mono_us", 2**53),
    "wall below": _set("wall_offset_us", -(2**52)),
    "wall overflow": _set("wall_offset_us", 2**63 - 1),
    "clock": _set("clock", 4),
    "uncertainty": _set("uncertainty_us", 2**53),
    "device time": _set("dev_ts_ns", 2**62),
    "rate": _set("rate_uhz", 10**12 + 1),
    "no channel": lambda batch: batch.frames[0].ClearField("channels"),
    "channels": lambda batch: batch.frames[0].channels.extend([batch.frames[0].channels[0]] * 32),
    "same metric": lambda batch: batch.frames[0].channels.append(batch.frames[0].channels[0]),
    "unknown metric": _channel("metric", 70_000),
    "scale": _channel("scale", float("nan")),
    "offset": _channel("offset", float("inf")),
    "no value": _deltas(),
    "beyond int32": _deltas(2**31 - 1, 1),
    "below int32": _deltas(-(2**31), -1),
    "values": _deltas(*[0] * (checks.MAX_VALUES + 1)),
    "rate and offsets": lambda batch: batch.frames[0].offsets_us.extend([0, 1]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_contract_refuses_is_declined(name: str) -> None:
    batch = pb.Batch.FromString(decompress(CASES["ecg"].payload))
    device = batch.frames[0].device
    REFUSED[name](batch)
    message = batch.SerializeToString()
    assert judged(message, device) is None
    assert read(message, device) is None


@pytest.mark.parametrize(
    "steps", [[1], [0, -1], [0, 2**31 - 1, -1], [0] * (checks.MAX_VALUES + 1), [0]]
)
def test_offsets_that_the_contract_refuses_are_declined(steps: list[int]) -> None:
    batch = pb.Batch.FromString(decompress(CASES["ecg"].payload))
    batch.frames[0].rate_uhz = 0
    batch.frames[0].offsets_us[:] = steps
    message = batch.SerializeToString()
    assert judged(message, batch.frames[0].device) is None
    assert read(message, batch.frames[0].device) is None


@pytest.mark.parametrize(
    "odd",
    [
        b"\x08\x01",  # a second schema
        b"\x20\x01",  # an unknown field
        b"\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x02",  # a varint beyond 64 bits
        b"\x12\x7f",  # a frame that ends beyond the message
        b"\x12\x00",  # a frame of nothing
        b"\x12\x02\x08\x01",  # a device that is a number
        b"\x0b\x0c",  # a group
        b"\x12",
        b"\x80",
    ],
)
def test_odd_bytes_after_a_good_batch_are_declined(odd: bytes) -> None:
    message = decompress(CASES["ecg"].payload)
    assert read(message, CASES["ecg"].batch.frames[0].device)
    assert read(message + odd, CASES["ecg"].batch.frames[0].device) is None


def test_limits_of_the_gateway() -> None:
    frame = replace(CASES["ecg"].batch.frames[0], wall_us=NOW_US)
    message, device = to_protobuf(Batch((frame,))), frame.device.encode()
    last_us = round((len(frame.channels[0].values) - 1) * 1e6 / frame.rate_hz)
    values = frame.channels[0].physical()
    for low, high, limits, taken_ in (
        (values.min(), values.max(), (NOW_US, NOW_US, last_us), True),
        (values.min(), values.max(), (NOW_US + 1, NOW_US + 1, last_us), False),
        (values.min(), values.max(), (NOW_US - 1, NOW_US - 1, last_us), False),
        (values.min(), values.max(), (NOW_US, NOW_US, last_us - 1), False),
        (values.min() + 1, values.max(), (NOW_US, NOW_US, last_us), False),
        (values.min(), values.max() - 1, (NOW_US, NOW_US, last_us), False),
        (np.nan, np.nan, (NOW_US, NOW_US, last_us), False),
    ):
        reader = columns(low, high)
        reader.limits(*limits)
        assert (reader.add(message, 0, device, NOW_US) is not None) is taken_


def test_layouts_are_told_apart_by_owner_stream_and_metrics() -> None:
    ecg, acc = (to_protobuf(of_one_device(CASES[name].batch)) for name in ("ecg", "acc"))
    reader, names = columns(), []
    for owner, message in enumerate([ecg, ecg, acc]):
        device = from_protobuf(message).frames[0].device.encode()
        took = reader.add(message, owner, device, NOW_US)
        assert took is not None
        names += [reader.layout(number) for number in took[2]]
    assert len(set(names)) == len(names)
    assert {owner for owner, _, _ in names} == {0, 1, 2}


@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda data: b"\0\x50" + data))
@QUICK
def test_blocks_are_walked_as_the_contract_walks_them(frame: bytes) -> None:
    try:
        _check_layout(frame)
    except PayloadError:
        assert not vointi_codec.whole_blocks(frame)
    else:
        assert vointi_codec.whole_blocks(frame)


@pytest.mark.parametrize("case", golden.cases(), ids=lambda case: case.name)
def test_golden_frames_are_whole_and_cut_ones_are_not(case: golden.BatchCase) -> None:
    frame = case.payload[1:]
    assert vointi_codec.whole_blocks(frame)
    assert vointi_codec.whole_blocks(case.payload, 1)
    assert not vointi_codec.whole_blocks(case.payload, len(case.payload))
    assert not vointi_codec.whole_blocks(case.payload, -1)
    for wrong in (b"", frame[:-1], frame + b"\0", b"\x20" + frame[1:], frame[:4]):
        assert not vointi_codec.whole_blocks(wrong)
