import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from vointi_signals._buffers import Filter

class FirFilter(Filter):
    taps: NDArray[np.float64]
    def __init__(
        self,
        taps: ArrayLike,
        channels: int = 1,
        dtype: DTypeLike = ...,
        *,
        settle: bool = False,
    ) -> None: ...
    def latency_s(self, fs: float) -> float: ...
