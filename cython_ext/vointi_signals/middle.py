"""The median of a few values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def middle(values: NDArray[np.float64]) -> float:
    """Return the median of at least one value.

    numpy.median is the same, but imports numpy.ma for it: 10 MB that an edge has no other use for.
    """
    ordered = np.sort(values)
    half = len(ordered) // 2
    return float(ordered[half] + ordered[-half - 1]) / 2
