"""QrsDetector: the beats of a known ECG, the same as the twin's, whatever the input."""

from __future__ import annotations

import numpy as np
import pytest
from beat_match import score
from ecg_sim import beat_times, ecg, with_noise
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from qrs_ref import Reference
from vointi_signals.errors import InputError, ParameterError, StateError
from vointi_signals.qrs import EVENT_DTYPE, QrsDetector, detect_qrs

Floats = NDArray[np.float64]


def made(seconds: float, fs: float, seed: int = 1) -> tuple[Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    times = beat_times(seconds, rng)
    ectopic = rng.random(len(times)) < 0.05
    return ecg(times, seconds, fs, ectopic), np.round(times * fs).astype(np.int64)


def f1(x: Floats, beats: NDArray[np.int64], fs: float) -> float:
    return score(beats, detect_qrs(x, fs)["index"], int(0.15 * fs)).f1


X, BEATS = made(40, 250.0)
NOISY = with_noise(X, BEATS, 250.0, "muscle", 12, 3)


@pytest.mark.parametrize("fs", [130.0, 250.0, 512.0])
def test_the_first_beat_stands_on_its_peak_wherever_the_signal_begins(fs: float) -> None:
    x, beats = made(12, fs)
    for cut in range(int(0.2 * fs)):
        found = detect_qrs(x[beats[2] - cut :], fs)["index"][0] + beats[2] - cut
        assert min(abs(found - beats[2]), abs(found - beats[3])) <= max(1, 0.004 * fs), cut


@pytest.mark.parametrize("fs", [100.0, 130.0, 130.045, 250.0, 360.0, 512.0, 1000.0])
def test_every_beat_of_a_clean_signal_is_found_to_the_sample(fs: float) -> None:
    x, beats = made(60, fs)
    result = score(beats, detect_qrs(x, fs)["index"], int(0.15 * fs))
    assert (result.missed, result.false) == (0, 0)
    assert np.median(np.abs(result.offsets)) <= 1


@pytest.mark.parametrize(
    ("kind", "snr_db", "floor"),
    [("wander", 0, 99.5), ("mains", 0, 99.5), ("motion", 12, 98.0), ("muscle", 12, 98.0)],
)
def test_noise_costs_little(kind: str, snr_db: float, floor: float) -> None:
    x, beats = made(120, 250.0)
    assert f1(with_noise(x, beats, 250.0, kind, snr_db, 5), beats, 250.0) >= floor


def test_polarity_offset_scale_and_coarse_steps_do_not_matter() -> None:
    assert f1(-X, BEATS, 250.0) > 99.5
    assert f1(X * 1e-6 + 2.0, BEATS, 250.0) > 99.5
    assert f1(np.round(X / 16), BEATS, 250.0) > 99.5
    assert f1(np.clip(X, -200, 400), BEATS, 250.0) > 98.0


@pytest.mark.parametrize("fs", [130.0, 250.0, 360.0, 1000.0])
def test_agrees_with_the_reference_twin(fs: float) -> None:
    x, beats = made(30, fs, seed=2)
    for kind, snr_db in (("muscle", 6), ("motion", 6), ("wander", 12)):
        noisy = with_noise(x, beats, fs, kind, snr_db, 9)
        events = detect_qrs(noisy, fs)
        twin = Reference(noisy, fs).run()
        assert [(int(e["index"]), bool(e["late"])) for e in events] == twin


@given(cuts=st.lists(st.integers(0, len(NOISY)), max_size=30))
@settings(max_examples=30, deadline=None)
def test_cutting_the_input_changes_nothing(cuts: list[int]) -> None:
    detector = QrsDetector(250.0)
    parts = [detector.push(part) for part in np.split(NOISY, sorted(cuts))]
    pieces = np.concatenate([*parts, detector.flush()])
    assert pieces.tobytes() == detect_qrs(NOISY, 250.0).tobytes()


def test_input_types_agree() -> None:
    whole = np.round(NOISY)
    want = detect_qrs(whole, 250.0).tobytes()
    for kind in (np.float32, np.int16, np.int32, ">f8", np.int64):
        assert detect_qrs(whole.astype(kind), 250.0).tobytes() == want
    assert detect_qrs(np.repeat(whole, 2)[::2], 250.0).tobytes() == want
    assert detect_qrs(whole.tolist(), 250.0).tobytes() == want


def test_beats_come_soon_after_their_r_peak() -> None:
    detector, delays = QrsDetector(250.0), []
    for i in range(len(X)):
        events = detector.push(X[i : i + 1])
        delays += [(i + 1 - e["index"]) / 250.0 for e in events if not e["late"]]
    assert np.median(delays) <= 0.150
    assert max(delays) <= 0.260
    assert abs(np.median(delays) - detector.latency_s) < 0.04


def test_only_learning_is_late_where_nothing_is_missed() -> None:
    x, _ = made(40, 250.0)
    events = detect_qrs(x, 250.0)
    assert events["late"].any()
    assert events["time_s"][events["late"]].max() < 3.0


def test_state_goes_on_where_it_was_left() -> None:
    whole = detect_qrs(NOISY, 250.0)
    for cut in (0, 1, 700, 3001, 5003):
        first, second = QrsDetector(250.0), QrsDetector(250.0)
        before = first.push(NOISY[:cut])
        saved = first.get_state()
        assert len(saved) <= 10_000
        second.set_state(saved)
        after = np.concatenate([second.push(NOISY[cut:]), second.flush()])
        assert np.concatenate([before, after]).tobytes() == whole.tobytes()


def test_foreign_and_damaged_states_are_refused() -> None:
    detector = QrsDetector(250.0)
    detector.push(X)
    saved = detector.get_state()
    damaged = bytearray(saved)
    damaged[200] ^= 1
    for bad in (b"", saved[:-1], bytes(damaged), saved.replace(b"VQRS", b"VXXX"), "text", None):
        with pytest.raises(StateError):
            detector.set_state(bad)  # type: ignore[arg-type]
    with pytest.raises(StateError, match="parameters"):
        QrsDetector(360.0).set_state(saved)


def test_a_gap_is_told_and_costs_no_new_learning() -> None:
    detector = QrsDetector(250.0)
    events = [detector.push(X[:4000]), detector.gap(1000), detector.push(X[5000:])]
    beats = np.concatenate([*events, detector.flush()])
    assert detector.gaps == 1
    assert detector.samples_seen == len(X)
    behind = beats[beats["index"] >= 5000]
    assert behind["after_gap"].tolist() == [True] + [False] * (len(behind) - 1)
    assert not behind["late"].any()
    inside = BEATS[(BEATS < 3950) | (BEATS > 5100)]
    assert score(inside, beats["index"], 37).missed == 0


@given(start=st.integers(0, 9000), length=st.integers(1, 2000))
@settings(max_examples=25, deadline=None)
def test_missing_samples_and_gap_are_the_same(start: int, length: int) -> None:
    one, two = QrsDetector(250.0), QrsDetector(250.0)
    a = [one.push(X[:start]), one.gap(length), one.push(X[start:])]
    nothing = np.full(length, np.nan)
    b = [two.push(X[:start]), two.push(nothing), two.push(X[start:])]
    assert np.concatenate(a).tobytes() == np.concatenate(b).tobytes()
    assert one.get_state() == two.get_state()


def test_a_short_hole_is_bridged() -> None:
    holed = X.copy()
    holed[np.arange(100, len(X), 500)] = np.nan
    detector = QrsDetector(250.0)
    events = np.concatenate([detector.push(holed), detector.flush()])
    assert detector.gaps == 0
    assert score(BEATS, events["index"], 37).f1 > 99.0


@pytest.mark.parametrize("level", [0.0, 1.0, -32768.0, 1e11])
def test_a_constant_has_no_beats(level: float) -> None:
    assert len(detect_qrs(np.full(20_000, level), 250.0)) == 0


def test_a_lead_that_comes_late_is_learnt() -> None:
    x = np.concatenate([np.zeros(5000), X])
    result = score(BEATS + 5000, detect_qrs(x, 250.0)["index"], 37)
    assert result.f1 > 99.0


def test_amplitude_that_falls_for_good_is_found_again() -> None:
    x = np.concatenate([X, 0.1 * X])
    tail = detect_qrs(x, 250.0)["time_s"]
    assert (tail > 60.0).sum() >= 20


wild = st.one_of(
    st.floats(width=32), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 32767.0, 1e11, 3e38])
)


@given(x=hnp.arrays(np.float64, st.integers(0, 3000), elements=wild, fill=wild))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_in_what_comes_out_is_in_order(x: Floats) -> None:
    detector = QrsDetector(130.0)
    events = np.concatenate(
        [detector.push(x), detector.push(X), detector.push(x), detector.flush()]
    )
    assert events.dtype == EVENT_DTYPE
    assert (np.diff(events["index"]) > 0).all()
    assert ((events["index"] >= 0) & (events["index"] < detector.samples_seen)).all()
    assert np.isfinite(events["amplitude"]).all()
    assert ((events["quality"] >= 0) & (events["quality"] <= 1)).all()


@pytest.mark.parametrize("fs", [0, 99.9, 1001, float("nan"), float("inf"), "fast", None])
def test_rates_out_of_range_are_refused(fs: object) -> None:
    with pytest.raises(ParameterError, match="fs"):
        QrsDetector(fs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "x", [np.zeros((3, 2)), np.zeros(3, complex), np.zeros(3, bool), "text", None]
)
def test_what_is_no_signal_is_refused(x: object) -> None:
    with pytest.raises(InputError):
        QrsDetector(250.0).push(x)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [-1, 1.5, True, "3", 2**41])
def test_what_is_no_count_is_refused(n: object) -> None:
    with pytest.raises(InputError, match="n_missing"):
        QrsDetector(250.0).gap(n)  # type: ignore[arg-type]


def test_empty_input_gives_no_events_and_reset_forgets() -> None:
    detector = QrsDetector(250.0)
    fresh = detector.get_state()
    assert len(detector.push(np.zeros(0))) == 0
    detector.push(X)
    detector.reset()
    assert detector.get_state() == fresh
