"""Pulse beats, respiration and oxygen saturation, against NeuroKit2 and the reference beats."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vointi_signals.oximetry import PulseOximeter
from vointi_signals.ppg import PpgBeats
from vointi_signals.ppg_respiration import PpgRespiration

from benchmarks.rows import ROOT, Row, Settings
from benchmarks.timing import best_ns

NAME = "signals_ppg"
FS = 125.0
# The pulse fails there for 12 s: flat pieces and steps of a monitor that seeks its gain.
DROPOUT_S = (91.0, 103.5)

Array = NDArray[np.float64]


def run(settings: Settings) -> list[Row]:
    """Measure accuracy on BIDMC 01 and the cost of a stream."""
    rows = _cost()
    if settings.recordings is None:
        return [*rows, Row("BIDMC 01", "no recordings")]
    ppg, ecg, breath = _record(settings.recordings)
    true = _reference(ecg)
    events = _detect(ppg)
    peer = _peer(ppg)
    return [*rows, *_accuracy(events["time_s"], peer, true), *_breathing(events, breath)]


def _record(recordings: Path) -> tuple[Array, Array, Array]:
    file = recordings / "ppg" / "bidmc_01" / "bidmc_01_Signals.csv"
    table = np.loadtxt(file, delimiter=",", skiprows=1)
    return table[:, 2], table[:, 5], table[:, 1]


def _detect(ppg: Array) -> NDArray[np.void]:
    beats = PpgBeats(FS)
    return np.concatenate([beats.push(ppg), beats.flush()])


def _reference(ecg: Array) -> Array:
    """R peaks of lead II that two detectors agree on, s."""
    import neurokit2 as nk
    import sleepecg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one = sleepecg.detect_heartbeats(ecg, FS)
        two = nk.ecg_peaks(nk.ecg_clean(ecg, int(FS)), int(FS))[1]["ECG_R_Peaks"]
    agreed = [r for r in one if np.abs(two - r).min() <= 6]
    return np.array([r - 4 + int(np.argmax(ecg[r - 4 : r + 5])) for r in agreed]) / FS


def _peer(ppg: Array) -> Array:
    import neurokit2 as nk

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = nk.ppg_clean(ppg, FS)
        return np.asarray(nk.ppg_peaks(clean, FS, method="elgendi")[1]["PPG_Peaks"]) / FS


def match(found: Array, true: Array, within: float = 0.15) -> tuple[float, list[tuple[int, int]]]:
    """Lag that fits best, and the pairs (true, found) within 150 ms after it."""
    best: tuple[float, float, float] = (-1.0, 0.0, 0.0)
    for lag in np.arange(0, 1, 0.01):
        near = np.abs(_offsets(found - lag, true))
        hits = near[near < within]
        best = max(best, (np.round(hits.size / 4), -hits.mean() if hits.size else 0.0, lag))
    lag = best[2]
    for _ in range(3):
        off = _offsets(found - lag, true)
        lag += float(np.median(off[np.abs(off) < within]))
    pairs: dict[int, int] = {}
    for i, at in enumerate(found - lag):
        nearest = int(np.argmin(np.abs(true - at)))
        if abs(true[nearest] - at) <= within and nearest not in pairs:
            pairs[nearest] = i
    return lag, sorted(pairs.items())


def _offsets(found: Array, true: Array) -> Array:
    right = np.clip(np.searchsorted(true, found), 1, len(true) - 1)
    left, here = found - true[right - 1], found - true[right]
    return np.where(np.abs(left) < np.abs(here), left, here)


def f1(found: Array, true: Array) -> float:
    """F1 in percent after alignment."""
    return 200 * len(match(found, true)[1]) / (len(found) + len(true))


def interval_error_ms(found: Array, true: Array) -> float:
    """Mean absolute error of the intervals between beats that were both found, ms."""
    pairs = match(found, true)[1]
    errors = [
        abs((found[j] - found[i]) - (true[b] - true[a]))
        for (a, i), (b, j) in itertools.pairwise(pairs)
        if b == a + 1 and j == i + 1
    ]
    return 1000 * float(np.mean(errors))


def _accuracy(ours: Array, peer: Array, true: Array) -> list[Row]:
    name = "NeuroKit2 elgendi (not causal)"
    f, g = f1(ours, true), f1(peer, true)
    a, b = interval_error_ms(ours, true), interval_error_ms(peer, true)
    lag = match(ours, true)[0]
    outside = [_outside(x, shift) for x, shift in ((ours, lag), (true, 0.0))]
    there = f1(outside[0], outside[1])
    lag = match(peer, true)[0]
    theirs = f1(_outside(peer, lag), outside[1])
    return [
        Row("BIDMC 01, F1", f, "%", g, name, None, ">= 99.0", f >= 99.0),
        Row(
            "BIDMC 01, F1 in the time that both cover",
            _covered(ours, true),
            "%",
            _covered(peer, true),
            name,
        ),
        Row("BIDMC 01, F1 without 12 s of lost pulse", there, "%", theirs, name),
        Row("BIDMC 01, IBI MAE", a, "ms", b, name, b / a, "<= 7", a <= 7),
    ]


def _covered(found: Array, true: Array, seconds: float = 480.0) -> float:
    """F1 without pulses of heart beats before the record and beats whose pulse comes after it."""
    lag = match(found, true)[0]
    return f1(found[found - lag > -0.15], true[true + lag < seconds - 0.15])


def _outside(times: Array, lag: float) -> Array:
    at = times - lag
    return times[(at < DROPOUT_S[0]) | (at > DROPOUT_S[1])]


def _breathing(events: NDArray[np.void], breath: Array) -> list[Row]:
    rows = PpgRespiration().push(events)
    true = _breaths(breath)
    errors = []
    for row in rows[np.isfinite(rows["breaths_per_min"])]:
        inside = true[(true >= row["time_s"] - 32.6) & (true < row["time_s"] - 0.6)]
        errors.append(abs(row["breaths_per_min"] - 60 / np.diff(inside).mean()))
    error, told = float(np.mean(errors)), 100 * len(errors) / len(rows)
    return [
        Row("BIDMC 01, respiration MAE", error, "/min", goal="<= 1.5", met=error <= 1.5),
        Row("BIDMC 01, respiration told", told, "%"),
    ]


def _breaths(breath: Array) -> Array:
    """Breaths in the impedance, s: crests of its band-passed wave."""
    from scipy import signal

    sos = signal.butter(2, [0.1, 0.7], "band", fs=FS, output="sos")
    wave = signal.sosfiltfilt(sos, breath - breath.mean())
    crests, _ = signal.find_peaks(wave, distance=int(1.2 * FS), prominence=wave.std() / 2)
    return np.asarray(crests / FS)


def _cost() -> list[Row]:
    """Share of one core that a stream takes in frames of 0.5 s, in 1e-6."""
    rng = np.random.default_rng(1)
    pulse = np.sin(2 * np.pi * 1.2 * np.arange(6250) / FS) + rng.normal(0, 0.01, 6250)
    light = np.column_stack([50_000 - 500 * pulse, 60_000 - 900 * pulse])
    rows = []
    for name, make, x in (("PpgBeats", PpgBeats, pulse), ("PulseOximeter", PulseOximeter, light)):
        routine: Any = make(FS)
        frames = [x[i : i + 62] for i in range(0, len(x) - 61, 62)]
        ns = best_ns(lambda f=frames, r=routine: [r.push(c) for c in f])  # type: ignore[misc]
        share = ns / (len(frames) * 62 / FS)
        rows.append(Row(f"{name} at 125 Hz in frames of 62, CPU time", share / 1000, "us/s"))
        rows.append(Row(f"{name} state", routine.state_size, "B", goal="<= 10000",
                        met=routine.state_size <= 10_000))  # fmt: skip
    return rows


def figures(settings: Settings, folder: Path) -> list[Path]:
    """Draw beats on a simulated pulse, and oxygen saturation over its ratio."""
    import sys

    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = NAME
    sys.path.insert(0, str(ROOT / "tests" / "signals" / "reference"))
    return [_beats_figure(folder), _respiration_figure(folder), _oximetry_figure(folder)]


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, metadata={"Date": None})
    return path


def _beats_figure(folder: Path) -> Path:
    import pulse_sim
    from matplotlib.figure import Figure

    x, _ = pulse_sim.pulse(100.0, 30, np.random.default_rng(3), noise=0.03)
    x[2150:2200] = np.nan
    beats = PpgBeats(100.0)
    events = np.concatenate([beats.push(x), beats.flush()])
    t = np.arange(len(x)) / 100
    figure = Figure(figsize=(9, 4), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    top.plot(t, x, lw=0.8, color="#345", label="PPG")
    late = events["late"]
    for mask, colour, label in ((~late, "#c33", "beat"), (late, "#e92", "late beat")):
        at = np.searchsorted(t, events["time_s"][mask]).clip(0, len(x) - 1)
        top.plot(t[at], x[at], "o", ms=4, color=colour, label=label)
    top.legend(loc="upper right", ncols=3, fontsize=8)
    top.set(ylabel="PPG (any unit)", xlim=(0, 30), ylim=(4.4, 7.2))
    good = np.diff(events["time_s"])
    good[events["after_gap"][1:]] = np.nan
    bottom.plot(events["time_s"][1:], 1000 * good, ".-", lw=0.7, color="#345")
    bottom.set(xlabel="time (s)", ylabel="interval (ms)")
    return _save(figure, folder / "ppg.svg")


def _respiration_figure(folder: Path) -> Path:
    import pulse_sim
    from matplotlib.figure import Figure

    x, _ = pulse_sim.pulse(100.0, 120, np.random.default_rng(4))
    beats = PpgBeats(100.0)
    events = np.concatenate([beats.push(x), beats.flush()])
    rows = PpgRespiration().push(events)
    figure = Figure(figsize=(9, 4), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    top.plot(events["time_s"], events["amplitude"], ".-", lw=0.6, color="#345")
    top.set(ylabel="rise of the pulse")
    bottom.axhline(15, color="#999", lw=0.8, label="true")
    bottom.plot(rows["time_s"], rows["breaths_per_min"], "o", color="#c33", ms=4, label="told")
    bottom.set(xlabel="time (s)", ylabel="breaths (1/min)", ylim=(5, 25))
    bottom.legend(fontsize=8)
    return _save(figure, folder / "ppg_respiration.svg")


def _oximetry_figure(folder: Path) -> Path:
    import pulse_sim
    from matplotlib.figure import Figure

    pulse, _ = pulse_sim.pulse(100.0, 12, np.random.default_rng(5), noise=0.0)
    rng = np.random.default_rng(6)
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    axes = figure.subplots()
    ratios = np.arange(0.3, 2.2, 0.05)
    for noise, colour in ((0.0, "#345"), (60.0, "#c33")):
        told = []
        for ratio in ratios:
            shape = pulse - pulse.mean()
            red, infrared = 40_000 * (1 - 0.01 * ratio * shape), 60_000 * (1 - 0.01 * shape)
            light = np.column_stack([red, infrared]) + rng.normal(0, noise, (len(pulse), 2))
            told.append(PulseOximeter(100.0).push(light)["spo2"].mean())
        axes.plot(ratios, told, "o", ms=3, color=colour, label=f"noise {noise:.0f} counts")
    axes.plot(ratios, np.clip(110 - 25 * ratios, 0, 100), lw=0.8, color="#999", label="curve")
    axes.set(xlabel="ratio of ratios", ylabel="SpO2 (%)", ylim=(55, 102))
    axes.legend(fontsize=8)
    return _save(figure, folder / "oximetry.svg")
