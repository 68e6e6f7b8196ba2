"""Report on change: moved values and heartbeats are told, the rest is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from edge_parts import models
from hypothesis import given
from hypothesis import strategies as st
from vointi_contract.frame import Channel, Quality
from vointi_contract.metrics import by_name
from vointi_edge.processing.on_change import OnChange
from vointi_edge.reading import Reading
from wired_parts import FUZZED

SECOND_US = 1_000_000
MODELS = {"air-1": models()["sensirion-scd4x"], "strap-1": models()["polar-h10"]}
REPORT = MODELS["air-1"].streams[0].report


def air(at_s: float, quality: Quality = Quality.OK, **values: float) -> Reading:
    channels = tuple(
        Channel(by_name(name).code, np.array([round(value * 100)], np.int32), 0.01)
        for name, value in values.items()
    )
    at_us = round(at_s * SECOND_US)
    return Reading("air-1", "air", at_us, None, 0.0, None, channels, None, quality)


def test_a_still_room_is_told_at_each_heartbeat() -> None:
    on_change = OnChange(MODELS)
    told = [on_change.tells(air(5 * n, co2=600 + n % 2)) for n in range(30)]
    assert [5 * n for n, one in enumerate(told) if one] == [0, 30, 60, 90, 120]


def test_what_moved_is_told_at_once_and_is_what_the_next_is_compared_with() -> None:
    on_change = OnChange(MODELS)
    assert on_change.tells(air(0, co2=600, room_temperature=21))
    assert not on_change.tells(air(5, co2=619, room_temperature=21.19))
    assert on_change.tells(air(10, co2=620, room_temperature=21.1))
    assert not on_change.tells(air(15, co2=601, room_temperature=21.1))
    assert on_change.tells(air(20, co2=620, room_temperature=21.3))


def test_another_quality_another_set_of_values_and_a_clock_that_went_back_are_told() -> None:
    on_change = OnChange(MODELS)
    assert on_change.tells(air(100, co2=600))
    assert on_change.tells(air(101, Quality.GAP_BEFORE, co2=600))
    assert on_change.tells(air(102, co2=600))
    assert on_change.tells(air(103, co2=600, room_humidity=40))
    assert on_change.tells(air(104, room_humidity=40))
    assert on_change.tells(air(50, room_humidity=40))
    assert not on_change.tells(air(51, room_humidity=40))


def test_other_streams_and_devices_are_not_touched() -> None:
    on_change = OnChange(MODELS)
    for _ in range(3):
        assert on_change.tells(replace(air(0, co2=1), device="strap-1", stream="hr"))
        assert on_change.tells(replace(air(0, co2=1), device="air-1", stream="other"))


@FUZZED
@given(st.lists(st.integers(-40, 40), max_size=60))
def test_what_is_left_out_is_never_further_off_than_the_change(steps: list[int]) -> None:
    on_change = OnChange(MODELS)
    value, told, told_s = 800.0, None, 0
    for n, step in enumerate(steps):
        value += step
        if on_change.tells(air(5 * n, co2=value)):
            told, told_s = value, 5 * n
        assert told is not None
        assert abs(value - told) < REPORT.change["co2"]
        assert 5 * n - told_s < REPORT.heartbeat_s
