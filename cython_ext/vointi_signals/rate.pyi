from numpy.typing import DTypeLike

from vointi_signals._window import Resampler

class RateCorrector(Resampler):
    fs_in: float
    fs_out: float
    @property
    def latency_s(self) -> float: ...
    def __init__(
        self,
        fs_in: float,
        fs_out: float,
        channels: int = 1,
        dtype: DTypeLike = ...,
        *,
        settle: bool = True,
    ) -> None: ...
    def set_rate(self, fs_in: float) -> None: ...
