"""A device's clock laid along ours: rate, first-sample times, gaps."""

from __future__ import annotations

import random

import pytest
from vointi_contract.frame import Quality
from vointi_edge.sources.timeline import Timeline

FRAME = 73
TRUE_HZ = 130.045
ZERO_NS = 599_616_000 * 10**9


def last_ts(frame: int, rate_hz: float = TRUE_HZ) -> int:
    return ZERO_NS + round(((frame + 1) * FRAME - 1) * 1e9 / rate_hz)


def arrival(frame: int, rate_hz: float = TRUE_HZ, late_us: float = 0) -> int:
    return round(50_000_000 + ((frame + 1) * FRAME - 1) * 1e6 / rate_hz + late_us)


def test_the_rate_is_the_devices_own_not_the_nominal_one() -> None:
    timeline = Timeline(130)
    first = timeline.place(last_ts(0), FRAME, arrival(0))
    assert first is not None
    assert (first.rate_hz, first.quality) == (130, Quality.RATE_ESTIMATED)
    for frame in range(1, 2000):
        placed = timeline.place(last_ts(frame), FRAME, arrival(frame))
        assert placed is not None
        assert placed.quality == Quality.OK
    assert placed.rate_hz == pytest.approx(TRUE_HZ, abs=1e-6)


def test_first_sample_times_of_frames_join_without_seam() -> None:
    timeline = Timeline(130)
    generator = random.Random(1)
    end_us, seams = 0.0, []
    for frame in range(600):
        late_us = generator.expovariate(1 / 20_000)
        placed = timeline.place(last_ts(frame), FRAME, arrival(frame, late_us=late_us))
        assert placed is not None
        seams.append(abs(placed.mono_us - end_us))
        end_us = placed.mono_us + FRAME * 1e6 / placed.rate_hz
    assert max(seams[2:]) <= 40  # 50 ppm of a frame, and rounding
    assert placed.mono_us == pytest.approx(arrival(599) - 72e6 / TRUE_HZ, abs=40_000)


def test_one_very_late_frame_does_not_move_the_axis() -> None:
    timeline = Timeline(130)
    for frame in range(10):
        late_us = 8_000_000 if frame == 5 else 0
        placed = timeline.place(last_ts(frame), FRAME, arrival(frame, late_us=late_us))
        assert placed is not None
        assert placed.mono_us == pytest.approx(arrival(frame) - 72e6 / TRUE_HZ, abs=300)


@pytest.mark.parametrize("lost", [1, 2, 40])
def test_a_lost_notification_is_a_gap_of_known_length(lost: int) -> None:
    timeline = Timeline(130)
    for frame in range(20):
        timeline.place(last_ts(frame), FRAME, arrival(frame))
    frame = 20 + lost
    placed = timeline.place(last_ts(frame), FRAME, arrival(frame))
    assert placed is not None
    assert placed.missing == lost * FRAME
    assert placed.quality == Quality.GAP_BEFORE
    assert placed.rate_hz == pytest.approx(TRUE_HZ, abs=1e-6)


def test_a_clock_that_runs_off_by_half_a_percent_is_no_gap() -> None:
    timeline = Timeline(130)
    for frame in range(100):
        placed = timeline.place(last_ts(frame, 130.65), FRAME, arrival(frame, 130.65))
        assert placed is not None
        assert placed.missing == 0


def test_a_repeated_frame_is_dropped_and_a_clock_set_back_is_a_gap() -> None:
    timeline = Timeline(130)
    for frame in range(10):
        timeline.place(last_ts(frame), FRAME, arrival(frame))
    assert timeline.place(last_ts(9), FRAME, arrival(9)) is None
    placed = timeline.place(1_000_000_000, FRAME, arrival(10))
    assert placed is not None
    assert placed.quality == Quality.GAP_BEFORE
    assert placed.mono_us == pytest.approx(arrival(10) - 72e6 / TRUE_HZ, abs=1)
    after = timeline.place(1_000_000_000 + round(FRAME * 1e9 / TRUE_HZ), FRAME, arrival(11))
    assert after is not None
    assert after.quality == Quality.OK


def test_the_axis_follows_quartz_drift() -> None:
    """A device whose second is 40 ppm long stays within 20 ms of us for a day."""
    timeline = Timeline(50)
    count, frame_s = 50, 1.0
    for frame in range(86_400):
        here_us = round(50e6 + (frame * frame_s + 0.98) * 1e6 * (1 + 40e-6))
        device_ns = ZERO_NS + round((frame * frame_s + 0.98) * 1e9)
        placed = timeline.place(device_ns, count, here_us)
        assert placed is not None
        assert placed.mono_us + 980_000 == pytest.approx(here_us, abs=20_000)
