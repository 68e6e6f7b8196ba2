"""The measurement protocol's control point, without a radio."""

from __future__ import annotations

import pytest
from vointi_sim.wearables import polar
from vointi_sim.wearables.polar import Measurement, Setting, Status

ECG = {Setting.SAMPLE_RATE: (130,), Setting.RESOLUTION: (14,)}


def test_a_start_request_is_parsed() -> None:
    request = polar.parse(bytes.fromhex("02000001820001010e00"))
    assert (request.operation, request.measurement) == (2, 0)
    assert request.chosen == {Setting.SAMPLE_RATE: 130, Setting.RESOLUTION: 14}
    assert polar.refusal(ECG, request.chosen) is Status.SUCCESS


@pytest.mark.parametrize(
    ("request_hex", "status"),
    [
        ("", Status.INVALID_LENGTH),
        ("02", Status.INVALID_LENGTH),
        ("020000018200010e", Status.INVALID_LENGTH),
        ("0200000282000e00", Status.INVALID_LENGTH),
        ("020009010000", Status.INVALID_PARAMETER),
    ],
)
def test_broken_requests(request_hex: str, status: Status) -> None:
    with pytest.raises(polar.RequestError) as caught:
        polar.parse(bytes.fromhex(request_hex))
    assert caught.value.status is status


@pytest.mark.parametrize(
    ("chosen", "status"),
    [
        ({Setting.SAMPLE_RATE: 360}, Status.INVALID_SAMPLE_RATE),
        ({Setting.RESOLUTION: 16}, Status.INVALID_RESOLUTION),
        ({Setting.RANGE: 8}, Status.INVALID_RANGE),
    ],
)
def test_settings_that_are_not_offered(chosen: dict[Setting, int], status: Status) -> None:
    assert polar.refusal(ECG, chosen) is status


def test_answers_byte_for_byte() -> None:
    assert (
        polar.answer(1, 0, Status.SUCCESS, polar.offer(ECG)).hex() == "f0010000000001820001010e00"
    )
    assert polar.answer(2, 0, Status.ALREADY_IN_STATE).hex() == "f0020006"
    both = {Measurement.ECG: ECG, Measurement.ACCELERATION: ECG}
    assert polar.features(both).hex() == "0f0500" + 14 * "00"


def test_the_unset_clock_starts_in_2019() -> None:
    # 19 years after 2000-01-01, five of them leap years.
    assert polar.UNSET_CLOCK_NS == (19 * 365 + 5) * 86_400 * 10**9
