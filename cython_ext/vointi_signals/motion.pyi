import numpy as np

from vointi_signals._events import Detector

EPOCH_DTYPE: np.dtype[np.void]

class MotionEpochs(Detector):
    epoch_s: float
    unit: str
    def __init__(self, fs: float, epoch_s: float = 6.0, unit: str = "m/s2") -> None: ...
