from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

class RationalResampler:
    up: int
    down: int
    channels: int
    taps: NDArray[np.float64]
    @property
    def gaps(self) -> int: ...
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
    def outputs(self, rows: int) -> int: ...
    def latency_s(self, fs: float) -> float: ...
    def process(self, x: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]: ...
    def push(self, x: ArrayLike) -> NDArray[Any]: ...
    def flush(self) -> NDArray[Any]: ...
    def reset(self) -> None: ...
    def gap(self, n_missing: int = 0) -> None: ...
    def get_state(self) -> bytes: ...
    def set_state(self, raw: bytes) -> None: ...

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
