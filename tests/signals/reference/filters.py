"""Readable twins of the compiled filters, in NumPy and SciPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Floats = NDArray[np.float64]


def sos(sections: Floats, x: Floats, zi: Floats) -> tuple[Floats, Floats]:
    """Second-order sections from a state."""
    y, zf = signal.sosfilt(sections, x, axis=0, zi=zi)
    return y, zf


def sos_with_gaps(sections: Floats, x: Floats) -> Floats:
    """Every run of finite samples from rest; NaN in between."""
    y = np.full(len(x), np.nan)
    for first, last in runs(np.isfinite(x)):
        y[first:last] = signal.sosfilt(sections, x[first:last])
    return y


def fir_with_gaps(taps: Floats, x: Floats) -> Floats:
    """Every run of finite samples from rest; NaN in between."""
    y = np.full(len(x), np.nan)
    for first, last in runs(np.isfinite(x)):
        y[first:last] = signal.lfilter(taps, 1.0, x[first:last])
    return y


def median(x: Floats, window: int) -> Floats:
    """Median of the last samples of a run, of fewer at its start."""
    y = np.full(len(x), np.nan)
    for first, last in runs(np.isfinite(x)):
        for i in range(first, last):
            y[i] = np.median(x[max(first, i - window + 1) : i + 1])
    return y


def baseline(x: Floats, first: int, second: int) -> Floats:
    """The signal less two centred medians, the first sample held before the start."""
    pad = first + second
    held = np.concatenate((np.full(pad, x[0]), x, np.full(pad, x[-1])))
    level = signal.medfilt(signal.medfilt(held, first), second)
    return np.asarray(x - level[pad:-pad], np.float64)


def resampled(taps: Floats, x: Floats, up: int, down: int) -> Floats:
    """Polyphase resampling of a whole signal."""
    return np.asarray(signal.upfirdn(taps, x, up, down), np.float64)


def runs(good: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and end of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], good.astype(int), [0]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
