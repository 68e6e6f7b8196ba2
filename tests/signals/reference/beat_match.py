"""Scoring of beats: one to one, the nearest pairs first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Score:
    """Hits, misses, false alarms, and found less true (samples) for the hits."""

    hits: int
    missed: int
    false: int
    offsets: Indices

    @property
    def f1(self) -> float:
        """Return F1 in per cent."""
        return 200.0 * self.hits / max(1, 2 * self.hits + self.missed + self.false)


def score(true: Indices, found: Indices, tolerance: int) -> Score:
    """Match ``found`` to ``true`` beats that are at most ``tolerance`` samples away."""
    pairs = []
    low = np.searchsorted(found, true - tolerance, "left")
    high = np.searchsorted(found, true + tolerance, "right")
    for i in range(len(true)):
        pairs += [(abs(int(found[j] - true[i])), i, j) for j in range(low[i], high[i])]
    used_true: set[int] = set()
    used_found: set[int] = set()
    offsets = []
    for _, i, j in sorted(pairs):
        if i not in used_true and j not in used_found:
            used_true.add(i)
            used_found.add(j)
            offsets.append(int(found[j] - true[i]))
    hits = len(offsets)
    return Score(hits, len(true) - hits, len(found) - hits, np.array(offsets, np.int64))
