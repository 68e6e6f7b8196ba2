"""MotionEpochs once more, a batch of NumPy: one signal without gaps, in g."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def epochs(acc: Array, fs: float, epoch_s: float) -> dict[str, Array]:
    """MAD and ENMO in mg, mean in g and standard deviation in mg, of every whole epoch."""
    size = round(fs * epoch_s)
    cut = acc[: len(acc) // size * size].reshape(-1, size, 3)
    norm = np.linalg.norm(cut, axis=2)
    return {
        "mad_mg": 1000 * np.abs(norm - norm.mean(1, keepdims=True)).mean(1),
        "enmo_mg": 1000 * np.maximum(norm - 1, 0).mean(1),
        "mean_g": cut.mean(1),
        "sd_mg": 1000 * cut.std(1),
        "low_g": cut.min(1),
        "high_g": cut.max(1),
    }
