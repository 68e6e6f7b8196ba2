"""Whether the sensor is worn, from its epochs: van Hees 2013."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from vointi_signals._checks import checked_rate
from vointi_signals._state import fingerprint, number, numbers, restore, save, whole
from vointi_signals.errors import InputError

# van Hees 2013 (doi 10.1371/journal.pone.0061691) as in its authors' program GGIR: in 60 min, two
# of three axes with both a standard deviation below 13 mg and a range below 50 mg; every 15 min.
WINDOW_S = 3600.0
BLOCK_S = 900.0
SD_MG = 13.0
RANGE_MG = 50.0
# Quarters of an hour without an epoch, each answered as unknown: a year. More is a wrong clock.
LONGEST_GAP = 35_040

WEAR_DTYPE = np.dtype([("time_s", "<f8"), ("worn", "?"), ("known", "?")])

Block = tuple[float, ...]


class WearDetector:
    """Worn or not, for every 15 min, causally from the 60 min that end with it.

    ``push`` takes epochs of ``MotionEpochs`` and returns WEAR_DTYPE rows: ``time_s`` is the start
    of the 15 min. ``known`` is False where less than half of the time was seen. The first three
    are decided on what there is.
    """

    def __init__(self, epoch_s: float = 6.0) -> None:
        self.epoch_s = checked_rate(epoch_s, "epoch_s")
        self._of = fingerprint("wear", self.epoch_s)
        self.reset()

    @property
    def latency_s(self) -> float:
        """Delay in s from the start of a block to its row."""
        return BLOCK_S

    def reset(self) -> None:
        """Forget everything."""
        self._blocks: deque[Block] = deque(maxlen=int(WINDOW_S / BLOCK_S))
        self._number = -1
        self._open()

    def _open(self) -> None:
        self._n = 0
        self._s1 = np.zeros(3)
        self._s2 = np.zeros(3)
        self._low = np.full(3, 1e9)
        self._high = np.full(3, -1e9)

    def push(self, epochs: NDArray[np.void]) -> NDArray[np.void]:
        """Return the blocks that ended before or with these epochs."""
        if epochs.dtype.names is None or "sd_mg" not in epochs.dtype.names:
            raise InputError("epochs", "not epochs of MotionEpochs", "pass what its push returns")
        rows: list[tuple[float, bool, bool]] = []
        for epoch in epochs:
            number = self._block_of(float(epoch["time_s"]))
            while self._number >= 0 and number > self._number:
                rows.append(self._close())
                self._number += 1
            self._number = max(self._number, number)
            self._add(epoch)
        return np.array(rows, WEAR_DTYPE)

    def _block_of(self, time_s: float) -> int:
        """Return the number of the block that holds the middle of an epoch."""
        block = (time_s + self.epoch_s / 2) // BLOCK_S
        if not abs(block) < 2**53 or (self._number >= 0 and block - self._number > LONGEST_GAP):
            raise InputError("epochs", f"time_s {time_s!r}", "reset after a year without epochs")
        return int(block)

    def flush(self) -> NDArray[np.void]:
        """Return the block that has begun, if half of it was seen."""
        if self._number < 0 or self._n * self.epoch_s < BLOCK_S / 2:
            return np.empty(0, WEAR_DTYPE)
        row = self._close()
        self._number += 1
        return np.array([row], WEAR_DTYPE)

    def _add(self, epoch: np.void) -> None:
        if np.isnan(epoch["mad_mg"]):
            return
        mean = epoch["mean_g"]
        self._n += 1
        self._s1 += mean
        self._s2 += mean**2 + (epoch["sd_mg"] / 1000) ** 2
        self._low = np.minimum(self._low, epoch["low_g"])
        self._high = np.maximum(self._high, epoch["high_g"])

    def _close(self) -> tuple[float, bool, bool]:
        self._blocks.append((self._n, *self._s1, *self._s2, *self._low, *self._high))
        start, seen = self._number * BLOCK_S, self._n
        self._open()
        if seen * self.epoch_s < BLOCK_S / 2:
            return start, False, False
        return start, not self._still(), True

    def _still(self) -> bool:
        table = np.array(self._blocks)
        n = table[:, 0].sum()
        mean, square = table[:, 1:4].sum(0) / n, table[:, 4:7].sum(0) / n
        sd = 1000 * np.sqrt(np.maximum(square - mean**2, 0))
        span = 1000 * (table[:, 10:13].max(0) - table[:, 7:10].min(0))
        return bool(np.sum((sd < SD_MG) & (span < RANGE_MG)) >= 2)

    def get_state(self) -> bytes:
        """Return what is remembered, for ``set_state`` after a restart."""
        now = (self._n, *self._s1, *self._s2, *self._low, *self._high)
        rows = [float(value) for row in [*self._blocks, now] for value in row]
        return save("wear", self._of, block=self._number, count=len(self._blocks), rows=rows)

    def set_state(self, state: bytes) -> None:
        """Go on from ``get_state`` of a detector with the same epochs."""
        saved = restore(state, "wear", self._of)
        block, count = int(number(saved, "block")), whole(saved, "count", 4)
        table = numbers(saved, "rows", 13 * (count + 1)).reshape(-1, 13)
        self.reset()
        self._blocks.extend(tuple(row) for row in table[:-1].tolist())
        now = table[-1]
        self._n, self._number = int(now[0]), block
        self._s1, self._s2, self._low, self._high = (now[i : i + 3].copy() for i in (1, 4, 7, 10))
