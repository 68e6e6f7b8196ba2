"""PpgBeats: beats where they are, the same as the twin's, whatever the input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import ppg_twin
import pulse_sim
import pytest
from numpy.typing import NDArray
from vointi_signals.errors import InputError
from vointi_signals.ppg import PpgBeats
from vointi_signals.ppg_respiration import PpgRespiration

Array = NDArray[np.float64]


def detect(x: Array, fs: float, **kw: bool) -> NDArray[np.void]:
    beats = PpgBeats(fs, **kw)
    return np.concatenate([beats.push(x), beats.flush()])


def matched(found: Array, true: Array, lag: float, within: float = 0.15) -> int:
    """Beats of ``true`` that have one of ``found`` near, one to one."""
    free, hits = list(found - lag), 0
    for at in true:
        near = min(free, key=lambda f: abs(f - at), default=None)
        if near is not None and abs(near - at) <= within:
            free.remove(near)
            hits += 1
    return hits


@pytest.mark.parametrize("fs", [25.0, 50.0, 64.0, 125.0, 400.0])
def test_every_beat_is_found_at_every_rate(fs: float) -> None:
    x, true = pulse_sim.pulse(fs, 60, np.random.default_rng(1))
    found = detect(x, fs)["time_s"]
    lag = float(np.median(found[:50] - true[:50]))
    assert matched(found, true, lag, 0.05) >= len(true) - 1
    assert len(found) <= len(true)


def test_intervals_are_finer_than_the_sampling() -> None:
    x, true = pulse_sim.pulse(50.0, 120, np.random.default_rng(2), noise=0.003)
    found = detect(x, 50.0)["time_s"]
    n = min(len(found), len(true))
    error = np.diff(found[:n]) - np.diff(true[:n])
    assert np.abs(error).mean() < 0.006  # a sample lasts 20 ms


@pytest.mark.parametrize("rate", [42.0, 70.0, 110.0, 160.0])
def test_pulse_rates(rate: float) -> None:
    x, true = pulse_sim.pulse(100.0, 60, np.random.default_rng(3), rate)
    beats = PpgBeats(100.0)
    found = np.concatenate([beats.push(x), beats.flush()])
    assert abs(len(found) - len(true)) <= 1
    assert beats.pulse_rate == pytest.approx(rate, rel=0.06)


@pytest.mark.parametrize("seed", range(4))
def test_twin_finds_the_same_beats(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, _ = pulse_sim.pulse(64.0, 120, rng, rng.uniform(50, 130), noise=0.05)
    x[1500:] += 3  # a step of the light
    x[2500:2900] = x[2500]  # a pulse that fails for six seconds
    x[4000:] = 5 + 0.05 * (x[4000:] - 5)
    x[5500:5800] += rng.normal(0, 1, 15).repeat(20)
    found, twin = detect(x, 64.0), ppg_twin.beats(x, 64.0)
    assert len(found) == len(twin)
    assert np.ptp(twin[:, 0] - found["time_s"]) < 1e-9
    np.testing.assert_allclose(found["amplitude"], twin[:, 1], rtol=1e-6)


def test_a_pulse_that_becomes_small_is_learnt_within_its_silence() -> None:
    """A finger moves in its clip: a fiftieth is left, and no beat may be lost for it."""
    x, true = pulse_sim.pulse(100.0, 60, np.random.default_rng(6), noise=0.02)
    x[3000:] = 5 + 0.02 * (x[3000:] - 5)
    found = detect(x, 100.0)
    lag = float(np.median(found["time_s"][:20] - true[:20]))
    after = true[true > 32.5]  # the filter needs as long after the step
    assert matched(found["time_s"], after, lag, 0.05) >= len(after) - 2
    assert found["late"][found["time_s"] > 36].sum() == 0


@pytest.mark.parametrize("height", [0.3, 2.0, 6.0])
def test_a_step_of_the_light_is_no_beat(height: float) -> None:
    x = np.full(3000, 5.0)
    pulses, true = pulse_sim.pulse(100.0, 15, np.random.default_rng(7))
    x[:1500] = pulses
    x[1500:] = pulses[-1]
    x[1900:] += height
    x[2100:] += 0.5 * height
    found = detect(x, 100.0)
    assert len(found[found["time_s"] > 15.8]) == 0
    assert len(found) >= len(true) - 1


def test_a_slow_drift_is_no_beat() -> None:
    x, true = pulse_sim.pulse(100.0, 20, np.random.default_rng(8), rate=90)
    t = np.arange(290) / 100
    drift = x[-1] - 0.4 + 0.4 * np.cos(2 * np.pi * 0.6 * t)
    found = detect(np.concatenate([x, drift]), 100.0)
    assert len(found[found["time_s"] > 20.8]) == 0
    assert len(found) >= len(true) - 1


def test_raw_light_falls_with_the_pulse() -> None:
    x, _ = pulse_sim.pulse(100.0, 30, np.random.default_rng(5))
    upright = detect(x, 100.0)
    raw = detect(5000 - 1000 * x, 100.0, inverted=True)
    np.testing.assert_allclose(raw["time_s"], upright["time_s"], atol=1e-9)
    np.testing.assert_allclose(raw["amplitude"], 1000 * upright["amplitude"], rtol=1e-4)


def test_quality_tells_a_pulse_from_noise() -> None:
    rng = np.random.default_rng(6)
    x, _ = pulse_sim.pulse(100.0, 60, rng)
    good = detect(x, 100.0)["quality"]
    noise = detect(rng.normal(0, 1, 6000), 100.0)["quality"]
    assert np.median(good) > 0.95
    assert np.median(noise) < 0.75


def test_a_gap_is_marked_and_no_interval_spans_it() -> None:
    x, _ = pulse_sim.pulse(100.0, 60, np.random.default_rng(7))
    holed = x.copy()
    holed[3000:3300] = np.nan
    beats = PpgBeats(100.0)
    told = np.concatenate([beats.push(x[:3000]), beats.gap(300), beats.push(x[3300:])])
    as_nan = PpgBeats(100.0)
    same = as_nan.push(holed)
    np.testing.assert_array_equal(told, same)
    marked = told[told["after_gap"]]
    assert len(marked) == 1
    assert marked["time_s"][0] > 33.0
    assert 60 / beats.pulse_rate == pytest.approx(60 / 70, rel=0.08)


def test_short_gaps_are_bridged() -> None:
    x, true = pulse_sim.pulse(100.0, 30, np.random.default_rng(8))
    x[1000:1010] = np.nan
    found = detect(x, 100.0)
    assert not found["after_gap"].any()
    assert abs(len(found) - len(true)) <= 1


def test_a_flat_line_has_no_beats() -> None:
    assert len(detect(np.full(5000, 3.0), 100.0)) == 0
    assert len(detect(np.full(5000, np.nan), 100.0)) == 0


def test_breathing_is_read_from_the_beats() -> None:
    x, _ = pulse_sim.pulse(100.0, 90, np.random.default_rng(9))
    events = detect(x, 100.0)
    rows = PpgRespiration().push(events)
    assert len(rows) > 8
    np.testing.assert_allclose(rows["breaths_per_min"], 15, atol=0.5)
    first, second = PpgRespiration(), PpgRespiration()
    head = first.push(events[:50])
    second.set_state(first.get_state())
    assert np.concatenate([head, second.push(events[50:])]).tobytes() == rows.tobytes()


def test_poor_beats_say_nothing_about_breathing() -> None:
    x, _ = pulse_sim.pulse(100.0, 90, np.random.default_rng(9))
    events = detect(x, 100.0).copy()
    events["quality"] = 0.1
    assert len(PpgRespiration().push(events)) == 0
    with pytest.raises(InputError, match="events"):
        PpgRespiration().push(np.zeros(3))


@pytest.mark.recordings
def test_bidmc(recordings: Path) -> None:
    """The pulse fails for 12 s (17 beats of 730); everywhere else beats must be right."""
    file = recordings / "ppg" / "bidmc_01" / "bidmc_01_Signals.csv"
    table = np.loadtxt(file, delimiter=",", skiprows=1)
    sleepecg = pytest.importorskip("sleepecg")
    true = sleepecg.detect_heartbeats(table[:, 5], 125.0) / 125.0
    found = detect(table[:, 2], 125.0)["time_s"]
    lag = 0.64
    hits = matched(found, true, lag)
    assert 2 * hits / (len(found) + len(true)) > 0.987
    there = (true < 91) | (true > 103)
    clear = (found - lag < 91) | (found - lag > 103)
    hits = matched(found[clear], true[there], lag)
    assert 2 * hits / (clear.sum() + there.sum()) > 0.995
