"""EcgQuality: clean is good, noise is not, a lead that is off is told."""

from __future__ import annotations

import numpy as np
import pytest
from ecg_sim import beat_times, ecg, with_noise
from ecg_twins import quality_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from vointi_signals.ecg_quality import EcgQuality
from vointi_signals.errors import InputError, ParameterError, StateError

FS = 250.0
TIMES = beat_times(40, np.random.default_rng(4))
CLEAN = ecg(TIMES, 40, FS) + np.random.default_rng(1).normal(0, 5, int(40 * FS))
BEATS = np.round(TIMES * FS).astype(np.int64)


def test_agrees_with_the_reference_twin() -> None:
    rows = EcgQuality(FS).push(CLEAN)
    twin = quality_rows(CLEAN, FS)
    assert len(rows) == len(twin) == 10
    for name in ("kurtosis", "qrs_share", "steady_share", "flat"):
        np.testing.assert_allclose(rows[name], [row[name] for row in twin], rtol=1e-5, atol=1e-6)


def test_noise_lowers_quality_step_by_step() -> None:
    levels = [CLEAN] + [with_noise(CLEAN, BEATS, FS, "muscle", db, 2) for db in (6, 0, -6)]
    means = [float(EcgQuality(FS).push(x)["quality"].mean()) for x in levels]
    assert means == sorted(means, reverse=True)
    assert means[0] > 0.95
    assert means[-1] < 0.5


def test_mains_and_pure_noise_are_noisy_not_lead_off() -> None:
    hum = with_noise(CLEAN, BEATS, FS, "mains", -6, 2)
    for x in (hum, np.random.default_rng(3).normal(0, 100, 10_000)):
        rows = EcgQuality(FS).push(x)
        assert rows["noisy"].all()
        assert not rows["lead_off"].any()


@pytest.mark.parametrize("level", [0.0, 32767.0, np.nan])
def test_flat_railed_or_missing_is_lead_off(level: float) -> None:
    rows = EcgQuality(FS).push(np.concatenate([CLEAN[:2000], np.full(4000, level)]))
    assert rows["lead_off"].tolist() == [False, False, True, True, True, True]
    assert (rows["quality"][2:] == 0).all()


def test_clipping_is_told_and_a_plain_peak_is_not() -> None:
    assert not EcgQuality(FS).push(CLEAN)["saturated"].any()
    assert EcgQuality(FS).push(np.clip(CLEAN, -60, 300))["saturated"].all()


@given(cuts=st.lists(st.integers(0, len(CLEAN)), max_size=20))
@settings(max_examples=20, deadline=None)
def test_cutting_the_input_changes_nothing(cuts: list[int]) -> None:
    rater = EcgQuality(FS, 3.0)
    parts = np.concatenate([rater.push(part) for part in np.split(CLEAN, sorted(cuts))])
    assert parts.tobytes() == EcgQuality(FS, 3.0).push(CLEAN).tobytes()


def test_state_goes_on_where_it_was_left() -> None:
    first, second = EcgQuality(FS), EcgQuality(FS)
    first.push(CLEAN[:3333])
    second.set_state(first.get_state())
    assert second.push(CLEAN[3333:]).tobytes() == first.push(CLEAN[3333:]).tobytes()
    for bad in (b"", first.get_state()[:-1], None):
        with pytest.raises(StateError):
            second.set_state(bad)  # type: ignore[arg-type]


def test_gap_counts_as_missing_and_flush_closes_a_half_window() -> None:
    rater = EcgQuality(FS)
    rater.push(CLEAN[:400])
    rows = rater.gap(700)
    assert rows["missing"][0] == pytest.approx(0.6)
    assert len(rater.flush()) == 0
    rater.push(CLEAN[:600])
    assert len(rater.flush()) == 1


@given(x=hnp.arrays(np.float64, st.integers(0, 2000), elements=st.floats()))
@settings(max_examples=40, deadline=None)
def test_whatever_comes_in_quality_is_between_0_and_1(x: np.ndarray) -> None:
    rows = EcgQuality(100.0, 1.0).push(x)
    assert ((rows["quality"] >= 0) & (rows["quality"] <= 1)).all()


def test_wrong_parameters_and_input_are_refused() -> None:
    for fs, window in ((50, 4), (2000, 4), (250, 0.1), (250, 1e9), ("x", 4), (float("nan"), 4)):
        with pytest.raises(ParameterError):
            EcgQuality(fs, window)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        EcgQuality(FS).push(np.zeros((2, 2)))
    with pytest.raises(InputError):
        EcgQuality(FS).gap(-1)
