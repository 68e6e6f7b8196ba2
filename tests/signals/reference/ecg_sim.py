"""An ECG made of Gaussian waves, with noise: where each R peak is, is known exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Floats = NDArray[np.float64]

# Amplitude (uV), centre against R (s), width (s): P, Q, R, S, T.
WAVES = (
    (120, -0.17, 0.022),
    (-90, -0.03, 0.009),
    (1100, 0, 0.010),
    (-250, 0.03, 0.010),
    (280, 0.27, 0.05),
)
WIDE = ((-200, -0.08, 0.02), (1300, 0, 0.035), (-700, 0.10, 0.05), (-300, 0.30, 0.07))


def beat_times(seconds: float, rng: np.random.Generator, rr_s: float = 0.8) -> Floats:
    """Return times of beats with respiratory and slow variation of the interval."""
    times, now = [], 0.6
    while now < seconds - 0.6:
        times.append(now)
        swing = 0.04 * np.sin(2 * np.pi * 0.25 * now) + 0.03 * np.sin(2 * np.pi * 0.1 * now)
        now += rr_s * (1 + swing) + rng.normal(0, 0.01)
    return np.array(times)


def ecg(
    times: Floats, seconds: float, fs: float, ectopic: NDArray[np.bool_] | None = None
) -> Floats:
    """Return microvolts; breathing at 0.25 Hz changes the amplitude by a tenth."""
    t = np.arange(int(seconds * fs)) / fs
    x = np.zeros_like(t)
    for i, beat in enumerate(times):
        waves = WIDE if ectopic is not None and ectopic[i] else WAVES
        gain = 1 + 0.1 * np.sin(2 * np.pi * 0.25 * beat)
        near = slice(max(0, int((beat - 0.5) * fs)), int((beat + 0.7) * fs))
        for height, offset, width in waves:
            x[near] += gain * height * np.exp(-0.5 * ((t[near] - beat - offset) / width) ** 2)
    return x


def noise(kind: str, n: int, fs: float, rng: np.random.Generator) -> Floats:
    """Return noise of power 1: wander, muscle, motion or mains."""
    t = np.arange(n) / fs
    white = rng.standard_normal(n)
    if kind == "wander":
        y = signal.sosfilt(signal.butter(2, [0.05, 0.5], "band", fs=fs, output="sos"), white)
    elif kind == "muscle":
        edge = min(150, 0.45 * fs)
        y = signal.sosfilt(signal.butter(2, [10, edge], "band", fs=fs, output="sos"), white)
        slow = signal.sosfilt(signal.butter(2, 0.2, fs=fs, output="sos"), rng.standard_normal(n))
        y = y * np.exp(0.6 * slow * np.sqrt(fs / 0.4))
    elif kind == "motion":
        jumps = np.zeros(n)
        at = rng.integers(0, n, rng.poisson(1.2 * n / fs))
        jumps[at] = rng.standard_normal(len(at)) * rng.exponential(1, len(at))
        y = np.zeros(n)
        for tau in (0.06, 0.2, 0.6):
            sign = rng.choice([-1, 1], n)
            y += signal.lfilter([1], [1, -np.exp(-1 / (tau * fs))], jumps * sign)
        y = signal.sosfilt(signal.butter(1, [0.3, 12], "band", fs=fs, output="sos"), y)
    elif kind == "mains":
        y = np.sin(2 * np.pi * 50.03 * t) + 0.2 * np.sin(2 * np.pi * 150.1 * t + 1)
    else:
        raise ValueError(kind)
    return y / np.sqrt(np.mean(y**2))


def with_noise(
    x: Floats, beats: NDArray[np.int64], fs: float, kind: str, snr_db: float, seed: int
) -> Floats:
    """Add noise at a ratio to the QRS's power, its squared height over 8 (as in the NSTDB)."""
    half = int(0.05 * fs)
    heights = [np.ptp(x[b - half : b + half + 1]) for b in beats if half < b < len(x) - half]
    power = float(np.median(heights)) ** 2 / 8
    added = noise(kind, len(x), fs, np.random.default_rng(seed))
    return x + added * np.sqrt(power / 10 ** (snr_db / 10))
