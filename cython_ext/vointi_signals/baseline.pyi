from numpy.typing import DTypeLike

from vointi_signals._buffers import Filter

class Baseline(Filter):
    fs: float
    windows: tuple[int, int]
    @property
    def latency_s(self) -> float: ...
    def __init__(
        self, fs: float, windows_s: tuple[float, float] = (0.2, 0.6), dtype: DTypeLike = ...
    ) -> None: ...
