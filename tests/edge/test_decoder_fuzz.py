"""Any bytes at all, and every capture with something broken in it: values or a DecodeError."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from decoder_kit import ALL, captured, fits_the_wire
from hypothesis import given, settings
from hypothesis import strategies as st
from vointi_edge import decoders
from vointi_edge.errors import DecodeError

CAPTURES = captured()


@settings(max_examples=150)
@given(data=st.binary(max_size=300))
def test_any_bytes_give_values_or_a_decode_error(data: bytes) -> None:
    for name, decoder in ALL.items():
        try:
            decoder(data)
        except DecodeError as error:
            assert error.field, name
            assert error.fix, name


@settings(max_examples=60)
@given(
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 400),
    tail=st.binary(max_size=8),
)
def test_a_broken_capture_gives_values_that_fit_or_a_decode_error(
    changes: list[tuple[int, int]], length: int, tail: bytes
) -> None:
    for spec, capture in CAPTURES:
        data = bytearray(capture)
        for at, value in changes:
            data[at % len(data)] = value
        broken = bytes(data[: length % (2 * len(data))]) + tail
        with contextlib.suppress(DecodeError):
            fits_the_wire(spec, ALL[spec.decoder](broken))


@pytest.mark.parametrize("name", [*decoders.PMD, *decoders.GSP])
@settings(max_examples=60)
@given(body=st.binary(min_size=1, max_size=250), kind=st.integers(0, 255))
def test_any_samples_are_whole_rows_or_a_decode_error(name: str, body: bytes, kind: int) -> None:
    number = {"polar_ecg": 0, "polar_ppg": 1, "polar_acc": 2}.get(name)
    data = bytes(4) + body if number is None else bytes([number, *bytes(8), kind]) + body
    try:
        frame = ALL[name](data)
    except DecodeError:
        return
    assert frame.samples.dtype == np.int32
    assert len(frame.samples) == 0 or frame.samples.shape[1] == len(frame.metrics)
    assert len(frame.scales) == len(frame.metrics)
