"""Where the beats of a recording are, well enough for the rate that a strap shows.

Not the project's beat detector: that one lives in the edge and is judged against annotations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Energy of the slope over the width of a QRS complex, as in Pan & Tompkins 1985, whole at once.
_SMOOTH_S = 0.12
_SLOPE_S = 0.012
_BLOCK_S = 2.0
_THRESHOLD = 0.3
# No two beats of a heart are closer than its refractory period.
_REFRACTORY_S = 0.25


def peaks_s(microvolts: NDArray[np.int32], rate_hz: float) -> list[float]:
    """Moments of the beats in seconds from the first sample; empty for a flat line."""
    if len(microvolts) < 2 * rate_hz:
        return []
    energy = _energy(microvolts.astype(np.float64), rate_hz)
    limit = _limit(energy, rate_hz)
    if not limit.any():
        return []
    inside = energy > limit
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    found: list[float] = []
    for start, stop in edges.reshape(-1, 2):
        moment = (start + int(np.argmax(energy[start:stop]))) / rate_hz
        if not found or moment - found[-1] > _REFRACTORY_S:
            found.append(float(moment))
    return found


def _energy(wave: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    lag = max(1, round(_SLOPE_S * rate_hz))
    slope = np.zeros_like(wave)
    slope[lag:] = wave[lag:] - wave[:-lag]
    width = max(1, round(_SMOOTH_S * rate_hz))
    return np.convolve(slope * slope, np.full(width, 1 / width), mode="same")


def _limit(energy: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    size = max(1, round(_BLOCK_S * rate_hz))
    blocks = np.array([energy[at : at + size].max() for at in range(0, len(energy), size)])
    # The median of neighbouring blocks' maxima forgives one artefact or one pause.
    around = np.stack([np.roll(blocks, shift) for shift in (-2, -1, 0, 1, 2)])
    return np.repeat(_THRESHOLD * np.median(around, axis=0), size)[: len(energy)]
