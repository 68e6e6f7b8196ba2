"""One person: everything that their devices measure comes from here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vointi_sim.physiology.activity import Activity
from vointi_sim.physiology.breath import Breathing
from vointi_sim.physiology.heart import Heart
from vointi_sim.physiology.motion import Motion
from vointi_sim.physiology.pulse import Pulse
from vointi_sim.physiology.timeline import generator

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Pressure:
    """Arterial pressure in mm[Hg]."""

    systolic: float
    diastolic: float

    @property
    def mean(self) -> float:
        """Mean arterial pressure by the usual rule of a third."""
        return self.diastolic + (self.systolic - self.diastolic) / 3


class Person:
    """One person's coherent state as a function of the seed and of simulated time.

    Nothing here looks at the wall clock, and no answer depends on what was asked before.
    """

    def __init__(self, seed: int) -> None:
        traits = generator(seed, "traits")
        self._seed = seed
        self._weight_kg = float(traits.uniform(58, 92))
        self._systolic = float(traits.uniform(112, 132))
        self._temperature = float(traits.uniform(36.4, 36.8))
        self.activity = Activity(seed)
        self.breathing = Breathing(seed, self.activity)
        rest_per_min = float(traits.uniform(56, 68))
        self.heart = Heart(seed, rest_per_min, self.activity, self.breathing)
        self.motion = Motion(seed, self.activity, self.breathing)
        self.pulse = Pulse(seed, self.heart, self.activity)

    def temperature_cel(self, at_s: float) -> float:
        """Body temperature: the daily swing, warmth of work, and a reading's own error."""
        daily = 0.3 * math.sin(2 * math.pi * at_s / _DAY_S)
        return self._temperature + daily + 0.5 * self.activity.exertion(at_s) + self._error(at_s, 4)

    def weight_kg(self, at_s: float) -> float:
        """Body weight with the daily swing of meals and a reading's own error."""
        daily = 0.6 * math.sin(2 * math.pi * at_s / _DAY_S + 1.0)
        return self._weight_kg + daily + self._error(at_s, 5)

    def pressure(self, at_s: float) -> Pressure:
        """Arterial pressure; effort raises the systolic much more than the diastolic."""
        exertion = self.activity.exertion(at_s)
        systolic = self._systolic + 45 * exertion + 40 * self._error(at_s, 6)
        return Pressure(systolic, self._systolic * 0.64 + 6 * exertion + 25 * self._error(at_s, 7))

    def _error(self, at_s: float, salt: int) -> float:
        # One reading's error, the same for the same moment.
        return 0.05 * float(generator(self._seed, f"error/{salt}", int(at_s)).standard_normal())
