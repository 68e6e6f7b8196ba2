"""The figures of the pages on ECG and heart-rate variability, from simulated signals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ecg_sim
import numpy as np
from numpy.typing import NDArray
from vointi_signals.ecg_quality import EcgQuality
from vointi_signals.edr import EcgRespiration
from vointi_signals.hrv import HrvWindow
from vointi_signals.qrs import detect_qrs
from vointi_signals.rr import clean_rr

FS = 250.0
Array = NDArray[np.float64]


def draw(folder: Path) -> list[Path]:
    """Write every figure; return their paths."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "signals_ecg", "font.size": 9, "axes.grid": True})
    mpl.rcParams.update({"grid.alpha": 0.25, "axes.spines.top": False, "axes.spines.right": False})
    return [_qrs(folder), _quality(folder), _rr(folder), _hrv(folder), _edr(folder)]


def _save(figure: Any, path: Path) -> Path:
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
    return path


def _axes(rows: int, height: float) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    return plt.subplots(rows, 1, figsize=(8, height), sharex=True, layout="constrained")


def _qrs(folder: Path) -> Path:
    rng = np.random.default_rng(5)
    times = ecg_sim.beat_times(20, rng)
    ectopic = np.arange(len(times)) % 6 == 3
    clean = ecg_sim.ecg(times, 20, FS, ectopic)
    beats = np.round(times * FS).astype(np.int64)
    figure, axes = _axes(2, 3.8)
    noisy = ecg_sim.with_noise(clean, beats, FS, "muscle", 6, 1)
    titles = ("clean, every sixth beat ventricular", "muscle noise at 6 dB")
    for ax, x, title in zip(axes, (clean, noisy), titles, strict=True):
        events = detect_qrs(x, FS)
        on_time, late = events[~events["late"]], events[events["late"]]
        ax.plot(np.arange(len(x)) / FS, x, lw=0.7, color="0.35")
        ax.plot(on_time["time_s"], x[on_time["index"]], "o", ms=4, label="beat")
        ax.plot(late["time_s"], x[late["index"]], "s", ms=4, label="late (learning)")
        ax.set(title=title, ylabel="µV", xlim=(0, 12), ylim=(-1300, 2200))
    axes[0].legend(loc="upper right", ncols=2)
    axes[1].set_xlabel("s")
    return _save(figure, folder / "qrs.svg")


def _quality(folder: Path) -> Path:
    times = ecg_sim.beat_times(60, np.random.default_rng(6))
    x = ecg_sim.ecg(times, 60, FS) + np.random.default_rng(1).normal(0, 5, int(60 * FS))
    t = np.arange(len(x)) / FS
    muscle = ecg_sim.noise("muscle", len(x), FS, np.random.default_rng(2))
    x = x + np.where((t > 20) & (t < 32), 400 * muscle, 0)
    x = np.where((t > 44) & (t < 52), 0.0, x)
    rows = EcgQuality(FS, 2.0).push(x)
    figure, axes = _axes(2, 3.4)
    axes[0].plot(t, x, lw=0.5, color="0.35")
    axes[0].set(ylabel="µV", title="clean, muscle noise from 20 to 32 s, lead off from 44 to 52 s")
    axes[1].step(rows["time_s"], rows["quality"], where="post", label="quality")
    axes[1].fill_between(rows["time_s"], rows["noisy"], step="post", alpha=0.2, label="noisy")
    axes[1].fill_between(rows["time_s"], rows["lead_off"], step="post", alpha=0.3, label="lead off")
    axes[1].set(xlabel="s", ylabel="0 to 1", ylim=(0, 1.05))
    axes[1].legend(loc="lower left")
    return _save(figure, folder / "ecg_quality.svg")


def _intervals() -> Array:
    times = ecg_sim.beat_times(600, np.random.default_rng(7))
    times[15::40] -= 0.28
    return np.delete(times, [120, 121, 300])


def _rr(folder: Path) -> Path:
    rows = clean_rr(_intervals())
    figure, ax = _axes(1, 2.4)
    ax.plot(rows["time_s"], rows["rr_ms"], lw=0.5, color="0.6")
    for mark, (name, shape) in enumerate((("normal", "."), ("ectopic", "x"), ("implausible", "s"))):
        some = rows[rows["mark"] == mark]
        ax.plot(some["time_s"], some["rr_ms"], shape, ms=5, ls="", label=name)
    ax.set(xlabel="s", ylabel="RR (ms)", xlim=(0, 160))
    ax.legend(loc="upper right", ncols=3)
    return _save(figure, folder / "rr.svg")


def _hrv(folder: Path) -> Path:
    times = _intervals()
    rows = HrvWindow(120, 10).push(clean_rr(times))
    raw = clean_rr(times)
    raw["mark"] = 0
    figure, axes = _axes(2, 3.2)
    axes[0].plot(rows["time_s"], rows["rmssd_ms"], label="normal intervals alone")
    unclean = HrvWindow(120, 10).push(raw)
    axes[0].plot(unclean["time_s"], unclean["rmssd_ms"], ls="--", label="all intervals")
    axes[0].set(ylabel="RMSSD (ms)", ylim=(0, None), title="windows of 2 min, every 10 s")
    axes[0].legend()
    axes[1].plot(rows["time_s"], 100 * rows["coverage"])
    axes[1].set(xlabel="s", ylabel="coverage (%)", ylim=(80, 101))
    return _save(figure, folder / "hrv.svg")


def _edr(folder: Path) -> Path:
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.normal(0.8, 0.015, 375))
    hz = np.where(times < 150, 0.22, 0.34)
    phase = 2 * np.pi * np.cumsum(hz * np.diff(times, prepend=0))
    events = np.zeros(len(times), detect_qrs(np.zeros(0), FS).dtype)
    events["time_s"] = times
    events["amplitude"] = 1000 + 70 * np.sin(phase) + rng.normal(0, 15, len(times))
    rows = EcgRespiration().push(events)
    figure, axes = _axes(2, 3.2)
    axes[0].plot(times, events["amplitude"], ".-", lw=0.5, ms=3, color="0.35")
    axes[0].set(ylabel="R (µV)", title="breathing at 13.2, then 20.4 per minute")
    axes[1].plot(times, 60 * hz, ls="--", color="0.5", label="true")
    axes[1].plot(rows["time_s"], rows["breaths_per_min"], ".-", label="from the R waves")
    axes[1].set(xlabel="s", ylabel="breaths (/min)", ylim=(5, 30))
    axes[1].legend(loc="lower right")
    return _save(figure, folder / "edr.svg")
