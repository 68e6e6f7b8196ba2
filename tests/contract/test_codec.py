"""Batches survive the wire, and nothing else gets through."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import zstandard
from contract_batches import batches
from hypothesis import given, settings
from hypothesis import strategies as st
from vointi_contract import codec, golden, wire
from vointi_contract import frame_pb2 as pb
from vointi_contract.checks import MAX_CHANNELS, MAX_FRAMES, MAX_VALUES
from vointi_contract.codec import MAX_DECOMPRESSED, MAX_PAYLOAD, decode, encode
from vointi_contract.errors import PayloadError
from vointi_contract.frame import Batch, Channel, Frame, Loss

CASES = {case.name: case for case in golden.cases()}
ECG = CASES["ecg"].batch.frames[0]


def changed(**fields: object) -> Batch:
    return Batch((replace(ECG, **fields),))


def with_values(*channels: object, **fields: object) -> Batch:
    made = tuple(Channel(i + 1, np.asarray(values)) for i, values in enumerate(channels))
    return changed(channels=made, **fields)


def refused(batch: Batch) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        encode(batch)
    return caught.value


@given(batches)
def test_every_batch_comes_back_as_it_was_sent(batch: Batch) -> None:
    assert decode(encode(batch)) == batch


@given(batches)
def test_the_same_batch_gives_the_same_bytes(batch: Batch) -> None:
    assert encode(batch) == encode(batch)


def test_decoded_values_are_int32() -> None:
    values = decode(CASES["acc"].payload).frames[0].channels[2].values
    assert values.dtype == np.int32
    assert values.ndim == 1


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint16", "uint64"])
def test_integers_of_any_width_are_sent_as_they_are(dtype: str) -> None:
    batch = with_values(np.array([0, 100, 27], dtype))
    assert decode(encode(batch)).frames[0].channels[0].values.tolist() == [0, 100, 27]


@pytest.mark.parametrize("values", [[0, 2**31], [-(2**31) - 1], [2**31 - 1, -2], [0, 1, 2**63 - 1]])
def test_a_step_beyond_int32_is_named(values: list[int]) -> None:
    error = refused(with_values(np.array(values, np.int64)))
    assert error.field == f"frames[0].channels[0].values[{len(values) - 1}]"
    assert "int32" in error.fix


def test_a_value_beyond_int32_is_named_by_the_reader() -> None:
    message = pb.Batch.FromString(codec.decompress(CASES["ecg"].payload))
    message.frames[0].channels[0].deltas[:] = [-(2**31), 5, -6]
    with pytest.raises(PayloadError, match=r"values\[2\]: -2147483649 does not fit int32"):
        decode(codec.compress(message.SerializeToString()))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"device": "Strap"}, "device"),
        ({"device": ""}, "device"),
        ({"stream": "e/g"}, "stream"),
        ({"boot": 0}, "boot"),
        ({"boot": 2**64}, "boot"),
        ({"seq": 0}, "seq"),
        ({"seq": 2**63}, "seq"),
        ({"mono_us": -1}, "mono_us"),
        ({"wall_us": -1}, "wall_us"),
        ({"wall_us": 2**53}, "wall_us"),
        ({"uncertainty_us": -1}, "uncertainty_us"),
        ({"rate_hz": -1.0}, "rate_hz"),
        ({"rate_hz": float("nan")}, "rate_hz"),
        ({"rate_hz": float("inf")}, "rate_hz"),
        ({"rate_hz": 1e-7}, "rate_hz"),
        ({"dev_ts_ns": 2**62}, "dev_ts_ns"),
        ({"quality": -1}, "quality"),
        ({"channels": ()}, "channels"),
        ({"offsets_us": (0,)}, "offsets_us"),
        ({"rate_hz": 0.0, "offsets_us": ()}, "offsets_us"),
        ({"rate_hz": 0.0, "offsets_us": (1, 2)}, "offsets_us"),
        ({"rate_hz": 0.0, "offsets_us": (0, 2, 1)}, "offsets_us"),
        ({"rate_hz": 0.0, "offsets_us": (0, 2**31)}, "offsets_us[1]"),
        ({"rate_hz": 0.0, "offsets_us": (0, 1)}, "channels[0].values"),
    ],
)
def test_what_cannot_be_sent_is_named(fields: dict[str, object], field: str) -> None:
    if fields.get("offsets_us") == (0, 2**31):
        fields = {**fields, "channels": (Channel(1, np.array([1, 2], np.int32)),)}
    assert refused(changed(**fields)).field == f"frames[0].{field}"


@pytest.mark.parametrize(
    ("channel", "field"),
    [
        (Channel(0, np.array([1])), "metric"),
        (Channel(2**32, np.array([1])), "metric"),
        (Channel(1, np.array([], np.int32)), "values"),
        (Channel(1, np.array([[1, 2]])), "values"),
        (Channel(1, np.array(1)), "values"),
        (Channel(1, np.array([1.5])), "values"),
        (Channel(1, np.zeros(MAX_VALUES + 1, np.int32)), "values"),
        (Channel(1, np.array([1]), scale=0.0), "scale"),
        (Channel(1, np.array([1]), scale=float("nan")), "scale"),
        (Channel(1, np.array([1]), offset=float("-inf")), "offset"),
    ],
)
def test_a_channel_that_cannot_be_sent_is_named(channel: Channel, field: str) -> None:
    assert refused(changed(channels=(channel,))).field == f"frames[0].channels[0].{field}"


@pytest.mark.parametrize(
    ("loss", "field"),
    [
        (Loss("A", 1, 1, 2, "full"), "device"),
        (Loss("a", 0, 1, 2, "full"), "boot"),
        (Loss("a", 1, 0, 2, "full"), "first_seq"),
        (Loss("a", 1, 3, 2, "full"), "last_seq"),
        (Loss("a", 1, 1, 2**63, "full"), "last_seq"),
        (Loss("a", 1, 1, 2, ""), "reason"),
        (Loss("a", 1, 1, 2, "x" * 65), "reason"),
        (Loss("a", 1, 1, 2, "full\n"), "reason"),
    ],
)
def test_a_loss_that_contradicts_itself_is_refused(loss: Loss, field: str) -> None:
    assert refused(Batch((), (loss,))).field == f"losses[0].{field}"


def test_a_rate_travels_in_whole_microhertz() -> None:
    # The product is a little less than the whole number it stands for.
    assert 130.000003 * 1e6 < 130_000_003
    assert decode(encode(changed(rate_hz=130.000003))).frames[0].rate_hz == 130.000003
    assert decode(encode(changed(rate_hz=130.0452345678))).frames[0].rate_hz == 130.045235


def test_regular_channels_are_equally_long() -> None:
    assert refused(with_values([1, 2], [1])).field == "frames[0].channels[1].values"


def test_scalar_channels_may_differ_in_length() -> None:
    batch = with_values([72], [851, 860], rate_hz=0.0)
    assert [len(c.values) for c in decode(encode(batch)).frames[0].channels] == [1, 2]


def test_an_unknown_metric_is_kept() -> None:
    batch = changed(channels=(Channel(99_999, np.array([1], np.int32)),))
    assert decode(encode(batch)) == batch


def test_counts_are_bounded() -> None:
    many = tuple(Channel(i + 1, np.array([1])) for i in range(MAX_CHANNELS + 1))
    assert refused(changed(channels=many)).field == "frames[0].channels"
    assert refused(Batch((ECG,) * (MAX_FRAMES + 1))).field == "frames"
    assert refused(Batch(())).field == "frames"


def test_a_batch_too_long_to_send_says_split() -> None:
    noise = np.random.default_rng(1).integers(-(2**20), 2**20, 40_000).astype(np.int32)
    error = refused(with_values(noise))
    assert error.field == "payload"
    assert str(MAX_PAYLOAD) in error.fix


def test_a_batch_above_the_reader_s_bound_is_not_sent() -> None:
    zeros = [np.zeros(MAX_VALUES, np.int32)] * 5
    assert refused(with_values(*zeros)).field == "batch"


@pytest.mark.parametrize("case", golden.malformed(), ids=lambda case: case.name)
def test_malformed_payloads_are_refused_by_field(case: golden.MalformedCase) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(case.payload)
    assert caught.value.field == case.field
    assert caught.value.fix
    assert str(caught.value).isprintable()


@settings(max_examples=300)
@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_raise_nothing_else(noise: bytes, marked: bool) -> None:
    only_payload_error(b"\x01\x00" + noise if marked else noise)


@settings(max_examples=300)
@given(st.sampled_from(sorted(CASES)), st.data())
def test_spoilt_payloads_raise_nothing_else(name: str, data: st.DataObject) -> None:
    payload = bytearray(CASES[name].payload)
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    only_payload_error(bytes(payload))


@settings(max_examples=300)
@given(st.sampled_from(sorted(CASES)), st.data())
def test_spoilt_messages_raise_nothing_else(name: str, data: st.DataObject) -> None:
    message = bytearray(codec.decompress(CASES[name].payload))
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    only_payload_error(codec.compress(bytes(message)))


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_truncation_is_refused(name: str) -> None:
    payload = CASES[name].payload
    for length in range(len(payload)):
        with pytest.raises(PayloadError):
            decode(payload[:length])


def test_a_payload_longer_than_allowed_is_not_even_opened() -> None:
    with pytest.raises(PayloadError, match="payload: 65537 bytes"):
        decode(b"\x01" + bytes(MAX_PAYLOAD))


def test_decompression_stops_at_the_bound() -> None:
    assert len(codec.decompress(codec.compress(bytes(MAX_DECOMPRESSED)))) == MAX_DECOMPRESSED
    bomb = b"\x01" + magicless(bytes(MAX_DECOMPRESSED + 1))
    with pytest.raises(PayloadError, match="compression"):
        codec.decompress(bomb)


def test_a_frame_that_states_a_size_is_not_believed() -> None:
    payload = CASES["unsynced"].payload
    size = len(codec.decompress(payload))
    # RFC 8878, 3.1.1.1: a single segment states its size in the byte of the window.
    with pytest.raises(PayloadError, match="leave content size"):
        codec.decompress(payload[:1] + bytes([0x20, size]) + payload[3:])


@pytest.mark.parametrize(
    ("field", "message", "built"),
    [
        ("frames", pb.Batch(schema=1, frames=[pb.Frame()] * 100_000), "_unpack_frame"),
        ("losses", pb.Batch(schema=1, losses=[pb.Loss()] * 100_000), "_unpack_loss"),
        (
            "frames[0].channels",
            pb.Batch(schema=1, frames=[pb.Frame(channels=[pb.Channel()] * 100_000)]),
            "_unpack_channel",
        ),
    ],
    ids=["frames", "losses", "channels"],
)
def test_hollow_parts_are_counted_before_they_are_built(
    monkeypatch: pytest.MonkeyPatch, field: str, message: pb.Batch, built: str
) -> None:
    monkeypatch.setattr(wire, built, lambda *_: pytest.fail("one was built"))
    with pytest.raises(PayloadError, match="100000 entries") as caught:
        decode(codec.compress(message.SerializeToString()))
    assert caught.value.field == field


def test_threads_do_not_share_a_compressor() -> None:
    wrong: list[str] = []

    def work(case: golden.BatchCase) -> None:
        same = all(decode(encode(case.batch)) == case.batch for _ in range(200))
        if not same:
            wrong.append(case.name)

    threads = [threading.Thread(target=work, args=(case,)) for case in golden.cases()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def magicless(data: bytes) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=False
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def only_payload_error(payload: bytes) -> None:
    try:
        batch = decode(payload)
    except PayloadError as error:
        assert error.field and error.fix
    else:
        assert all(isinstance(frame, Frame) for frame in batch.frames)
        assert decode(encode(batch)) == batch
