"""Decimal texts and IIO files: every number that comes out is the number that was said."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vointi_edge.decoders.decimals import decimal_channel, decimal_text
from vointi_edge.decoders.iio import QUANTITIES, iio_channel, iio_files
from vointi_edge.errors import DecodeError
from wired_parts import FUZZED

NUMBERS = st.decimals(-(10**9), 10**9, places=6, allow_nan=False, allow_infinity=False)
TEXTS = st.one_of(NUMBERS.map(str), st.text(max_size=30), st.binary(max_size=30).map(
    lambda data: data.decode("ascii", "replace")))  # fmt: skip


@FUZZED
@given(st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False))
def test_a_channel_is_the_number_to_the_last_digit_that_fits(value: Decimal) -> None:
    found = float(decimal_channel("co2", value).physical()[0])
    assert found == pytest.approx(float(value), rel=2.5e-9, abs=6e-10)


@FUZZED
@given(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(0, 9))
def test_nine_digits_are_kept_exactly(digits: int, places: int) -> None:
    channel = decimal_channel("co2", Decimal(digits).scaleb(-places))
    assert Decimal(int(channel.values[0])) * Decimal(str(channel.scale)) == Decimal(digits).scaleb(
        -places
    )


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e13", "-1e999999"])
def test_what_no_sensor_says_is_refused(value: str) -> None:
    with pytest.raises(DecodeError, match="is no measurement"):
        decimal_channel("co2", Decimal(value))


@FUZZED
@given(TEXTS)
def test_a_text_is_a_plain_number_or_refused(text: str) -> None:
    try:
        value = decimal_text("in_temp_raw", text)
    except DecodeError as error:
        assert str(error).startswith("in_temp_raw: ")
        assert str(error).isprintable()
    else:
        assert value == Decimal(text)


@FUZZED
@given(st.sampled_from(sorted(QUANTITIES)), st.data())
def test_any_files_are_their_formula_or_a_clear_word(metric: str, data: st.DataObject) -> None:
    name = QUANTITIES[metric].channel
    every = [f"in_{name}_{kind}" for kind in ("input", "raw", "scale", "offset")]
    every += [f"in_{name.partition('_')[0]}_{kind}" for kind in ("scale", "offset")]
    files = data.draw(st.dictionaries(st.sampled_from(every), TEXTS))
    try:
        wanted = iio_files(metric, files)
        found = iio_channel(metric, {one: files[one] for one in wanted})
    except DecodeError as error:
        assert metric in str(error) or any(one in str(error) for one in every)
        return
    told = {one.rpartition("_")[2]: float(files[one].strip()) for one in wanted}
    if "input" in told:
        value = told["input"]
    else:
        value = (told["raw"] + told.get("offset", 0)) * told.get("scale", 1)
    value *= float(QUANTITIES[metric].factor)
    assert float(found.physical()[0]) == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_scale_and_offset_may_be_shared_by_a_type() -> None:
    present = ("in_concentration_co2_raw", "in_concentration_scale", "in_concentration_voc_scale")
    wanted = ("in_concentration_co2_raw", "in_concentration_scale")
    assert iio_files("co2", present) == wanted
    with pytest.raises(DecodeError, match="must not be 0"):
        iio_channel("co2", {wanted[0]: "500", wanted[1]: "0.000000"})
    with pytest.raises(DecodeError, match="no whole number of 32 bits"):
        iio_channel("co2", {wanted[0]: "4294967296"})
