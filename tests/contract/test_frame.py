"""Samples become physical values and times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from vointi_contract import golden
from vointi_contract.frame import Channel, Loss, Quality

CASES = {case.name: case.batch for case in golden.cases()}


def test_physical_values_are_scaled_and_offset() -> None:
    pressure = Channel(42, np.array([51_325, 50_000], np.int32), 0.01, 500.0)
    np.testing.assert_allclose(pressure.physical(), [1013.25, 1000.0])
    assert pressure.physical().dtype == np.float64


def test_decimal_scales_stay_exact() -> None:
    assert Channel(17, np.array([366], np.int32), 0.1).physical()[0] == 366 * 0.1


def test_channels_compare_by_value() -> None:
    one = Channel(1, np.array([1, 2], np.int32))
    assert one == Channel(1, np.array([1, 2], np.int32))
    assert hash(one) == hash(Channel(1, np.array([1, 2], np.int32)))
    assert one != Channel(1, np.array([1, 3], np.int32))
    assert one != Channel(1, np.array([1, 2], np.int32), 2.0)
    assert one != Channel(2, np.array([1, 2], np.int32))
    assert one != "channel"


def test_regular_samples_are_evenly_spaced() -> None:
    frame = CASES["ecg"].frames[0]
    offsets = frame.sample_offsets_us(frame.channels[0])
    assert offsets[0] == 0
    assert offsets[72] == round(72 * 1e6 / 130.045)
    assert offsets.dtype == np.int64


def test_a_shorter_channel_belongs_to_the_last_offsets() -> None:
    frame = CASES["beats"].frames[0]
    beats, intervals = frame.channels
    assert frame.sample_offsets_us(beats).tolist() == [0, 833_000, 1_674_000]
    assert frame.sample_offsets_us(intervals).tolist() == [833_000, 1_674_000]


def test_scalars_share_the_frame_s_time() -> None:
    frame = CASES["heart_rate"].frames[0]
    assert frame.sample_offsets_us(frame.channels[1]).tolist() == [0, 0]


def test_a_loss_counts_both_ends() -> None:
    assert Loss("a", 1, 5, 5, "full").count == 1
    assert Loss("a", 1, 5, 9, "full").count == 5


def test_quality_keeps_bits_that_are_not_known_yet() -> None:
    newer = replace(CASES["ecg"].frames[0], quality=Quality(1 << 20 | 1))
    assert Quality.GAP_BEFORE in newer.quality
    assert int(newer.quality) == 1 << 20 | 1
