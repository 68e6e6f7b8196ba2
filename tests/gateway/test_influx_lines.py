"""Line protocol: both twins write the same bytes, and a run says whose it is once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gateway_kit import PILOT, T0_US, channel, ecg_frame, hr_frame
from hypothesis import given
from hypothesis import strategies as st
from vointi_codec.lines import LineBuffer as CompiledBuffer
from vointi_gateway.errors import StoreError
from vointi_gateway.settings import InfluxSettings
from vointi_gateway.store.influx.admin import prepare
from vointi_gateway.store.influx.buffer import LineBuffer, new_buffer
from vointi_gateway.store.influx.capabilities import capabilities
from vointi_gateway.store.influx.runs import MAX_NS, MIN_NS, RunEncoder, slot
from vointi_gateway.store.model import StoredReading

_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_TIMES = st.integers(MIN_NS, MAX_NS)


def _text(buffer: LineBuffer | CompiledBuffer, values: list[float], times: list[int]) -> bytes:
    buffer.add(b"m,t=1 v=", b",n=2", np.array(values, float), np.array(times, np.int64))
    assert len(buffer) == len(values)
    size = buffer.size
    text = buffer.take()
    assert (len(text), len(buffer), buffer.size, buffer.take()) == (size, 0, 0, b"")
    return text


@given(st.lists(st.tuples(_FLOATS, _TIMES), max_size=20))
def test_both_twins_write_the_same_bytes(points: list[tuple[float, int]]) -> None:
    values, times = [p[0] for p in points], [p[1] for p in points]
    assert _text(CompiledBuffer(), values, times) == _text(LineBuffer(), values, times)


@given(_FLOATS)
def test_every_value_reads_back_to_the_same_number(value: float) -> None:
    line = _text(CompiledBuffer(), [value], [0]).decode()
    assert float(line.removeprefix("m,t=1 v=").removesuffix(",n=2 0\n")) == value


@pytest.mark.parametrize("value", [2.0**53, -(2.0**53), 2.0**53 - 1, 1e300, 5e-324, -0.0, 1e15])
def test_the_ends_of_what_is_written_whole(value: float) -> None:
    assert _text(CompiledBuffer(), [value], [1]) == _text(LineBuffer(), [value], [1])


def _seconds(buffer: LineBuffer | CompiledBuffer, values: list[float], times: list[int]) -> bytes:
    t_us = np.array(sorted(times), np.int64)
    buffer.add_seconds(b"m,t=1 ", b",seq=2i", np.array(values, float), t_us, 31)
    size, lines = buffer.size, len(buffer)
    text = buffer.take()
    assert (len(text), text.count(b"\n")) == (size, lines)
    return text


@given(
    st.lists(
        st.tuples(st.floats(-1e300, 1e300) | st.integers(-500, 500), st.integers(-(10**7), 10**7)),
        max_size=40,
    )
)
def test_both_twins_sum_up_seconds_to_the_same_bytes(points: list[tuple[float, int]]) -> None:
    values, times = [p[0] for p in points], [p[1] for p in points]
    text = _seconds(CompiledBuffer(), values, times)
    assert text == _seconds(LineBuffer(), values, times)
    assert text.count(b"\n") == len({t // 1_000_000 for t in times})


@pytest.mark.parametrize("make", [CompiledBuffer, LineBuffer])
def test_a_second_without_a_finite_sum_adds_nothing(make: type) -> None:
    buffer = make()
    for bad in ([1.0, math.nan], [1.0, math.inf], [1e308, 1e308]):
        with pytest.raises(ValueError, match="finite"):
            buffer.add_seconds(b"m ", b"", np.array([0.0, *bad]), np.array([0, 10**6, 10**6]), 0)
    with pytest.raises(ValueError, match="lengths differ"):
        buffer.add_seconds(b"m ", b"", np.array([1.0]), np.array([1, 2]), 0)
    assert (buffer.take(), len(buffer)) == (b"", 0)
    times = np.array([-2, -1, 0])
    buffer.add_seconds(b"m ", b",seq=1i", np.array([1.5, -4, 2]), times, 7)
    first, second = buffer.take().splitlines()
    assert first == b"m mean=-1.25,n=2,sum=-2.5,min=-4,max=1.5,seq=1i -1993"
    assert second == b"m mean=2,n=1,sum=2,min=2,max=2 7"


@pytest.mark.parametrize("make", [CompiledBuffer, LineBuffer])
def test_only_the_first_line_has_the_facts_and_nothing_infinite_is_taken(make: type) -> None:
    assert _text(make(), [1, 2.5], [7, -8]) == b"m,t=1 v=1,n=2 7\nm,t=1 v=2.5 -8\n"
    buffer = make()
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="finite"):
            buffer.add(b"m v=", b"", np.array([1.0, bad]), np.array([1, 2]))
    with pytest.raises(ValueError, match="lengths differ"):
        buffer.add(b"m v=", b"", np.array([1.0]), np.array([1, 2]))
    assert buffer.take() == b""


def test_the_buffer_grows_and_takes_what_is_not_contiguous() -> None:
    values, times = np.arange(20_000.0)[::2], np.arange(20_000)[::2]
    texts = []
    for buffer in (CompiledBuffer(), LineBuffer()):
        for _ in range(3):
            buffer.add(b"head v=", b"", values, times)
        texts.append(buffer.take())
    assert texts[0] == texts[1]
    assert texts[0].count(b"\n") == 30_000


def test_the_compiled_one_is_what_a_gateway_gets() -> None:
    assert isinstance(new_buffer(), CompiledBuffer)


def _reading(frame: object, pilot: str = PILOT) -> StoredReading:
    return StoredReading(pilot, "edge-1", frame, T0_US, "p-1")  # type: ignore[arg-type]


def test_a_waveform_is_a_run_of_points_and_a_summary_a_second() -> None:
    encoder = RunEncoder(["*"], tag_people=True)
    encoder.extend([_reading(ecg_frame(40, wall_us=T0_US + 900_000))])
    raw = encoder.waveforms.take().decode().splitlines()
    tags = "device=edge-1.strap-1,metric=ecg,pilot=pilot-a,stream=ecg,subject=p-1"
    assert len(raw) == 73
    assert raw[0].startswith(f"waveform,{tags} value=420,quality=0,length=73,seq=40i,boot=7i,")
    assert raw[1] == f"waveform,{tags} value=421 {(T0_US + 907_692) * 1000 + slot(40)}"
    first, second = encoder.main.take().decode().splitlines()
    assert first.startswith(f"waveform_1s,{tags} mean=426,n=13,sum=5538,min=420,max=432,")
    assert second.split(" ")[1] == "mean=462.5,n=60,sum=27750,min=433,max=492"
    assert second.endswith(f" {(T0_US + 1_000_000) * 1000 + slot(40)}")


def test_without_the_pilots_choice_waveforms_are_summaries_alone() -> None:
    encoder = RunEncoder(["pilot-b"])
    encoder.extend([_reading(ecg_frame(1)), _reading(ecg_frame(2), "pilot-b")])
    assert len(encoder.waveforms) == 73
    text = encoder.main.take()
    assert text.count(b"waveform_1s,") == 2
    assert b"subject" not in text


def test_values_of_one_microsecond_are_points_of_their_own() -> None:
    encoder = RunEncoder([])
    beats = [hr_frame(seq) for seq in (1, 2, 3)]
    encoder.extend(map(_reading, beats))
    lines = [line for line in encoder.main.take().split(b"\n") if b"rr_interval" in line]
    assert len({line.rpartition(b" ")[2] for line in lines}) == len(lines) == 6


def test_what_has_no_room_is_refused() -> None:
    for frame in (
        ecg_frame(1, wall_us=2**62),
        ecg_frame(1, mono_us=2**70),
        ecg_frame(1, channels=(channel("ecg", [1], 1e308, 1e308),) * 2, wall_us=None),
    ):
        with pytest.raises((OverflowError, ValueError)):
            RunEncoder([]).extend([_reading(frame)])


@pytest.mark.parametrize(
    ("version", "v2_write", "v1_words", "v2_delete", "row_delete"),
    [
        ("1.6.7~rc0", False, True, False, True),
        ("1.8.10", True, True, False, True),
        ("v2.7.1", True, False, True, True),
        ("v2.9.1", True, False, True, True),
        ("3.10.1", True, False, False, False),
        ("", True, False, True, True),
    ],
)
def test_capabilities_follow_from_the_version(
    version: str, v2_write: bool, v1_words: bool, v2_delete: bool, row_delete: bool
) -> None:
    can = capabilities(version)
    assert (can.v2_write, can.v2_delete, can.row_delete) == (v2_write, v2_delete, row_delete)
    assert can.influxql_admin == can.influxql_delete == v1_words


def test_a_server_that_cannot_erase_a_person_is_no_store() -> None:
    class Three:
        capabilities = capabilities("3.10.1")
        settings = InfluxSettings("http://influx", "b")

    with pytest.raises(StoreError, match=r"3\.10\.1 cannot erase a person; use InfluxDB 2\.x"):
        prepare(Three())  # type: ignore[arg-type]
