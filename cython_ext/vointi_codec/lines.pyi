import numpy as np
import numpy.typing as npt

class LineBuffer:
    def __len__(self) -> int: ...
    @property
    def size(self) -> int: ...
    def add(
        self,
        head: bytes,
        first: bytes,
        values: npt.NDArray[np.float64],
        times_ns: npt.NDArray[np.int64],
    ) -> None: ...
    def add_seconds(
        self,
        head: bytes,
        first: bytes,
        values: npt.NDArray[np.float64],
        times_us: npt.NDArray[np.int64],
        below_ns: int,
    ) -> None: ...
    def take(self) -> bytes: ...
