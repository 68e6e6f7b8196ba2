"""Power spectral density of unevenly spaced values: Lomb 1976, Scargle 1982."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def lomb_psd(time_s: Floats, value: Floats, hz: Floats) -> Floats:
    """Return the one-sided density (unit² per Hz) of ``value`` about its mean at ``hz``.

    Scaled so that a sine of amplitude A over T seconds has its whole power A²/2 within 1/T.
    """
    y = value - value.mean()
    phase = 2 * np.pi * hz[:, None] * time_s[None, :]
    twice = 2 * phase
    shift = 0.5 * np.arctan2(np.sin(twice).sum(1), np.cos(twice).sum(1))
    c, s = np.cos(phase - shift[:, None]), np.sin(phase - shift[:, None])
    tiny = np.finfo(np.float64).tiny
    power = 0.5 * ((c @ y) ** 2 / ((c * c).sum(1) + tiny) + (s @ y) ** 2 / ((s * s).sum(1) + tiny))
    span = (time_s[-1] - time_s[0]) * len(y) / (len(y) - 1)
    return np.asarray(power * 2 * span / len(y), np.float64)


def band_power(hz: Floats, psd: Floats, low: float, high: float) -> float:
    """Return the power from ``low`` (inclusive) to ``high`` (exclusive) on an even grid."""
    inside = (hz >= low) & (hz < high)
    return float(psd[inside].sum() * (hz[1] - hz[0]))
