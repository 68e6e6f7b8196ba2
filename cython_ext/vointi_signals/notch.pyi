from numpy.typing import DTypeLike

from vointi_signals._buffers import Filter

class MainsNotch(Filter):
    fs: float
    q: float
    harmonics: int
    mains: str | int
    @property
    def latency_s(self) -> float: ...
    @property
    def detected(self) -> int | None: ...
    def __init__(
        self,
        fs: float,
        mains: str | int = "auto",
        q: float = 30.0,
        harmonics: int = 1,
        dtype: DTypeLike = ...,
    ) -> None: ...
