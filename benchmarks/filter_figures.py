"""Figures of the filters' pages."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import vointi_signals as vs
from vointi_signals.design import response

LOOK = {
    "figure.figsize": (7.2, 3.0),
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.hashsalt": "vointi",
    "svg.fonttype": "none",
}

FS = 130.0
INK, PALE, RED, BLUE = "#1b1f24", "#9aa4b1", "#c0392b", "#1f6feb"


def draw_all(folder: Path) -> list[Path]:
    """Draw everything."""
    drawings = (
        ("sos", _sos),
        ("fir", _fir),
        ("notch", _notch),
        ("baseline", _baseline),
        ("median", _median),
        ("resample", _resample),
        ("rate", _rate),
        ("gaps", _gaps),
    )
    plt.switch_backend("Agg")
    with plt.rc_context(LOOK):
        return [_saved(draw(), folder / f"{name}.svg") for name, draw in drawings]


def _saved(figure: plt.Figure, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return path


def _ecg(seconds: float, fs: float = FS) -> tuple[np.ndarray, np.ndarray]:
    """Return time and a schematic ECG in µV: P, QRS and T as Gaussians, a beat every 0.85 s."""
    t = np.arange(int(seconds * fs)) / fs
    x = np.zeros(len(t))
    for beat in np.arange(0.5, seconds, 0.85):
        for at, height, width in (
            (-0.17, 110, 0.022),
            (-0.03, -120, 0.009),
            (0.0, 1100, 0.011),
            (0.03, -200, 0.010),
            (0.24, 260, 0.045),
        ):
            x += height * np.exp(-(((t - beat - at) / width) ** 2) / 2)
    return t, x


def _noise(n: int) -> np.ndarray:
    return np.random.default_rng(7).standard_normal(n)


def _sos() -> plt.Figure:
    figure, (left, right) = plt.subplots(1, 2, width_ratios=(1, 1.4))
    sos = vs.butter_sos(4, [0.5, 40.0], FS, "bandpass")
    hz = np.geomspace(0.05, 64, 500)
    left.semilogx(hz, 20 * np.log10(np.abs(response(sos, hz, FS)) + 1e-9), color=INK)
    left.set(xlabel="frequency (Hz)", ylabel="gain (dB)", ylim=(-80, 5), title="0.5-40 Hz")
    t, x = _ecg(6.0)
    x = x + 4000 + 60 * _noise(len(t))
    right.plot(t, vs.SosFilter(sos).process(x), color=PALE, label="from rest")
    right.plot(t, vs.SosFilter(sos, settle=True).process(x), color=BLUE, label="settle=True")
    right.set(xlabel="time (s)", ylabel="µV", ylim=(-2500, 4500), title="an offset of 4 mV")
    right.legend(loc="upper right")
    return figure


def _fir() -> plt.Figure:
    figure, (left, right) = plt.subplots(1, 2, width_ratios=(1, 1.4))
    taps = vs.firwin(65, 20.0, FS)
    hz = np.linspace(0, 65, 500)
    gain = np.abs(np.exp(-2j * np.pi * np.outer(hz, np.arange(65)) / FS) @ taps)
    left.plot(hz, 20 * np.log10(gain + 1e-9), color=INK)
    left.set(xlabel="frequency (Hz)", ylabel="gain (dB)", ylim=(-100, 5), title="65 taps, 20 Hz")
    t, x = _ecg(3.0)
    noisy = x + 80 * _noise(len(t))
    stream = vs.FirFilter(taps)
    y = stream.process(noisy)
    late = round(stream.latency_s(FS) * FS)
    right.plot(t, noisy, color=PALE, label="input")
    right.plot(t[:-late], y[late:], color=BLUE, label="output, moved back by 32 samples")
    right.set(xlabel="time (s)", ylabel="µV")
    right.legend(loc="upper right", fontsize=8)
    return figure


def _notch() -> plt.Figure:
    figure, axes = plt.subplots()
    t, x = _ecg(16.0)
    x = x + 15 * _noise(len(t)) + 150 * np.sin(2 * np.pi * 50.1 * t) * (t > 3)
    stream = vs.MainsNotch(FS)
    parts, found = [], None
    for i in range(0, len(x), 13):
        parts.append(stream.process(x[i : i + 13]))
        if stream.detected and found is None:
            found = i / FS
    axes.plot(t, x, color=PALE, lw=0.6, label="input, hum of 50.1 Hz from 3 s")
    axes.plot(t, np.concatenate(parts), color=BLUE, lw=0.8, label="output")
    if found is not None:
        axes.axvline(found, color=RED, lw=1)
        axes.text(found + 0.1, 1250, "50 Hz found", color=RED)
    axes.set(xlabel="time (s)", ylabel="µV", ylim=(-500, 1700))
    axes.legend(loc="upper right", ncols=2)
    return figure


def _baseline() -> plt.Figure:
    figure, axes = plt.subplots()
    t, x = _ecg(12.0)
    wander = 700 * np.sin(2 * np.pi * 0.22 * t) + 500 * (t > 7.2)
    stream = vs.Baseline(FS)
    y = np.concatenate((stream.process(x + wander), stream.flush()))
    late = round(stream.latency_s * FS)
    axes.plot(t, x + wander, color=PALE, label="input")
    axes.plot(t, y[late:] - 1600, color=BLUE, label="output, moved back by 0.4 s (and down)")
    axes.set(xlabel="time (s)", ylabel="µV")
    axes.legend(loc="upper left", ncols=2)
    return figure


def _median() -> plt.Figure:
    figure, axes = plt.subplots()
    t = np.arange(int(4 * FS)) / FS
    x = 100 * (t > 1.5) + 5 * _noise(len(t))
    x[::37] += 300
    stream = vs.MovingMedian(9)
    y = stream.process(x)
    mean = np.convolve(x, np.ones(9) / 9)[: len(x)]
    axes.plot(t, x, color=PALE, lw=0.7, label="input")
    axes.plot(t, mean, color=RED, lw=0.9, label="mean of 9")
    axes.plot(t, y, color=BLUE, label="median of 9")
    axes.set(xlabel="time (s)", ylim=(-60, 420))
    axes.legend(loc="upper left", ncols=3)
    return figure


def _resample() -> plt.Figure:
    figure, axes = plt.subplots()
    t, x = _ecg(1.4, 360.0)
    stream = vs.RationalResampler(13, 36, settle=True)
    y = np.concatenate((stream.process(x), stream.flush()))
    moved = np.arange(len(y)) / 130.0 - stream.latency_s(360.0)
    inside = (moved >= 0) & (moved <= t[-1])
    axes.plot(t, x, color=PALE, label="360 Hz")
    axes.plot(moved[inside], y[inside], "o", ms=3, color=BLUE, label="130 Hz, delay taken off")
    axes.set(xlabel="time (s)", ylabel="µV")
    axes.legend(loc="upper right")
    return figure


def _rate() -> plt.Figure:
    figure, (left, right) = plt.subplots(1, 2)
    seconds, fs = 3600.0, 130.045
    hours = np.linspace(0, seconds, 50)
    drift = hours * (fs - FS) / FS
    left.plot(hours / 60, drift, color=RED, label="taken for 130 Hz")
    left.plot(hours / 60, 0 * hours, color=BLUE, label="corrected")
    left.set(xlabel="recording (min)", ylabel="error of time (s)", title="130.045 Hz strap")
    left.legend()
    t = np.arange(int(60 * fs)) / fs
    hz = np.linspace(1, 60, 60)
    worst = []
    for f in hz:
        y = vs.RateCorrector(fs, FS).process(np.sin(2 * np.pi * f * t))
        error = y - np.sin(2 * np.pi * f * np.arange(len(y)) / FS)
        worst.append(np.abs(error[300:-300]).max())
    right.semilogy(hz, worst, color=INK)
    right.set(xlabel="frequency (Hz)", ylabel="largest error", title="error for a sine of 1")
    return figure


def _gaps() -> plt.Figure:
    figure, axes = plt.subplots()
    t, x = _ecg(6.0)
    x = x + 3000
    x[int(2.2 * FS) : int(3.1 * FS)] = np.nan
    high = vs.butter_sos(2, 0.5, FS, "highpass")
    axes.axvspan(2.2, 3.1, color=PALE, alpha=0.25, lw=0)
    axes.text(2.26, 1050, "lost", color=INK)
    axes.plot(t, vs.SosFilter(high).process(x), color=PALE, label="from rest")
    axes.plot(t, vs.SosFilter(high, settle=True).process(x), color=BLUE, label="settle=True")
    axes.set(xlabel="time (s)", ylabel="µV", ylim=(-1500, 3500))
    axes.legend(loc="upper right")
    return figure
