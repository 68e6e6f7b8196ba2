"""Sleep and wake from a wrist, by the angle of the arm: van Hees 2015."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vointi_signals._checks import checked_rate
from vointi_signals._state import fingerprint, numbers, restore, save, whole
from vointi_signals.errors import InputError, ParameterError

# van Hees 2015 (doi 10.1371/journal.pone.0142533): sleep is 5 min or more in which the angle of
# the arm does not change by more than 5 degrees, in epochs of 5 s.
CHANGE_DEG = 5.0
LEAST_S = 300.0

SLEEP_DTYPE = np.dtype([("time_s", "<f8"), ("asleep", "?"), ("angle_deg", "<f8")])

Method = Literal["z", "direction"]


class SleepWake:
    """Sustained inactivity of a wrist, epoch by epoch, 5 min late.

    ``push`` takes epochs of ``MotionEpochs`` (5 s) and returns SLEEP_DTYPE rows of the epochs
    that are decided. ``method`` is ``"z"``, the paper's angle of the z axis to the horizontal, or
    ``"direction"``, the turn of gravity in the sensor, which needs no known axis. Quiet waking
    counts as sleep, as in the paper: use it within the night only. A missing epoch is wake.
    """

    def __init__(self, epoch_s: float = 5.0, method: Method = "z") -> None:
        self.epoch_s = checked_rate(epoch_s, "epoch_s")
        if method not in ("z", "direction"):
            raise ParameterError("method", f"{method!r}", "use z or direction")
        self.method: Method = method
        self._of = fingerprint("sleep", self.epoch_s, method)
        self._least = max(1, round(LEAST_S / self.epoch_s))
        self.reset()

    @property
    def latency_s(self) -> float:
        """Longest delay in s from the start of an epoch to its row."""
        return LEAST_S + self.epoch_s

    def reset(self) -> None:
        """Forget everything."""
        self._last = np.zeros(3)
        self._asleep = False
        self._waiting: list[tuple[float, float]] = []

    def push(self, epochs: NDArray[np.void]) -> NDArray[np.void]:
        """Return the epochs that became certain."""
        if epochs.dtype.names is None or "mean_g" not in epochs.dtype.names:
            raise InputError("epochs", "not epochs of MotionEpochs", "pass what its push returns")
        rows: list[tuple[float, bool, float]] = []
        for epoch in epochs:
            rows += self._one(float(epoch["time_s"]), epoch["mean_g"])
        return np.array(rows, SLEEP_DTYPE)

    def flush(self) -> NDArray[np.void]:
        """Return the epochs that wait, as wake: their rest did not last 5 min."""
        return np.array(self._release(False), SLEEP_DTYPE)

    def _one(self, time_s: float, down: NDArray[np.float64]) -> list[tuple[float, bool, float]]:
        known = bool(np.isfinite(down).all())
        angle = _angle(down) if known else np.nan
        moved = not known or self._moved(down)
        self._last = down.copy() if known else np.zeros(3)
        rows: list[tuple[float, bool, float]] = []
        if moved:
            rows = self._release(False)
            self._asleep = False
        if not known:
            return [*rows, (time_s, False, np.nan)]
        if self._asleep:
            return [*rows, (time_s, True, angle)]
        self._waiting.append((time_s, angle))
        if len(self._waiting) >= self._least:
            self._asleep = True
            rows += self._release(True)
        return rows

    def _moved(self, down: NDArray[np.float64]) -> bool:
        if not self._last.any():
            return True
        if self.method == "z":
            return abs(_angle(down) - _angle(self._last)) > CHANGE_DEG
        cosine = down @ self._last / (np.linalg.norm(down) * np.linalg.norm(self._last) + 1e-12)
        return bool(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))) > CHANGE_DEG)

    def _release(self, asleep: bool) -> list[tuple[float, bool, float]]:
        rows = [(time_s, asleep, angle) for time_s, angle in self._waiting]
        self._waiting = []
        return rows

    def get_state(self) -> bytes:
        """Return what is remembered, for ``set_state`` after a restart."""
        waiting = [value for pair in self._waiting for value in pair]
        values = [*self._last.tolist(), float(self._asleep), *waiting]
        return save("sleep", self._of, count=len(self._waiting), values=values)

    def set_state(self, state: bytes) -> None:
        """Go on from ``get_state`` of a detector with the same parameters."""
        saved = restore(state, "sleep", self._of)
        count = whole(saved, "count", self._least)
        values = numbers(saved, "values", 4 + 2 * count)
        self._last, self._asleep = values[:3].copy(), bool(values[3])
        self._waiting = [(float(t), float(a)) for t, a in values[4:].reshape(-1, 2)]


def _angle(down: NDArray[np.float64]) -> float:
    """Return the angle of the z axis to the horizontal in degrees."""
    return float(np.rad2deg(np.arctan2(down[2], np.hypot(down[0], down[1]))))
