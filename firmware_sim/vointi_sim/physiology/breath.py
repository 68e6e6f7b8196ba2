"""Breathing: one breath after another, deeper and faster with effort."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vointi_sim.physiology.activity import Activity
from vointi_sim.physiology.timeline import Timeline, generator

# Adults at rest take 12 to 20 breaths a minute.
_REST_PER_MIN = 13.0
_EFFORT_PER_MIN = 12.0
# Longer than the slowest breath, so that a window always finds the breath it begins in.
_LONGEST_S = 12.0


@dataclass(frozen=True, slots=True)
class Breath:
    """One breath from the start of its inspiration."""

    time_s: float
    length_s: float
    depth: float


class Breathing:
    """The breaths of one person."""

    def __init__(self, seed: int, activity: Activity) -> None:
        self._breaths: Timeline[Breath] = Timeline(_breaths(seed, activity))

    def phase(self, at_s: float) -> float:
        """Where in the breath, in radians: 0 start of inspiration, π full, 2π empty."""
        breath = self._breaths.last(at_s)
        return 2 * math.pi * min(1.0, max(0.0, (at_s - breath.time_s) / breath.length_s))

    def rate_per_min(self, at_s: float) -> float:
        """Breathing rate of the present breath."""
        return 60.0 / self._breaths.last(at_s).length_s

    def volume(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Filling of the chest at ascending times, 0 … about 1."""
        first, last = float(times_s[0]), float(times_s[-1])
        breaths = self._breaths.between(max(0.0, first - _LONGEST_S), last + 1e-9)
        if not breaths:
            return np.zeros_like(times_s)
        starts = np.array([breath.time_s for breath in breaths])
        index = np.maximum(0, np.searchsorted(starts, times_s, side="right") - 1)
        lengths = np.array([breath.length_s for breath in breaths])[index]
        depths = np.array([breath.depth for breath in breaths])[index]
        part = np.clip((times_s - starts[index]) / lengths, 0.0, 1.0)
        return np.asarray(depths * 0.5 * (1 - np.cos(2 * np.pi * part)))


def _breaths(seed: int, activity: Activity) -> Iterator[Breath]:
    random = generator(seed, "breath")
    time_s = 0.0
    while True:
        exertion = activity.exertion(time_s)
        per_min = _REST_PER_MIN + _EFFORT_PER_MIN * exertion
        wobble = 1 + 0.06 * float(np.clip(random.standard_normal(), -3, 3))
        depth = 0.7 + 0.3 * exertion + 0.05 * float(random.standard_normal())
        breath = Breath(time_s, 60.0 / per_min * wobble, depth)
        yield breath
        time_s += breath.length_s
