"""Decoders against independent implementations, and the formats that several share."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from bleakheart import HeartRate, PolarMeasurementData
from hypothesis import given
from hypothesis import strategies as st
from polar_python.parsers.compression import parse_delta_frames_all
from vointi_contract.frame import Quality
from vointi_contract.metrics import by_code
from vointi_edge import decoders
from vointi_edge.decoders import polar
from vointi_edge.decoders.heart_rate import heart_rate
from vointi_edge.decoders.polar_frames import deltas, polar_acc, polar_ecg
from vointi_edge.decoders.service_point import box_line
from vointi_edge.decoders.values import Cursor
from vointi_edge.errors import DecodeError


@given(text=st.binary(max_size=200))
def test_any_checked_box_line_gives_values_or_a_decode_error(text: bytes) -> None:
    import binascii

    try:
        message = box_line(text + b"*%04X" % binascii.crc_hqx(text, 0xFFFF))
    except DecodeError:
        return
    for decode in decoders.SERIAL.values():
        with pytest.raises(DecodeError):
            decode(message)


@given(
    wide=st.booleans(),
    energy=st.booleans(),
    rate=st.integers(0, 255),
    intervals=st.lists(st.integers(0, 65535), max_size=9),
)
def test_heart_rate_equals_bleakheart(
    wide: bool, energy: bool, rate: int, intervals: list[int]
) -> None:
    flags = wide | energy << 3 | bool(intervals) << 4
    data = struct.pack("<BH" if wide else "<BB", flags, rate) + (b"\x01\x02" if energy else b"")
    data += struct.pack(f"<{len(intervals)}H", *intervals)
    theirs = HeartRate(None, callback=print)._decode(bytearray(data))
    ours = {by_code(one.metric).name: one.physical() for one in heart_rate(data).channels}
    assert ours["heart_rate"].tolist() == [theirs["hr"]]
    assert [round(value) for value in ours.get("rr_interval", np.array([]))] == theirs.get("rr", [])


@given(values=st.lists(st.integers(-(2**23), 2**23 - 1), min_size=1, max_size=80))
def test_ecg_equals_bleakheart(values: list[int]) -> None:
    body = b"".join(value.to_bytes(3, "little", signed=True) for value in values)
    frame = bytes([0]) + (123456789).to_bytes(8, "little") + b"\0" + body
    theirs = PolarMeasurementData(None, callback=print)._decode_ecg_data(frame)
    decoded = polar_ecg(frame)
    assert decoded.samples[:, 0].tolist() == theirs == values
    assert decoded.last_ts_ns == 123456789


@given(values=st.lists(st.tuples(*[st.integers(-32768, 32767)] * 3), min_size=1, max_size=40))
def test_acc_equals_bleakheart(values: list[tuple[int, int, int]]) -> None:
    body = b"".join(struct.pack("<3h", *value) for value in values)
    frame = bytes([2]) + bytes(8) + b"\x01" + body
    theirs = PolarMeasurementData(None, callback=print)._decode_acc_data(frame)
    assert [tuple(row) for row in polar_acc(frame).samples.tolist()] == theirs == values


@given(
    reference=st.tuples(*[st.integers(-1000, 1000)] * 3),
    blocks=st.lists(
        st.tuples(st.integers(2, 12), st.integers(1, 9), st.randoms(use_true_random=False)),
        max_size=4,
    ),
)
def test_delta_frames_equal_polar_python(reference: Any, blocks: Any) -> None:
    body = struct.pack("<3h", *reference)
    for bits, count, random in blocks:
        size = (bits * count * 3 + 7) // 8
        body += bytes([bits, count]) + random.randbytes(size)
    theirs = parse_delta_frames_all(body, 3, 16, "signed_int")
    assert deltas(body, 2, 3).tolist() == theirs


@pytest.mark.parametrize(
    ("raw", "value"),
    [(special, None) for special in (0x07FE, 0x07FF, 0x0800, 0x0802)]
    + [(0xF3CF, 97.5), (0x0061, 97.0), (0x1FFF, -10.0), (0xF800, -204.8), (0x8001, 1e-8)],
)
def test_sfloat(raw: int, value: float | None) -> None:
    found = Cursor(raw.to_bytes(2, "little"), "value").sfloat()
    assert (None if found is None else found[0] * found[1]) == (
        None if value is None else pytest.approx(value)
    )


def test_the_reserved_float_is_the_sensor_s_fault() -> None:
    for size, raw in ((2, 0x0801), (4, 0x800001)):
        cursor = Cursor(raw.to_bytes(size, "little"), "value")
        with pytest.raises(DecodeError, match="reserved float"):
            cursor.sfloat() if size == 2 else cursor.float32()


@pytest.mark.parametrize(
    ("raw", "quality"),
    [
        (0x7FFFFF, Quality.OK),  # NaN: not known
        (0x800000, Quality.NOISY),  # NRes
        (0x7FFFFE, Quality.SATURATED),  # +infinite
        (0x800002, Quality.SATURATED),  # -infinite
    ],
)
def test_why_a_float_is_no_number_is_kept(raw: int, quality: Quality) -> None:
    cursor = Cursor(raw.to_bytes(4, "little"), "value")
    assert cursor.float32() is None
    assert cursor.end() == quality


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ea070b15071e01", datetime(2026, 11, 21, 7, 30, 1, tzinfo=UTC)),
        ("00000b15071e01", None),
        ("ea070015071e01", None),
        ("ea070b1e183c3c", None),
    ],
)
def test_a_calendar_is_read_where_it_is_known(text: str, expected: datetime | None) -> None:
    found = Cursor(bytes.fromhex(text), "time").calendar()
    assert found == (expected and expected.timestamp())


def test_a_damaged_box_line_is_told_from_a_good_one() -> None:
    good = b'{"seq":1,"uptime_ms":2,"kind":"button","button":3}*'
    import binascii

    line = good + b"%04x" % binascii.crc_hqx(good[:-1], 0xFFFF)
    assert box_line(line + b"\r\n").fields["button"] == 3
    for at in range(len(line)):
        with pytest.raises(DecodeError):
            box_line(line[:at] + bytes([line[at] ^ 0x11]) + line[at + 1 :])


def test_the_box_check_is_crc_16_ccitt_false() -> None:
    import binascii

    assert binascii.crc_hqx(b"123456789", 0xFFFF) == 0x29B1  # the catalogued check value


def test_settings_and_start_are_what_a_strap_expects() -> None:
    offers = polar.settings(bytes.fromhex("00018200 01010e00".replace(" ", "")))
    assert offers == {0: (130,), 1: (14,)}
    request = polar.start(polar.Measurement.ECG, {1: 14, 0: 130})
    assert request == bytes.fromhex("02000001820001010e00")
    reply = polar.answer(bytes.fromhex("f00200060000"))
    assert reply is not None
    assert reply.status == polar.Status.ALREADY_IN_STATE
