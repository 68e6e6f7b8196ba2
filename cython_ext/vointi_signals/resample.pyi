import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from vointi_signals._window import Resampler

class RationalResampler(Resampler):
    up: int
    down: int
    taps: NDArray[np.float64]
    def __new__(
        cls,
        up: int,
        down: int,
        taps: ArrayLike | None = None,
        channels: int = 1,
        dtype: DTypeLike = ...,
        *,
        settle: bool = False,
    ) -> RationalResampler: ...
    def latency_s(self, fs: float) -> float: ...

class Decimator(RationalResampler):
    def __new__(
        cls,
        factor: int,
        taps: ArrayLike | None = None,
        channels: int = 1,
        dtype: DTypeLike = ...,
        *,
        settle: bool = False,
    ) -> Decimator: ...
