import numpy as np
import numpy.typing as npt

def pack(values: npt.NDArray[np.integer]) -> tuple[int, int, bytes]: ...
def unpack(
    data: bytes, at: int, count: int, order: int, k: int
) -> tuple[npt.NDArray[np.int32], int] | None: ...
