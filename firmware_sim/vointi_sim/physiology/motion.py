"""Steps and what an accelerometer on the chest feels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vointi_sim.physiology.activity import Activity, Doing
from vointi_sim.physiology.breath import Breathing
from vointi_sim.physiology.timeline import Noise, Timeline, generator

# An easy walk: 1.75 steps a second.
_STEPS_PER_S = 1.75
# A step's shock at the chest rings for about a quarter of a second.
_RING_S = 0.09
_RING_HZ = 6.0
_SHOCK_MG = 330.0
_REACH_S = 0.6


@dataclass(frozen=True, slots=True)
class Step:
    """One foot on the ground; `side` is -1 left, +1 right; `count` is how many there have been."""

    time_s: float
    side: int
    count: int


class Motion:
    """Steps and chest acceleration of one person."""

    def __init__(self, seed: int, activity: Activity, breathing: Breathing) -> None:
        self._steps: Timeline[Step] = Timeline(_steps(seed, activity))
        self._breathing = breathing
        self._noise = tuple(Noise(seed, f"acc/{axis}") for axis in "xyz")

    def steps(self, from_s: float, to_s: float) -> list[Step]:
        """Steps with from_s <= time < to_s."""
        return self._steps.between(from_s, to_s)

    def acceleration_mg(self, times_s: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Acceleration in milli-g, shape (samples, 3): x down the body, y to the left, z ahead.

        Upright and still it reads about (1000, 0, 0) plus the tilt of breathing; `first` is the
        number of the first sample.
        """
        chest = self._breathing.volume(times_s)
        xyz = np.stack([990.0 - 4 * chest, 15.0 + 0 * chest, 90.0 + 28 * chest], axis=1)
        for axis, noise in enumerate(self._noise):
            xyz[:, axis] += 5.0 * noise.take(first, len(times_s))
        first_s, last_s = float(times_s[0]), float(times_s[-1])
        for step in self._steps.between(first_s - _REACH_S, last_s):
            _add_step(xyz, times_s - step.time_s, step.side)
        return xyz


class Still:
    """What an accelerometer on a table feels: gravity and its own noise."""

    def __init__(self, seed: int) -> None:
        self._noise = tuple(Noise(seed, f"still/{axis}") for axis in "xyz")

    def acceleration_mg(self, times_s: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Acceleration in milli-g, shape (samples, 3), about (0, 0, 1000)."""
        noise = np.stack([noise.take(first, len(times_s)) for noise in self._noise], axis=1)
        return np.asarray(np.array([0.0, 0.0, 1000.0]) + 5.0 * noise)


def _add_step(xyz: NDArray[np.float64], since_s: NDArray[np.float64], side: int) -> None:
    felt = (since_s >= 0) & (since_s < _REACH_S)
    ring = np.where(felt, np.exp(-np.abs(since_s) / _RING_S), 0.0)
    shock = _SHOCK_MG * ring * np.sin(2 * math.pi * _RING_HZ * since_s)
    xyz[:, 0] += shock
    xyz[:, 1] += 0.3 * side * shock
    xyz[:, 2] += 0.4 * shock


def _steps(seed: int, activity: Activity) -> Iterator[Step]:
    random = generator(seed, "steps")
    time_s, count = 0.0, 0
    while True:
        segment = activity.segment(time_s)
        if segment.doing is not Doing.WALKING:
            time_s = segment.time_s + segment.length_s + 1e-6
            continue
        wobble = 1 + 0.03 * float(np.clip(random.standard_normal(), -3, 3))
        time_s += wobble / _STEPS_PER_S
        count += 1
        yield Step(time_s, 1 if count % 2 else -1, count)
