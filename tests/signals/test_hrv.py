"""RrCleaner, HrvWindow and EcgRespiration: intervals marked, then measured."""

from __future__ import annotations

import numpy as np
import pytest
from ecg_sim import beat_times, ecg
from ecg_twins import breathing, hrv, rr_marks
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal
from vointi_signals.edr import EcgRespiration, breathing_rate
from vointi_signals.errors import InputError, ParameterError, StateError
from vointi_signals.hrv import HRV_FIELDS, HrvWindow, measure_hrv
from vointi_signals.lomb import lomb_psd
from vointi_signals.qrs import EVENT_DTYPE, detect_qrs
from vointi_signals.rr import RR_DTYPE, RrCleaner, RrMark, clean_rr

Floats = NDArray[np.float64]
TIMES = beat_times(400, np.random.default_rng(8))


def with_ectopy(times: Floats) -> Floats:
    """Move every 20th beat early, the next stays: short, then long."""
    moved = times.copy()
    moved[10::20] -= 0.3
    return moved


def test_regular_intervals_are_normal_and_premature_beats_are_not() -> None:
    assert (clean_rr(TIMES)["mark"] == RrMark.NORMAL).all()
    marks = clean_rr(with_ectopy(TIMES))["mark"]
    early = np.arange(9, len(marks), 20)
    assert (marks[early] == RrMark.ECTOPIC).all()
    assert (marks[early[early + 1 < len(marks)] + 1] == RrMark.ECTOPIC).all()
    assert (marks != RrMark.NORMAL).sum() == 2 * len(early)


def test_a_missed_and_an_extra_beat_are_marked() -> None:
    for times in (np.delete(TIMES, 50), np.sort(np.append(TIMES, TIMES[50] + 0.35))):
        marks = clean_rr(times)["mark"]
        assert 1 <= (marks != RrMark.NORMAL).sum() <= 3
        assert (marks[:45] == RrMark.NORMAL).all()


def test_a_new_rate_is_believed_after_three_beats() -> None:
    times = np.concatenate([np.arange(20) * 1.0, 19 + np.arange(1, 30) * 0.5])
    marks = clean_rr(times)["mark"]
    assert (marks[24:] == RrMark.NORMAL).all()


def test_a_gap_leaves_no_interval() -> None:
    gaps = np.zeros(len(TIMES), bool)
    gaps[30] = True
    rows = clean_rr(TIMES, gaps)
    assert rows["mark"][29] == RrMark.UNKNOWN
    assert (np.delete(rows["mark"], 29) == RrMark.NORMAL).all()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_marks_agree_with_the_reference_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.choice([0.2, 0.5, 0.8, 0.82, 0.9, 1.3, 2.5], 60))
    assert clean_rr(times)["mark"].tolist() == rr_marks(times)


@given(cuts=st.lists(st.integers(0, len(TIMES)), max_size=15))
@settings(max_examples=20, deadline=None)
def test_cutting_the_beats_changes_nothing(cuts: list[int]) -> None:
    times = with_ectopy(TIMES)
    cleaner, window = RrCleaner(), HrvWindow(60, 7)
    rows, measured = [], []
    for part in np.split(times, sorted(cuts)):
        rows.append(cleaner.push(part))
        measured.append(window.push(rows[-1]))
    whole = RrCleaner().push(times)
    assert np.concatenate(rows).tobytes() == whole.tobytes()
    assert np.concatenate(measured).tobytes() == HrvWindow(60, 7).push(whole).tobytes()


def test_measures_agree_with_the_reference_twin() -> None:
    rows = clean_rr(with_ectopy(TIMES))
    inside = rows[rows["time_s"] <= 300.0]
    got = measure_hrv(inside, 300.0, 300.0)
    want = hrv(inside["time_s"], inside["rr_ms"], inside["mark"] == 0)
    for name, value in want.items():
        assert got[name][0] == pytest.approx(value, rel=1e-9), name


def test_known_variation_is_measured() -> None:
    rows = np.zeros(375, RR_DTYPE)
    rows["rr_ms"] = 800.0 + np.where(np.arange(375) % 2 == 0, 30.0, -30.0)
    rows["time_s"] = np.cumsum(rows["rr_ms"]) / 1000.0
    got = measure_hrv(rows, 300.0, 300.0)
    assert got["rmssd_ms"][0] == pytest.approx(60.0)
    assert got["sdnn_ms"][0] == pytest.approx(30.0, rel=0.01)
    assert got["pnn50"][0] == 100.0
    assert got["mean_hr"][0] == pytest.approx(75.0, rel=1e-3)


def test_the_spectrum_keeps_the_power_of_a_sine() -> None:
    times = np.cumsum(np.full(375, 0.8))
    hz = np.arange(0.04, 0.40, 0.0025)
    psd = lomb_psd(times, 20.0 * np.sin(2 * np.pi * 0.1 * times), hz)
    assert psd.sum() * 0.0025 == pytest.approx(200.0, rel=0.05)
    scipys = signal.lombscargle(times, np.sin(times) - np.sin(times).mean(), 2 * np.pi * hz)
    ours = lomb_psd(times, np.sin(times), hz)
    np.testing.assert_allclose(ours / ours.sum(), scipys / scipys.sum(), rtol=1e-9, atol=1e-12)


def test_nothing_is_reported_where_too_little_is_left() -> None:
    rows = clean_rr(TIMES)
    rows["mark"][::3] = RrMark.ECTOPIC
    for row in HrvWindow(300, 30).push(rows):
        assert row["coverage"] < 0.8
        assert all(np.isnan(row[name]) for name in HRV_FIELDS[2:])
    short = HrvWindow(60, 30).push(clean_rr(TIMES))
    assert np.isfinite(short["rmssd_ms"]).all()
    assert np.isnan(short["lf_hf"]).all()


def test_windows_slide_and_a_pause_of_hours_is_not_a_million_rows() -> None:
    window = HrvWindow(60, 30)
    rows = clean_rr(TIMES)
    first = window.push(rows)
    assert np.allclose(np.diff(first["time_s"]), 30.0)
    rows["time_s"] += 1e9
    again = window.push(rows)
    assert len(again) < 20
    assert np.isfinite(again["rmssd_ms"][-1])


def test_detected_beats_give_the_hrv_of_the_true_ones() -> None:
    x = ecg(TIMES, 400, 250.0)
    events = detect_qrs(x, 250.0)
    got = HrvWindow(300, 50).push(clean_rr(events["time_s"], events["after_gap"]))
    want = HrvWindow(300, 50).push(clean_rr(TIMES))
    assert np.abs(got["rmssd_ms"] - want["rmssd_ms"]).max() < 1.0
    assert np.abs(got["mean_hr"] - want["mean_hr"]).max() < 0.05


def events_of(times: Floats, breath_hz: float) -> NDArray[np.void]:
    events = np.zeros(len(times), EVENT_DTYPE)
    events["time_s"] = times
    events["amplitude"] = 1000 + 80 * np.sin(2 * np.pi * breath_hz * times)
    return events


@pytest.mark.parametrize("breath_hz", [0.13, 0.2, 0.25, 0.33, 0.45])
def test_breathing_is_found_in_the_amplitude(breath_hz: float) -> None:
    times = np.cumsum(np.random.default_rng(2).normal(0.85, 0.01, 150))
    rows = EcgRespiration().push(events_of(times, breath_hz))
    assert len(rows) > 10
    assert np.abs(rows["breaths_per_min"] - 60 * breath_hz).max() < 1.5


def test_breathing_agrees_with_the_reference_twin() -> None:
    times = TIMES[:40]
    events = events_of(times, 0.25)
    rate, quality = breathing_rate(times, events["amplitude"].astype(float), 32.0)
    want_hz, want_quality = breathing(times, events["amplitude"].astype(float))
    assert rate == pytest.approx(60 * want_hz, rel=1e-6)
    assert quality == pytest.approx(want_quality, rel=1e-6)


def test_no_breathing_rate_without_a_line_or_with_too_few_beats() -> None:
    rng = np.random.default_rng(11)
    events = events_of(np.cumsum(rng.normal(0.85, 0.05, 200)), 0.25)
    events["amplitude"] = rng.normal(1000, 50, 200)
    assert np.isnan(EcgRespiration().push(events)["breaths_per_min"]).mean() > 0.7
    assert breathing_rate(np.arange(5.0), np.arange(5.0), 32.0)[1] == 0.0
    events["after_gap"] = True
    assert len(EcgRespiration().push(events)) == 0


def test_breathing_does_not_depend_on_cuts_or_restarts() -> None:
    events = events_of(TIMES, 0.3)
    whole = EcgRespiration().push(events)
    first, second = EcgRespiration(), EcgRespiration()
    before = first.push(events[:133])
    second.set_state(first.get_state())
    assert np.concatenate([before, second.push(events[133:])]).tobytes() == whole.tobytes()


def test_states_go_on_where_they_were_left() -> None:
    rows = clean_rr(with_ectopy(TIMES))
    first, second = HrvWindow(60, 10), HrvWindow(60, 10)
    first.push(rows[:200])
    second.set_state(first.get_state())
    assert second.push(rows[200:]).tobytes() == first.push(rows[200:]).tobytes()
    one, two = RrCleaner(), RrCleaner()
    one.push(TIMES[:100])
    two.set_state(one.get_state())
    assert two.push(TIMES[100:]).tobytes() == one.push(TIMES[100:]).tobytes()
    for routine in (one, first, EcgRespiration()):
        with pytest.raises(StateError):
            routine.set_state(b"{}")
    with pytest.raises(StateError):
        HrvWindow(90, 10).set_state(first.get_state())


@given(times=st.lists(st.floats(0, 1e9), max_size=60))
@settings(max_examples=40, deadline=None)
def test_whatever_beats_come_in_the_chain_holds(times: list[float]) -> None:
    rows = clean_rr(np.sort(times))
    for row in HrvWindow(30, 5).push(rows):
        assert 0 <= row["coverage"] <= 1
    assert len(rows) == max(0, len(times) - 1)


def test_wrong_input_is_refused() -> None:
    for times in ([2.0, 1.0], [np.nan], [-1.0], [[1.0]], ["x"], [1e300]):
        with pytest.raises(InputError):
            RrCleaner().push(times)  # type: ignore[arg-type]
    for limit in (0, 1, -1, "x", True):
        with pytest.raises(ParameterError):
            RrCleaner(limit)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        HrvWindow().push(np.zeros(3))  # type: ignore[arg-type]
    with pytest.raises(InputError):
        EcgRespiration().push(np.zeros(3))  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        HrvWindow(window_s=1)
    with pytest.raises(ParameterError):
        EcgRespiration(window_s=1)
    bad = np.zeros(1, RR_DTYPE)
    bad["time_s"] = np.inf
    with pytest.raises(InputError):
        HrvWindow().push(bad)
