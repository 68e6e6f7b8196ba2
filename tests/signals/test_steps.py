"""StepCounter: walking counts, everything else does not."""

from __future__ import annotations

from pathlib import Path

import footswitch
import motion_sim
import numpy as np
import pytest
import steps_twin
from numpy.typing import NDArray
from vointi_signals.steps import StepCounter

Array = NDArray[np.float64]


def walk(fs: float, steps: int, cadence: float, rng: np.random.Generator, rest: float) -> Array:
    """A trunk that walks ``steps`` steps between two rests, in a random orientation, m/s2."""
    step_s = 60 / cadence
    t = np.arange(int(fs * (2 * rest + steps * step_s))) / fs
    phase = (t - rest) / step_s
    on = (phase >= 0) & (phase < steps)
    up = 2.2 * np.cos(2 * np.pi * phase) + 0.8 * np.cos(4 * np.pi * phase + 0.7)
    acc = np.zeros((t.size, 3))
    acc[:, 2] = motion_sim.G + on * up
    acc[:, 0] = on * 0.8 * np.sin(2 * np.pi * phase)
    acc[:, 1] = on * 0.6 * np.sin(np.pi * phase)
    return acc @ motion_sim.rotation(rng).T + rng.normal(0, 0.05, acc.shape)


def count(acc: Array, fs: float, unit: str = "m/s2") -> int:
    counter = StepCounter(fs, unit)
    events = np.concatenate([counter.push(acc), counter.flush()])
    assert len(events) == counter.steps
    return counter.steps


@pytest.mark.parametrize("fs", [20.0, 26.0, 52.0, 100.0, 400.0])
@pytest.mark.parametrize("cadence", [80.0, 110.0, 150.0])
def test_walking_counts(fs: float, cadence: float) -> None:
    acc = walk(fs, 100, cadence, np.random.default_rng(1), 6.0)
    assert abs(count(acc, fs) - 100) <= 2


def test_units_say_the_same() -> None:
    acc = walk(52.0, 60, 110, np.random.default_rng(2), 5.0)
    times = []
    for unit, factor in (("m/s2", 1.0), ("g", 1 / motion_sim.G), ("mg", 1000 / motion_sim.G)):
        times.append(StepCounter(52.0, unit).push(acc * factor)["time_s"])
    np.testing.assert_allclose(times[0], times[1], atol=1e-9)
    np.testing.assert_allclose(times[0], times[2], atol=1e-9)


def test_steps_come_at_once_when_the_walk_is_certain() -> None:
    acc = walk(50.0, 40, 110, np.random.default_rng(3), 6.0)
    counter = StepCounter(50.0)
    first, late = None, []
    for i in range(0, len(acc), 25):
        events = counter.push(acc[i : i + 25])
        if len(events) and first is None:
            first = events
        late += (i / 50 + 0.5 - events["time_s"][~events["late"]]).tolist()
        if len(events) and 8 < i / 50 < 25:
            assert counter.cadence == pytest.approx(110, abs=4)
    assert first is not None
    assert len(first) >= 8
    assert first["late"][:-1].all()
    assert max(late) < counter.latency_s + 0.5
    assert counter.cadence == 0


def test_a_gap_ends_the_walk_and_keeps_the_time() -> None:
    acc = walk(50.0, 80, 110, np.random.default_rng(4), 5.0)
    counter, holed = StepCounter(50.0), acc.copy()
    told = np.concatenate([counter.push(acc[:1000]), counter.gap(400), counter.push(acc[1400:])])
    holed[1000:1400] = np.nan
    same = StepCounter(50.0).push(holed)
    np.testing.assert_array_equal(told, same)
    assert told["after_gap"].sum() == 1
    marked = told[told["after_gap"]]["time_s"][0]
    assert marked > 28
    lost = 400 / 50 * 110 / 60
    assert abs(len(told) - (80 - lost)) <= 4


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("what", ["sitting", "typing", "car", "bus", "rough bus"])
def test_who_does_not_walk_makes_no_steps(what: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    minutes = 3
    if what == "sitting":
        acc = motion_sim.sitting(52.0, 60 * minutes, rng)
    elif what == "typing":
        acc = motion_sim.typing(52.0, 60 * minutes, rng)
    else:
        rough = 3.0 if what.startswith("rough") else 1.0
        acc = motion_sim.riding(52.0, 60 * minutes, rng, bus="bus" in what, rough=rough)
    assert count(acc, 52.0) <= 2 * minutes


@pytest.mark.parametrize("seed", [[10, 10, 1], [1340, 77]])
def test_the_evenest_rides_of_many_make_no_steps(seed: list[int]) -> None:
    """Of 750 rides of 5 min, those in which the springs bounce most like a walker."""
    acc = motion_sim.riding(52.0, 300, np.random.default_rng(seed), bus=True)
    assert count(acc, 52.0) == 0


@pytest.mark.parametrize("cadence", [70.0, 80.0, 95.0])
def test_slow_and_uneven_walkers_count(cadence: float) -> None:
    """An old person's walk: steps that vary by 4 % in time and by 12 % in force."""
    rng, fs, steps = np.random.default_rng(6), 52.0, 60
    edges = 5 + np.cumsum(60 / cadence * (1 + 0.04 * rng.normal(size=steps + 1)))
    t = np.arange(int(fs * (edges[-1] + 5))) / fs
    phase = np.interp(t, edges, np.arange(steps + 1))
    force = 1.2 * (1 + 0.12 * rng.normal(size=steps + 1))[phase.astype(int)]
    on = (t > edges[0]) & (t < edges[-1])
    acc = np.tile([0.0, 0.0, motion_sim.G], (t.size, 1)) + rng.normal(0, 0.1, (t.size, 3))
    acc[:, 2] += on * force * (np.cos(2 * np.pi * phase) + 0.3 * np.cos(4 * np.pi * phase + 0.7))
    assert abs(count(acc, fs) - steps) <= 2


def test_a_standing_sensor_and_nothing_at_all() -> None:
    assert count(np.tile([0.0, 0.0, 9.8], (5000, 1)), 50.0) == 0
    assert count(np.full((5000, 3), np.nan), 50.0) == 0
    assert count(np.zeros((0, 3)), 50.0) == 0


def test_twin_counts_the_same_steps() -> None:
    rng = np.random.default_rng(5)
    parts = [
        walk(60.0, 50, 105, rng, 3.0),
        motion_sim.riding(60.0, 20, rng, bus=True, rough=4),
        walk(60.0, 30, 125, rng, 1.0),
    ]
    acc = np.concatenate(parts)
    counter = StepCounter(60.0)
    found = np.concatenate([counter.push(acc), counter.flush()])
    twin = steps_twin.steps(acc, 60.0)
    assert len(found) == len(twin) > 60
    assert np.ptp(twin - found["time_s"]) < 1e-9


def _resampled(file: Path, fs: float) -> Array:
    with np.load(file) as d:
        t, acc = d["t_s"] - d["t_s"][0], d["acc_ms2"].astype(float)
    order = np.argsort(t, kind="stable")
    grid = np.arange(0, t.max(), 1 / fs)
    return np.column_stack([np.interp(grid, t[order], acc[order, i]) for i in range(3)])


@pytest.mark.recordings
def test_oxford_validation(recordings: Path) -> None:
    files = sorted((recordings / "steps" / "oxford").glob("validation_*.npz"))
    errors = []
    for file in files:
        with np.load(file) as d:
            true = int(d["steps"])
        errors.append(abs(count(_resampled(file, 100.0), 100.0) - true) / true)
    assert np.mean(errors) < 0.01


@pytest.mark.recordings
def test_oxford_foot_switch(recordings: Path) -> None:
    """Against the edges as they are, and against what they say about steps."""
    files = sorted((recordings / "steps" / "oxford").glob("footswitch_*.npz"))
    raw, clean = [], []
    for file in files:
        with np.load(file) as d:
            edges = d["step_times_s"]
        n = count(_resampled(file, 400.0), 400.0)
        true = footswitch.steps_of(edges)
        raw.append(abs(n - len(edges)) / len(edges))
        clean.append(abs(n - true) / true)
    assert np.mean(raw) < 0.02
    assert np.mean(clean) < 0.01
