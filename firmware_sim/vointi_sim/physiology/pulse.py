"""The pulse in a finger: light through tissue, and the oxygen that it tells of."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vointi_sim.physiology.activity import Activity
from vointi_sim.physiology.heart import Heart
from vointi_sim.physiology.timeline import Noise, by_second

# From the R peak to the foot of the pulse in a finger.
_TRANSIT_S = 0.21
_REACH_S = 1.6
_DC_RED, _DC_INFRARED = 61_000.0, 78_000.0
# Systolic wave and its reflection as (centre from the foot, width, amplitude).
_PULSE = ((0.13, 0.055, 1.0), (0.36, 0.090, 0.38))


class Pulse:
    """Finger pulse of one person."""

    def __init__(self, seed: int, heart: Heart, activity: Activity) -> None:
        self._heart = heart
        self._activity = activity
        self._noise = (Noise(seed, "ppg/red"), Noise(seed, "ppg/infrared"))
        self._offset = (seed % 628) / 100.0

    def spo2_pct(self, at_s: float) -> float:
        """Oxygen saturation in %: about 97.5, a little less with effort."""
        slow = 0.4 * math.sin(2 * math.pi * at_s / 240.0 + self._offset)
        return 97.6 + slow - 1.2 * self._activity.exertion(at_s)

    def rate_per_min(self, at_s: float) -> float:
        """Pulse rate in a finger: the heart's, one transit time ago."""
        return self._heart.rate_per_min(at_s - _TRANSIT_S, over_s=8.0)

    def perfusion_index_pct(self, at_s: float) -> float:
        """Pulsatile part of the infrared light in %; more blood in the skin with warmth of work."""
        slow = 0.5 * math.sin(2 * math.pi * at_s / 95.0 + self._offset)
        return 3.2 + slow + 2.0 * self._activity.exertion(at_s)

    def light(self, times_s: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Red and infrared light in counts, shape (samples, 2), at ascending times.

        The ratio of ratios R = (AC/DC red) / (AC/DC infrared) obeys SpO2 = 110 - 25 R, the
        textbook calibration (Webster, Design of Pulse Oximeters, 1997).
        """
        infrared = by_second(times_s, self.perfusion_index_pct) / 100.0
        red = infrared * (110.0 - by_second(times_s, self.spo2_pct)) / 25.0
        shape = self._shape(times_s)
        noise = [noise.take(first, len(times_s)) for noise in self._noise]
        return np.stack(
            [
                _DC_RED * (1 - red * shape) + 4 * noise[0],
                _DC_INFRARED * (1 - infrared * shape) + 4 * noise[1],
            ],
            axis=1,
        )

    def _shape(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        shape = np.zeros_like(times_s)
        first_s, last_s = float(times_s[0]), float(times_s[-1])
        for beat in self._heart.beats(first_s - _REACH_S, last_s):
            since_s = times_s - beat.time_s - _TRANSIT_S
            for centre_s, width_s, height in _PULSE:
                shape += height * np.exp(-0.5 * ((since_s - centre_s) / width_s) ** 2)
        return shape
