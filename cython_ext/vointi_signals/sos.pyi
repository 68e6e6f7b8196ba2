import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from vointi_signals._buffers import Filter

class SosFilter(Filter):
    sos: NDArray[np.float64]
    sections: int
    settle: bool
    state: NDArray[np.float64]
    def __init__(
        self,
        sos: ArrayLike,
        channels: int = 1,
        dtype: DTypeLike = ...,
        *,
        settle: bool = False,
    ) -> None: ...
    def step(self, v: float) -> float: ...
    def latency_s(self, fs: float, at_hz: float | None = None) -> float: ...

def sosfilt(
    sos: ArrayLike, x: ArrayLike, zi: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
