"""The heart: when it beats, and the electrocardiogram that the beats make."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vointi_sim.physiology.activity import Activity
from vointi_sim.physiology.breath import Breathing
from vointi_sim.physiology.timeline import Noise, Timeline, by_second, generator

# Respiratory sinus arrhythmia, Mayer waves and the rest as fractions of the interval: together
# about 40 ms of RMSSD at rest, ordinary for an adult (Task Force of the ESC, 1996).
_RSA = 0.045
_MAYER = 0.018
_MAYER_HZ = 0.095
_JITTER = 0.006

# Waves as (centre from R, width, amplitude) in s, s, µV for a lead like a chest strap's. The P and
# T waves move with the square root of the interval (Bazett), the QRS complex keeps its width.
_WAVES = (
    (-0.165, 0.024, 110.0, True),
    (-0.032, 0.009, -95.0, False),
    (0.0, 0.0105, 1180.0, False),
    (0.030, 0.011, -230.0, False),
    (0.255, 0.048, 270.0, True),
)
# The T wave of the beat before and the P wave of the beat after reach this far.
_REACH_S = 0.9


@dataclass(frozen=True, slots=True)
class Beat:
    """One heartbeat at its R peak; `rr_s` is the interval from the beat before."""

    time_s: float
    rr_s: float


class Heart:
    """Beats, rate and ECG of one person."""

    def __init__(
        self, seed: int, rest_per_min: float, activity: Activity, breathing: Breathing
    ) -> None:
        self._beats: Timeline[Beat] = Timeline(_beats(seed, rest_per_min, activity, breathing))
        self._activity = activity
        self._breathing = breathing
        self._noise = Noise(seed, "ecg")

    def beats(self, from_s: float, to_s: float) -> list[Beat]:
        """Beats with from_s <= R peak < to_s."""
        return self._beats.between(from_s, to_s)

    def rate_per_min(self, at_s: float, over_s: float = 6.0) -> float:
        """Mean heart rate over the beats of the last `over_s` seconds."""
        beats = self._beats.between(max(0.0, at_s - over_s), at_s) or [self._beats.last(at_s)]
        return 60.0 * len(beats) / sum(beat.rr_s for beat in beats)

    def ecg_uv(self, times_s: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """ECG in µV at ascending times; `first` is the number of the first sample (for noise)."""
        first_s, last_s = float(times_s[0]), float(times_s[-1])
        wave = self._baseline_uv(times_s, first)
        for beat in self._beats.between(first_s - _REACH_S, last_s + _REACH_S):
            wave += _complex_uv(times_s - beat.time_s, math.sqrt(beat.rr_s))
        return wave

    def _baseline_uv(self, times_s: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        # Electrode noise of a moist strap is a few µV; muscle adds to it with effort.
        noise_uv = 5.0 + 22.0 * by_second(times_s, self._activity.exertion)
        wander = 70.0 * self._breathing.volume(times_s)
        return wander + noise_uv * self._noise.take(first, len(times_s))


def _complex_uv(from_r_s: NDArray[np.float64], stretch: float) -> NDArray[np.float64]:
    wave = np.zeros_like(from_r_s)
    for centre_s, width_s, amplitude_uv, stretches in _WAVES:
        factor = stretch if stretches else 1.0
        wave += amplitude_uv * np.exp(
            -0.5 * ((from_r_s - centre_s * factor) / (width_s * factor)) ** 2
        )
    return wave


def _beats(
    seed: int, rest_per_min: float, activity: Activity, breathing: Breathing
) -> Iterator[Beat]:
    random = generator(seed, "heart")
    offset = float(random.uniform(0, 2 * math.pi))
    time_s, rr_s = 0.4, 60.0 / rest_per_min
    while True:
        yield Beat(time_s, rr_s)
        exertion = activity.exertion(time_s)
        mean_s = 60.0 / (rest_per_min + 75.0 * exertion)
        calm = 1.0 - 0.8 * exertion
        # Inspiration (phase 0 … π) quickens the heart.
        rsa = -_RSA * calm * math.sin(breathing.phase(time_s))
        mayer = _MAYER * calm * math.sin(2 * math.pi * _MAYER_HZ * time_s + offset)
        jitter = _JITTER * float(np.clip(random.standard_normal(), -3, 3))
        rr_s = mean_s * (1 + rsa + mayer + jitter)
        time_s += rr_s
