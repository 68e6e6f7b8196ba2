"""Posture and inactivity of a person who wears a sensor on the trunk, in any orientation."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from vointi_signals._state import fingerprint, numbers, restore, save
from vointi_signals.errors import InputError

# Vaha-Ypya 2018 (doi 10.1111/sms.13017): at 64.9 degrees from the direction in walking, lying parts
# from sitting. That a trunk leans from 30 degrees on is our own word.
UPRIGHT_DEG = 30.0
LYING_DEG = 64.9
# The UKK institute's limits, as in intensity.py: below 22.5 mg of MAD a person is sedentary.
ACTIVE_MG = 22.5
# Walking: 91.5 mg is moderate; who walks holds the trunk upright, whatever the sensor's turn.
WALKING_MG = 91.5
# Weight of an epoch of walking in the direction that counts as upright.
LEARNT = 0.1


class Posture(IntEnum):
    """Where the trunk points; UNKNOWN until the wearer has walked once."""

    UNKNOWN = 0
    UPRIGHT = 1
    LEANING = 2
    LYING = 3


class PostureTracker:
    """Posture of every epoch of ``MotionEpochs``, and for how long the person has been still.

    The direction that is upright is learnt from gravity while the person walks, so the sensor
    may be worn any way round; ``upright`` (3 numbers, any unit) sets it at once.
    """

    def __init__(self, upright: tuple[float, float, float] | None = None) -> None:
        self._of = fingerprint("posture")
        self._start = np.zeros(3) if upright is None else _unit(np.array(upright, np.float64))
        self.reset()

    @property
    def latency_s(self) -> float:
        """Delay in s beyond that of the epochs: none."""
        return 0.0

    def flush(self) -> NDArray[np.int8]:
        """Return nothing: every epoch is answered at once."""
        return np.empty(0, np.int8)

    def reset(self) -> None:
        """Forget what was learnt."""
        self._upright = self._start.copy()
        self.inactive_s = 0.0
        self._last_s = -1.0

    def push(self, epochs: NDArray[np.void]) -> NDArray[np.int8]:
        """Return a Posture for every epoch; ``inactive_s`` then holds after the last one."""
        if epochs.dtype.names is None or "mean_g" not in epochs.dtype.names:
            raise InputError("epochs", "not epochs of MotionEpochs", "pass what its push returns")
        found = [self._one(epoch) for epoch in epochs]
        return np.array(found, np.int8)

    def _one(self, epoch: np.void) -> Posture:
        mad, time_s = float(epoch["mad_mg"]), float(epoch["time_s"])
        if np.isnan(mad):
            self.inactive_s, self._last_s = 0.0, -1.0
            return Posture.UNKNOWN
        step = time_s - self._last_s if self._last_s >= 0 else 0.0
        self.inactive_s = 0.0 if mad >= ACTIVE_MG else self.inactive_s + step
        self._last_s = time_s
        down = _unit(epoch["mean_g"])
        if mad >= WALKING_MG:
            self._learn(down)
        return self._posture(down)

    def _learn(self, down: NDArray[np.float64]) -> None:
        if not self._upright.any():
            self._upright = down
        elif float(down @ self._upright) > np.cos(np.deg2rad(LYING_DEG)):
            self._upright = _unit(self._upright + LEARNT * (down - self._upright))

    def _posture(self, down: NDArray[np.float64]) -> Posture:
        if not self._upright.any() or not down.any():
            return Posture.UNKNOWN
        angle = np.rad2deg(np.arccos(np.clip(down @ self._upright, -1, 1)))
        if angle <= UPRIGHT_DEG:
            return Posture.UPRIGHT
        return Posture.LEANING if angle < LYING_DEG else Posture.LYING

    def get_state(self) -> bytes:
        """Return what is remembered, for ``set_state`` after a restart."""
        values = [*self._upright.tolist(), self.inactive_s, self._last_s]
        return save("posture", self._of, values=values)

    def set_state(self, state: bytes) -> None:
        """Go on from ``get_state``."""
        values = numbers(restore(state, "posture", self._of), "values", 5)
        self._upright = values[:3].copy()
        self.inactive_s, self._last_s = float(values[3]), float(values[4])


def _unit(v: NDArray[np.float64]) -> NDArray[np.float64]:
    size = float(np.linalg.norm(v))
    return np.asarray(v / size if np.isfinite(size) and size > 0 else np.zeros(3))
