"""A photoplethysmogram with beats whose times are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def beat_times(
    seconds: float, rng: np.random.Generator, rate: float = 70.0, spread_s: float = 0.03
) -> Array:
    """Beats with respiratory sinus arrhythmia at 15 breaths a minute and some noise."""
    times, t = [], 0.4
    while t < seconds:
        times.append(t)
        t += 60 / rate + spread_s * np.sin(2 * np.pi * 0.25 * t) + rng.normal(0, 0.005)
    return np.array(times)


def pulse(
    fs: float, seconds: float, rng: np.random.Generator, rate: float = 70.0, noise: float = 0.01
) -> tuple[Array, Array]:
    """The signal, pulses of height about 1, and the beats: a systolic and a dicrotic wave."""
    times = beat_times(seconds, rng, rate)
    t = np.arange(int(fs * seconds)) / fs
    x = 0.3 * np.sin(2 * np.pi * 0.25 * t) + 5
    for at in times:
        size = 1 + 0.1 * np.sin(2 * np.pi * 0.25 * at)
        x += size * np.exp(-0.5 * ((t - at - 0.18) / 0.07) ** 2)
        x += 0.35 * size * np.exp(-0.5 * ((t - at - 0.42) / 0.09) ** 2)
    return x + rng.normal(0, noise, t.size), times
