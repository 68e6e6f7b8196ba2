"""The packed format says what the other one says, in fewer bytes, and nothing else gets through."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from contract_batches import batches
from hypothesis import given, settings
from hypothesis import strategies as st
from vointi_contract import golden, rice
from vointi_contract.checks import MAX_FRAMES
from vointi_contract.codec import decode, encode, join, pack
from vointi_contract.errors import PayloadError
from vointi_contract.frame import Batch, Channel, Frame
from vointi_contract.packed_channels import SCALES
from vointi_contract.packed_headers import STREAMS

CASES = {case.name: case for case in golden.packed()}
ECG = CASES["ecg"].batch.frames[0]
PAYLOADS = [case.payload for case in CASES.values()]
frames = batches.map(lambda batch: Batch(batch.frames)).filter(lambda batch: bool(batch.frames))

INT32 = st.integers(-(2**31), 2**31 - 1)
runs = (
    st.lists(INT32, min_size=1, max_size=40)
    | st.lists(st.integers(-3, 3), min_size=1, max_size=200)
    | st.lists(st.sampled_from([-(2**31), 2**31 - 1, 0]), min_size=1, max_size=20)
)


def changed(**fields: object) -> Batch:
    return Batch((replace(ECG, **fields),))


def with_values(values: object, **fields: object) -> Batch:
    return changed(channels=(Channel(1, np.asarray(values)),), **fields)


def refused(batch: Batch) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        pack(batch, "")
    return caught.value


@given(frames, st.booleans())
@settings(max_examples=50)
def test_every_batch_comes_back_as_it_was_sent(batch: Batch, own_topic: bool) -> None:
    device = batch.frames[0].device if own_topic else ""
    assert decode(pack(batch, device), device) == batch


@given(frames)
@settings(max_examples=50)
def test_joined_one_by_one_it_is_the_same_as_packed_together(batch: Batch) -> None:
    device = batch.frames[0].device
    rows = [pack(Batch((frame,)), device) for frame in batch.frames]
    assert join(rows, device, 2) == pack(batch, device)


@given(frames)
@settings(max_examples=30)
def test_an_older_reader_gets_the_older_format(batch: Batch) -> None:
    device = batch.frames[0].device
    rows = [pack(Batch((frame,)), device) for frame in batch.frames]
    payload = join(rows, device, 1)
    assert payload[0] == 1
    assert set(decode(payload).frames) == set(batch.frames)


def test_rows_of_both_formats_join_for_either_reader() -> None:
    second = replace(ECG, seq=2)
    rows = [encode(Batch((ECG,))), pack(Batch((second,)), ECG.device)]
    for newest in (1, 2):
        payload = join(rows, ECG.device, newest)
        assert payload[0] == newest
        assert decode(payload, ECG.device).frames == (ECG, second)


def test_a_single_row_goes_as_it_was_kept() -> None:
    for row in (encode(Batch((ECG,))), pack(Batch((ECG,)), ECG.device)):
        assert join([row], ECG.device, 2) is row


@given(runs)
def test_both_twins_give_the_same_codes(values: list[int]) -> None:
    pytest.importorskip("vointi_codec.rice")
    series = np.array(values, np.int32)
    assert rice._compiled.pack(series) == rice.pack_pure(series)


@given(runs, st.binary(max_size=9))
def test_codes_come_back_and_end_where_they_end(values: list[int], after: bytes) -> None:
    order, k, body = rice.pack_pure(np.array(values, np.int32))
    for unpack in (rice.unpack_pure, rice.unpack):
        cursor = rice.Cursor(b"\0" + body + after, 1)
        assert unpack(cursor, len(values), order, k, "here").tolist() == values
        assert cursor.at == 1 + len(body)


@given(st.binary(max_size=60), st.integers(1, 40), st.integers(0, 3), st.integers(0, 30))
@settings(max_examples=300)
def test_both_twins_read_the_same_from_noise(noise: bytes, count: int, order: int, k: int) -> None:
    compiled = pytest.importorskip("vointi_codec.rice")
    found = compiled.unpack(noise, 0, count, order, k)
    cursor = rice.Cursor(noise)
    if found is None:
        with pytest.raises(PayloadError):
            rice.unpack_pure(cursor, count, order, k, "here")
    else:
        assert rice.unpack_pure(cursor, count, order, k, "here").tolist() == found[0].tolist()
        assert cursor.at == found[1]


@pytest.mark.parametrize(
    "steps", [[0] * 9, [1, 2, 4, 6, 9, 11, 13, 15, 18], [-2, -4, 2, 4, 6, -6, 9, -9, 0]]
)
def test_a_converter_s_steps_are_only_another_way_to_say_it(steps: list[int]) -> None:
    batch = with_values(np.array(steps, np.int32))
    assert decode(pack(batch, "")) == batch


def test_a_strap_s_ecg_takes_less_than_a_byte_a_sample() -> None:
    rng = np.random.default_rng(5)
    codes = np.cumsum(rng.integers(-30, 31, 1_000))
    values = np.trunc(codes * 37_400 / 16_384).astype(np.int32)
    assert len(pack(with_values(values), "")) < 900
    assert len(pack(with_values(values + np.arange(1_000) % 2), "")) > 1_000


def test_times_of_a_device_far_apart_come_back() -> None:
    ends = (2**62 - 1, -(2**62) + 1)
    made = [replace(ECG, dev_ts_ns=ns, mono_us=at) for ns in ends for at in (0, 2**53 - 1)]
    batch = Batch(tuple(replace(frame, wall_us=None) for frame in made))
    assert decode(pack(batch, "")) == batch


def test_each_stream_keeps_its_rate() -> None:
    def reading(stream: str, rate_hz: float) -> Frame:
        return replace(ECG, stream=stream, rate_hz=rate_hz)

    said = (
        ("ecg", 130.0),
        ("acc", 50.0),
        ("ecg", 130.0),
        ("own", 7.0),
        ("own", 7.0),
        ("acc", 51.0),
    )
    batch = Batch(tuple(reading(*one) for one in said))
    assert decode(pack(batch, "")) == batch


def test_numbers_of_the_tables_fit_their_bytes() -> None:
    assert len(STREAMS) == len(set(STREAMS)) < 63
    assert len(SCALES) == len(set(SCALES)) < 31


def test_what_cannot_be_sent_is_named() -> None:
    assert refused(with_values([1.5])).field == "frames[0].channels[0].values"
    assert refused(with_values([0, 2**31])).field == "frames[0].channels[0].values[1]"
    assert refused(changed(seq=0)).field == "frames[0].seq"
    assert refused(Batch((ECG,) * (MAX_FRAMES + 1))).field == "frames"
    losses = golden.cases()
    lost = next(case.batch for case in losses if case.batch.losses)
    assert refused(lost).field == "losses"
    noise = np.random.default_rng(1).integers(-(2**20), 2**20, 40_000).astype(np.int32)
    assert refused(with_values(noise)).field == "payload"


@given(st.sampled_from(PAYLOADS), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=300)
def test_damage_raises_nothing_else(payload: bytes, chance: random.Random, wounds: int) -> None:
    data = bytearray(payload)
    for _ in range(wounds):
        at = chance.randrange(1, len(data))
        match chance.randrange(3):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at + 1 :]
            case _:
                data[at:at] = bytes(chance.choices([0, 1, 0x7F, 0x80, 0xFF], k=3))
    for device in ("", "strap-1"):
        try:
            decode(bytes(data), device)
        except PayloadError as error:
            assert error.fix
            assert str(error).isprintable()


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_noise_raises_nothing_else(noise: bytes) -> None:
    try:
        decode(b"\x02" + noise, "strap-1")
    except PayloadError as error:
        assert str(error).isprintable()
