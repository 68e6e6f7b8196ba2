from collections.abc import Sequence

import numpy as np

from vointi_signals._events import Detector

OXIMETRY_DTYPE: np.dtype[np.void]

class PulseOximeter(Detector):
    def __init__(
        self, fs: float, calibration: Sequence[tuple[float, float]] | None = None
    ) -> None: ...
