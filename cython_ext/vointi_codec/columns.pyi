from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LIMITS: dict[str, int]
STREAMS: tuple[str, ...]
SCALES: tuple[float, ...]
FRAME: np.dtype[np.void]
CHANNEL: np.dtype[np.void]

class Taken(NamedTuple):
    frames: npt.NDArray[np.void]
    channels: npt.NDArray[np.void]
    waves: npt.NDArray[np.int32]
    points: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    layouts: list[tuple[int, str, tuple[int, ...]]]

def whole_blocks(payload: bytes, start: int = 0) -> bool: ...

class FrameColumns:
    def __init__(self, low: npt.ArrayLike, high: npt.ArrayLike, wave: npt.ArrayLike) -> None: ...
    def __len__(self) -> int: ...
    @property
    def samples(self) -> int: ...
    def limits(self, earliest_us: int, latest_us: int, longest_us: int) -> None: ...
    def add(
        self, message: bytes, owner: int, device: bytes, now_us: int, packed: bool = False
    ) -> tuple[int, list[tuple[int, int, int]], list[int], int, int] | None: ...
    def layout(self, number: int) -> tuple[int, str, tuple[int, ...]]: ...
    def undo(self) -> None: ...
    def take(self) -> Taken: ...
