"""Epochs of movement and what is read from them."""

from __future__ import annotations

import motion_sim
import motion_twin
import numpy as np
import pytest
from numpy.typing import NDArray
from vointi_signals.errors import InputError, ParameterError, StateError
from vointi_signals.falls import FallCandidates
from vointi_signals.intensity import CUT_POINTS, Intensity, classify
from vointi_signals.motion import EPOCH_DTYPE, MotionEpochs
from vointi_signals.posture import Posture, PostureTracker
from vointi_signals.sleep import SleepWake
from vointi_signals.wear import WearDetector

Array = NDArray[np.float64]


def signal(n: int, seed: int = 1) -> Array:
    rng = np.random.default_rng(seed)
    return np.array([0.1, -0.3, 0.9]) + rng.normal(0, 0.2, (n, 3))


@pytest.mark.parametrize(("fs", "epoch_s"), [(52.0, 6.0), (130.045, 5.0), (400.0, 6.0), (20.0, 1)])
def test_twin_measures_the_same(fs: float, epoch_s: float) -> None:
    acc = signal(int(fs * 40))
    rows, twin = MotionEpochs(fs, epoch_s, "g").push(acc), motion_twin.epochs(acc, fs, epoch_s)
    assert len(rows) == len(twin["mad_mg"]) > 3
    for name, value in twin.items():
        np.testing.assert_allclose(rows[name], value, rtol=1e-5, atol=1e-6)
    assert (rows["coverage"] == 1).all()
    np.testing.assert_array_equal(rows["index"], np.arange(len(rows)) * round(fs * epoch_s))


def test_units_say_the_same() -> None:
    acc = signal(1000)
    g = MotionEpochs(50.0, 5.0, "g").push(acc)
    mg = MotionEpochs(50.0, 5.0, "mg").push((1000 * acc).round().astype(np.int16))
    ms2 = MotionEpochs(50.0, 5.0).push((acc * 9.80665).astype(np.float32))
    np.testing.assert_allclose(mg["mad_mg"], g["mad_mg"], atol=0.1)
    np.testing.assert_allclose(ms2["enmo_mg"], g["enmo_mg"], rtol=1e-4)
    with pytest.raises(ParameterError, match="unit"):
        MotionEpochs(50.0, 5.0, "feet")


def test_missing_samples_lower_the_coverage() -> None:
    acc = signal(1200)
    acc[100:160] = np.nan
    acc[600:900] = np.nan
    rows = MotionEpochs(50.0, 6.0, "g").push(acc)
    np.testing.assert_allclose(rows["coverage"], [0.8, 1, 0, 1])
    assert np.isfinite(rows["mad_mg"][[0, 1, 3]]).all()
    assert np.isnan(rows["mad_mg"][2])
    told = MotionEpochs(50.0, 6.0, "g")
    parts = [told.push(acc[:600]), told.gap(300), told.push(acc[900:])]
    assert np.concatenate(parts).tobytes() == rows.tobytes()


def test_flush_gives_the_last_epoch_when_half_was_seen() -> None:
    motion = MotionEpochs(50.0, 6.0, "g")
    motion.push(signal(149))
    assert len(motion.flush()) == 0
    motion.reset()
    motion.push(signal(200))
    row = motion.flush()
    assert row["coverage"][0] == pytest.approx(2 / 3)


@pytest.mark.parametrize("cuts", sorted(CUT_POINTS))
def test_classes_begin_at_their_cut_points(cuts: str) -> None:
    table = CUT_POINTS[cuts]
    edges = np.array([table.light, table.moderate, table.vigorous])
    below = classify(edges - 0.01, cuts).tolist()
    assert below == [Intensity.SEDENTARY, Intensity.LIGHT, Intensity.MODERATE]
    assert classify(edges, cuts).tolist() == [1, 2, 3]
    assert classify([np.nan], cuts).tolist() == [Intensity.UNKNOWN]


def test_unknown_cut_points_are_named() -> None:
    with pytest.raises(ParameterError, match="mad-hip"):
        classify([1.0], "mad-foot")


def epochs(down: Array, mad: Array, epoch_s: float, sd: float = 1.0) -> NDArray[np.void]:
    rows = np.zeros(len(down), EPOCH_DTYPE)
    rows["time_s"] = np.arange(len(down)) * epoch_s
    rows["mean_g"], rows["mad_mg"], rows["sd_mg"] = down, mad, sd
    rows["low_g"], rows["high_g"] = down - 2 * sd / 1000, down + 2 * sd / 1000
    rows["coverage"] = 1
    return rows


def test_posture_is_learnt_from_walking_in_any_orientation() -> None:
    turn = motion_sim.rotation(np.random.default_rng(1))
    up, lean = np.array([0, 0, 1.0]), np.array([0, np.sin(0.8), np.cos(0.8)])
    flat = np.array([0, 1.0, 0.05])
    down = np.array([flat] * 5 + [up] * 10 + [lean] * 5 + [flat] * 10) @ turn.T
    mad = np.array([5.0] * 5 + [200.0] * 10 + [5.0] * 15)
    tracker = PostureTracker()
    found = tracker.push(epochs(down, mad, 6.0)).tolist()
    assert found[:5] == [Posture.UNKNOWN] * 5
    assert found[5:15] == [Posture.UPRIGHT] * 10
    assert found[15:20] == [Posture.LEANING] * 5
    assert found[20:] == [Posture.LYING] * 10
    assert tracker.inactive_s == pytest.approx(15 * 6.0)


def test_a_worn_sensor_moves_and_one_on_a_table_does_not() -> None:
    n = 1200  # two hours in 6 s epochs
    rng = np.random.default_rng(2)
    table = np.tile([0.0, 0.0, 1.0], (n, 1))
    worn = table + rng.normal(0, 0.05, (n, 3))
    rows = epochs(np.concatenate([worn, table]), np.full(2 * n, 3.0), 6.0)
    wear = WearDetector(6.0)
    found = np.concatenate([wear.push(rows), wear.flush()])
    assert len(found) == 16
    assert found["known"].all()
    # 60 min of rest must be seen before it counts as not worn.
    assert found["worn"].tolist() == [True] * 11 + [False] * 5
    np.testing.assert_array_equal(found["time_s"], np.arange(16) * 900.0)


@pytest.mark.parametrize(
    ("sd_mg", "span_mg", "axes", "worn"),
    [(12.9, 49, 2, False), (13.1, 49, 3, True), (12.9, 51, 3, True), (12.9, 49, 1, True)],
)
def test_two_still_axes_of_three_are_not_worn(
    sd_mg: float, span_mg: float, axes: int, worn: bool
) -> None:
    rows = epochs(np.zeros((600, 3)), np.full(600, 3.0), 6.0, 100.0)
    rows["sd_mg"][:, :axes] = sd_mg
    rows["low_g"][:, :axes], rows["high_g"][:, :axes] = 0, span_mg / 1000
    wear = WearDetector(6.0)
    assert np.concatenate([wear.push(rows), wear.flush()])["worn"].tolist() == [worn] * 4


@pytest.mark.parametrize(
    ("angle", "posture"),
    [(29, Posture.UPRIGHT), (31, Posture.LEANING), (64, Posture.LEANING), (66, Posture.LYING)],
)
def test_postures_begin_at_their_angles(angle: float, posture: Posture) -> None:
    turn = np.deg2rad(angle)
    rows = epochs(np.array([[np.sin(turn), 0, np.cos(turn)]]), np.array([2.0]), 6.0)
    assert PostureTracker((0, 0, 1)).push(rows).tolist() == [posture]


def test_time_without_data_is_neither_worn_nor_not() -> None:
    rows = epochs(np.tile([0.0, 0.0, 1.0], (450, 1)), np.full(450, 3.0), 6.0)
    rows["mad_mg"][150:300] = np.nan
    wear = WearDetector(6.0)
    found = np.concatenate([wear.push(rows), wear.flush()])
    assert found["known"].tolist() == [True, False, True]


@pytest.mark.parametrize("method", ["z", "direction"])
def test_five_minutes_of_rest_are_sleep(method: str) -> None:
    angle = np.concatenate([np.tile([0.0, 0.5], 20), np.full(80, 0.2), [1.0], np.full(30, 0.3)])
    down = np.column_stack([np.cos(angle), np.zeros_like(angle), np.sin(angle)])
    sleep = SleepWake(5.0, method)  # type: ignore[arg-type]
    found = np.concatenate([sleep.push(epochs(down, np.full(len(down), 2.0), 5.0)), sleep.flush()])
    assert len(found) == len(angle)
    np.testing.assert_array_equal(found["time_s"], np.arange(len(angle)) * 5.0)
    asleep = np.flatnonzero(found["asleep"])
    assert asleep[0] == 40
    assert asleep[-1] == 119
    assert len(asleep) == 80


@pytest.mark.parametrize("make", [PostureTracker, WearDetector, SleepWake])
def test_epoch_routines_can_be_cut_and_restored(make: type) -> None:
    rng = np.random.default_rng(3)
    down = np.cumsum(rng.normal(0, 0.02, (900, 3)), axis=0) + np.array([0, 0, 1])
    rows = epochs(down, rng.uniform(0, 200, 900), 6.0)
    whole = make()
    want = whole.push(rows)
    first, second = make(), make()
    a = first.push(rows[:431])
    second.set_state(first.get_state())
    b = [second.push(rows[i : i + 7]) for i in range(431, 900, 7)]
    assert np.concatenate([a, *b]).tobytes() == want.tobytes()
    for bad in (b"", b"{}", 1, first.get_state()[:-3], first.get_state().replace(b"1", b"7")):
        with pytest.raises(StateError):
            second.set_state(bad)
    with pytest.raises(InputError, match="epochs"):
        make().push(np.zeros(3))


def fall(fs: float, angle: float, rest_sd: float, seed: int = 4) -> Array:
    """Upright, half a second of falling, an impact of 4 g, then rest at ``angle``."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(fs * 20)) / fs
    turn = angle * np.clip((t - 10) / 0.5, 0, 1)
    acc = np.column_stack([np.sin(turn), np.zeros_like(t), np.cos(turn)])
    acc[(t >= 10) & (t < 10.4)] *= 0.2
    acc[(t >= 10.5) & (t < 10.55)] *= 4
    sd = np.where(t > 11, rest_sd, 0.02)[:, None]
    return acc @ motion_sim.rotation(rng).T + rng.normal(0, 1, acc.shape) * sd


def test_a_fall_is_a_candidate_only_when_asked_for() -> None:
    acc = fall(50.0, 1.5, 0.02)
    assert len(FallCandidates(50.0, "g").push(acc)) == 0
    found = FallCandidates(50.0, "g", enabled=True).push(acc)
    assert len(found) == 1
    assert found["time_s"][0] == pytest.approx(10.5, abs=0.1)
    assert found["amplitude"][0] == pytest.approx(4, abs=0.3)


def test_a_jump_and_a_struggle_are_none() -> None:
    assert len(FallCandidates(50.0, "g", enabled=True).push(fall(50.0, 0.1, 0.02))) == 0
    assert len(FallCandidates(50.0, "g", enabled=True).push(fall(50.0, 1.5, 0.4))) == 0
