"""Steps against foot switches, counters and simulated rides; the cost of ten accelerometers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vointi_signals.falls import FallCandidates
from vointi_signals.motion import MotionEpochs
from vointi_signals.steps import StepCounter

from benchmarks.rows import ROOT, Row, Settings
from benchmarks.timing import best_ns

sys.path.insert(0, str(ROOT / "tests" / "signals" / "reference"))
import footswitch
import motion_sim

NAME = "signals_motion"
NAIVE = "band-pass and peaks (not causal)"
DEVICES = 10
RATE_HZ = 52.0

Array = NDArray[np.float64]


def run(settings: Settings) -> list[Row]:
    """Measure accuracy on the walks, false steps on the simulations, and cost."""
    rows = [*_cost(), *_false_steps(1 if settings.quick else 6)]
    if settings.recordings is None:
        return [*rows, Row("Oxford walks", "no recordings")]
    folder = settings.recordings / "steps"
    rows += _validation(sorted((folder / "oxford").glob("validation_*.npz")))
    rows += _foot_switch(sorted((folder / "oxford").glob("footswitch_*.npz")))
    return [*rows, *_lab(sorted((folder / "mobgap").glob("*.npz")))]


def count(acc: Array, fs: float, unit: str = "m/s2") -> int:
    """Steps of a whole recording."""
    counter = StepCounter(fs, unit)
    counter.push(acc)
    counter.flush()
    return int(counter.steps)


def naive(acc: Array, fs: float) -> int:
    """What anybody would write first."""
    from scipy import signal

    size = np.linalg.norm(acc, axis=1)
    sos = signal.butter(2, [0.7, 3], "band", fs=fs, output="sos")
    wave = signal.sosfiltfilt(sos, size - size.mean())
    return len(signal.find_peaks(wave, height=0.5, distance=int(0.25 * fs))[0])


def walk(file: Path, fs: float) -> Array:
    """One recording at an even rate, m/s2."""
    with np.load(file) as d:
        t, acc = d["t_s"] - d["t_s"][0], d["acc_ms2"].astype(float)
    order = np.argsort(t, kind="stable")
    grid = np.arange(0, t.max(), 1 / fs)
    return np.column_stack([np.interp(grid, t[order], acc[order, i]) for i in range(3)])


def _mape(found: list[int], true: list[int]) -> float:
    return 100 * float(np.mean([abs(f - t) / t for f, t in zip(found, true, strict=True)]))


def _validation(files: list[Path]) -> list[Row]:
    true = [int(np.load(file)["steps"]) for file in files]
    acc = [walk(file, 100.0) for file in files]
    ours, peer = _mape([count(a, 100.0) for a in acc], true), _mape(
        [naive(a, 100.0) for a in acc], true
    )  # fmt: skip
    name = f"Oxford validation, {len(files)} walks, MAPE"
    return [Row(name, ours, "%", peer, NAIVE, peer / ours, "<= 2", ours <= 2)]


def _foot_switch(files: list[Path]) -> list[Row]:
    edges = [np.load(file)["step_times_s"] for file in files]
    raw, clean = [len(e) for e in edges], [footswitch.steps_of(e) for e in edges]
    acc = [walk(file, 400.0) for file in files]
    found, peer = [count(a, 400.0) for a in acc], [naive(a, 400.0) for a in acc]
    slow = [count(walk(file, RATE_HZ), RATE_HZ) for file in files]
    name = f"Oxford foot switch, {len(files)} walks"
    a, b = _mape(found, raw), _mape(peer, raw)
    c, d = _mape(found, clean), _mape(peer, clean)
    return [
        Row(f"{name}, MAPE to all edges", a, "%", b, NAIVE, b / a, "<= 2", a <= 2),
        Row(f"{name}, MAPE of the reference without bounces to all edges", _mape(clean, raw), "%"),
        Row(f"{name}, MAPE without bounces", c, "%", d, NAIVE, d / c),
        Row(f"{name}, MAPE without bounces at 52 Hz", _mape(slow, clean), "%"),
    ]


def _lab(files: list[Path]) -> list[Row]:
    rows = []
    for file in files:
        with np.load(file) as d:
            found, true = count(d["acc_ms2"], float(d["fs"]), "g"), len(d["ic_s_INDIP"])
        rows.append(Row(f"mobgap {file.stem[-13:]}, steps of {true}", found, "1"))
    return rows


def simulations() -> dict[str, Callable[[float, float, np.random.Generator], Array]]:
    """What people do who do not walk."""

    def bus(fs: float, seconds: float, rng: np.random.Generator) -> Array:
        return motion_sim.riding(fs, seconds, rng, bus=True)

    def rough(fs: float, seconds: float, rng: np.random.Generator) -> Array:
        return motion_sim.riding(fs, seconds, rng, bus=True, rough=3.0)

    return {
        "sitting": motion_sim.sitting,
        "typing": motion_sim.typing,
        "riding a car": motion_sim.riding,
        "riding a bus": bus,
        "riding a bus on a rough road": rough,
    }


def _false_steps(runs: int) -> list[Row]:
    rows, minutes = [], 5
    for name, make in simulations().items():
        rng = np.random.default_rng(2026)
        acc = [make(RATE_HZ, 60.0 * minutes, rng) for _ in range(runs)]
        ours = [count(a, RATE_HZ) / minutes for a in acc]
        peer = [naive(a, RATE_HZ) / minutes for a in acc]
        label = f"false steps, {name}, worst of {runs} x {minutes} min (simulated)"
        worst = max(ours)
        rows.append(Row(label, worst, "/min", max(peer), NAIVE, None, "<= 2", worst <= 2))
    return rows


def _cost() -> list[Row]:
    """Share of one core of ten accelerometers with all their stages, frames of 0.5 s."""
    x = motion_sim.riding(RATE_HZ, 60.0, np.random.default_rng(1)).astype(np.float32)
    frames = [x[i : i + 26] for i in range(0, len(x) - 25, 26)]
    seconds = len(frames) * 26 / RATE_HZ
    stages: list[Any] = [
        StepCounter(RATE_HZ), MotionEpochs(RATE_HZ), FallCandidates(RATE_HZ, enabled=True)
    ]  # fmt: skip
    rows, total = [], 0.0
    for stage in stages:
        ns = best_ns(lambda s=stage: [s.push(f) for f in frames])  # type: ignore[misc]
        total += ns
        name = type(stage).__name__
        rows.append(Row(f"{name} at 52 Hz in frames of 26, CPU time", ns / 1000 / seconds, "us/s"))
        size = int(stage.state_size)
        rows.append(Row(f"{name} state", size, "B", goal="<= 10000", met=size <= 10_000))
    share = 100 * DEVICES * total / 1e9 / seconds
    label = f"{DEVICES} accelerometers, all stages, share of one core"
    return [*rows, Row(label, share, "%", goal="<= 0.3", met=share <= 0.3)]


def figures(settings: Settings, folder: Path) -> list[Path]:
    """Draw a walk between a ride and a rest, and the measures of a day in short."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = NAME
    from benchmarks.epoch_figures import draw

    return [_steps_figure(folder), _motion_figure(folder), _falls_figure(folder), *draw(folder)]


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, metadata={"Date": None})
    return path


def walking(fs: float, steps: int, cadence: float, rng: np.random.Generator) -> Array:
    """A trunk that walks, m/s2."""
    phase = np.arange(int(fs * steps * 60 / cadence)) / fs * cadence / 60
    size = 1 + 0.1 * np.repeat(rng.normal(0, 1, steps + 1), int(fs * 60 / cadence) + 1)
    acc = np.zeros((phase.size, 3))
    acc[:, 2] = 2.2 * np.cos(2 * np.pi * phase) + 0.8 * np.cos(4 * np.pi * phase + 0.7)
    acc[:, 1] = 0.6 * np.sin(np.pi * phase)
    acc *= size[: len(acc), None]
    acc[:, 2] += motion_sim.G
    return acc + rng.normal(0, 0.1, acc.shape)


def running(fs: float, steps: int, rng: np.random.Generator) -> Array:
    """The same trunk at 160 steps a minute and four times the force, m/s2."""
    down = np.array([0, 0, motion_sim.G])
    return down + 4 * (walking(fs, steps, 160, rng) - down)


def _steps_figure(folder: Path) -> Path:
    from matplotlib.figure import Figure

    rng = np.random.default_rng(7)
    parts = [
        motion_sim.riding(RATE_HZ, 25, rng, bus=True, rough=3.0),
        motion_sim.sitting(RATE_HZ, 5, rng),
        walking(RATE_HZ, 40, 105, rng),
        motion_sim.sitting(RATE_HZ, 8, rng),
    ]
    acc = np.concatenate(parts)
    counter = StepCounter(RATE_HZ)
    events = np.concatenate([counter.push(acc), counter.flush()])
    t = np.arange(len(acc)) / RATE_HZ
    figure = Figure(figsize=(9, 4), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    top.plot(t, np.linalg.norm(acc, axis=1), lw=0.5, color="#345")
    for late, colour, name in ((True, "#e92", "late step"), (False, "#c33", "step")):
        at = events["time_s"][events["late"] == late]
        top.plot(at, np.full(len(at), 15.5), "|", ms=9, color=colour, label=name)
    top.text(8, 16.6, "bus on a rough road")
    top.text(36, 16.6, "walk")
    top.set(ylabel="|a| (m/s²)", ylim=(2, 18))
    top.legend(loc="lower right", fontsize=8, ncols=2)
    bottom.step(events["time_s"], np.arange(1, len(events) + 1), where="post", color="#345")
    bottom.set(xlabel="time (s)", ylabel="steps")
    return _save(figure, folder / "steps.svg")


def _motion_figure(folder: Path) -> Path:
    from matplotlib.figure import Figure
    from vointi_signals.intensity import CUT_POINTS, Intensity, classify

    rng = np.random.default_rng(8)
    parts = [
        motion_sim.sitting(RATE_HZ, 120, rng),
        motion_sim.typing(RATE_HZ, 60, rng),
        walking(RATE_HZ, 180, 100, rng),
        motion_sim.riding(RATE_HZ, 120, rng, bus=True),
        running(RATE_HZ, 150, rng),
    ]
    rows = MotionEpochs(RATE_HZ).push(np.concatenate(parts))
    figure = Figure(figsize=(9, 4), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    top.semilogy(rows["time_s"], rows["mad_mg"], ".-", lw=0.7, label="MAD", color="#345")
    top.semilogy(rows["time_s"], rows["enmo_mg"] + 1e-3, ".-", lw=0.7, label="ENMO", color="#c33")
    cuts = CUT_POINTS["mad-hip"]
    for edge in (cuts.light, cuts.moderate, cuts.vigorous):
        top.axhline(edge, lw=0.5, color="#999")
    top.set(ylabel="mg", ylim=(0.5, 3000))
    top.legend(fontsize=8)
    bottom.step(rows["time_s"], classify(rows), where="post", color="#345")
    names = [i.name.lower() for i in Intensity if i >= 0]
    bottom.set_yticks(range(4), names)
    bottom.set(xlabel="time (s): sitting, typing, walking, bus, running")
    return _save(figure, folder / "motion.svg")


def _falls_figure(folder: Path) -> Path:
    from matplotlib.figure import Figure

    rng = np.random.default_rng(9)
    t = np.arange(50 * 20) / 50
    turn = 1.5 * np.clip((t - 10) / 0.5, 0, 1)
    acc = np.column_stack([np.sin(turn), np.zeros_like(t), np.cos(turn)])
    acc[(t >= 10) & (t < 10.4)] *= 0.2
    acc[(t >= 10.5) & (t < 10.55)] *= 4
    acc += rng.normal(0, 0.02, acc.shape)
    found = FallCandidates(50.0, "g", enabled=True).push(acc)
    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(t, acc, lw=0.7, label=["x", "y", "z"])
    axes.plot(t, np.linalg.norm(acc, axis=1), lw=1, color="#222", label="|a|")
    axes.axvline(found["time_s"][0], color="#c33", ls="--", label="candidate: the impact")
    axes.axvspan(12, 14.5, alpha=0.15, label="rest that must follow")
    axes.set(xlabel="time (s)", ylabel="g", xlim=(8, 16))
    axes.legend(fontsize=8, loc="upper right")
    return _save(figure, folder / "falls.svg")
