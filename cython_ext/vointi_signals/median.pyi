from numpy.typing import DTypeLike

from vointi_signals._buffers import Filter

class MovingMedian(Filter):
    window: int
    def __init__(self, window: int, channels: int = 1, dtype: DTypeLike = ...) -> None: ...
    def latency_s(self, fs: float) -> float: ...
