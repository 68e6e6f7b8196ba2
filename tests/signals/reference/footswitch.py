"""Steps from the edges of foot switches, which bounce and now and then miss a step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def steps_of(edges: NDArray[np.float64]) -> int:
    """Return the number of steps: an edge within 0.55 intervals of the last one is a bounce.

    An interval of 1.6 usual ones or more hides as many steps as fit in.
    """
    usual = float(np.median(np.diff(edges)))
    kept = [float(edges[0])]
    for edge in edges[1:].tolist():
        if edge - kept[-1] > 0.55 * usual:
            kept.append(edge)
    gaps = np.diff(kept)
    hidden = np.round(gaps[gaps > 1.6 * usual] / usual) - 1
    return len(kept) + int(hidden.sum())
