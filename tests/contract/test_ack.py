"""Watermarks survive the wire and never promise more than they did."""

from __future__ import annotations

from typing import Any

import pytest
from contract_batches import boots, ids
from hypothesis import given, settings
from hypothesis import strategies as st
from vointi_contract import frame_pb2 as pb
from vointi_contract import golden
from vointi_contract.ack import MAX_GAPS, MAX_MARKS, Watermark, decode_ack, encode_ack
from vointi_contract.errors import PayloadError


@st.composite
def watermarks(draw: Any) -> Watermark:
    cuts = sorted(draw(st.sets(st.integers(1, 2**40), max_size=12)))
    gaps = tuple(zip(cuts[0::2], cuts[1::2], strict=False))
    upto = max((last for _, last in gaps), default=0) + draw(st.integers(0, 1000))
    return Watermark(draw(ids), draw(boots), upto, gaps)


@given(st.lists(watermarks(), max_size=5))
def test_marks_come_back_as_they_were_sent(marks: list[Watermark]) -> None:
    assert decode_ack(encode_ack(marks)) == tuple(marks)


def test_a_watermark_covers_what_it_says() -> None:
    mark = Watermark("strap-1", 1, 10, ((1, 1), (4, 6)))
    assert [seq for seq in range(13) if mark.covers(seq)] == [2, 3, 7, 8, 9, 10]


def test_too_many_gaps_lower_the_watermark() -> None:
    gaps = tuple((10 * i, 10 * i + 3) for i in range(1, MAX_GAPS + 50))
    mark = Watermark("strap-1", 7, 100_000, gaps)
    (sent,) = decode_ack(encode_ack([mark]))
    assert len(sent.gaps) == MAX_GAPS
    assert sent.upto == gaps[MAX_GAPS][0] - 1
    assert all(mark.covers(seq) for seq in range(sent.upto + 100) if sent.covers(seq))


@pytest.mark.parametrize(
    ("mark", "field"),
    [
        (Watermark("Strap", 1, 1), "device"),
        (Watermark("a", 0, 1), "boot"),
        (Watermark("a", 1, -1), "upto"),
        (Watermark("a", 1, 2**63), "upto"),
        (Watermark("a", 1, 9, ((0, 1),)), "gaps"),
        (Watermark("a", 1, 9, ((5, 4),)), "gaps"),
        (Watermark("a", 1, 9, ((5, 10),)), "gaps"),
        (Watermark("a", 1, 9, ((4, 5), (5, 6))), "gaps"),
        (Watermark("a", 1, 9, ((7, 8), (2, 3))), "gaps"),
    ],
)
def test_a_mark_that_contradicts_itself_is_refused(mark: Watermark, field: str) -> None:
    with pytest.raises(PayloadError) as caught:
        encode_ack([mark])
    assert caught.value.field == f"marks[0].{field}"
    gaps = [pb.Range(first=first, last=last) for first, last in mark.gaps]
    if mark.upto >= 0:
        message = pb.Ack(schema=1)
        message.marks.add(device=mark.device, boot=mark.boot, upto=mark.upto, gaps=gaps)
        with pytest.raises(PayloadError) as caught:
            decode_ack(b"\x00" + message.SerializeToString())
        assert caught.value.field == f"marks[0].{field}"


def test_counts_are_bounded() -> None:
    with pytest.raises(PayloadError, match="marks"):
        encode_ack([Watermark("a", 1, 1)] * (MAX_MARKS + 1))
    message = pb.Ack(schema=1)
    message.marks.add(device="a", boot=1, upto=1, gaps=[pb.Range()] * (MAX_GAPS + 1))
    with pytest.raises(PayloadError, match=r"marks\[0\].gaps"):
        decode_ack(b"\x00" + message.SerializeToString())


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"", "format"),
        (b"\x01\x08\x01", "format"),
        (b"\x00", "schema"),
        (b"\x00\x08\x02", "schema"),
        (b"\x00\xff\xff", "ack"),
    ],
)
def test_malformed_acks_are_refused_by_field(payload: bytes, field: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode_ack(payload)
    assert caught.value.field == field


@settings(max_examples=300)
@given(st.sampled_from(golden.acks()), st.data())
def test_spoilt_acks_raise_nothing_else(case: golden.AckCase, data: st.DataObject) -> None:
    payload = bytearray(case.payload)
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        marks = decode_ack(bytes(payload))
    except PayloadError as error:
        assert error.field and error.fix
    else:
        assert decode_ack(encode_ack(marks)) == marks
