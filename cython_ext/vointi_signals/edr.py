"""Respiration from the ECG: docs/signals/edr.md.

Breathing turns the heart's axis, which scales the R wave (Moody et al. 1985, Computers in
Cardiology 12:113), and it modulates the interval (respiratory sinus arrhythmia). The Lomb
spectra of both, each scaled to its sum, are averaged: what only one of them shows counts half.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from vointi_signals._state import fingerprint, number, numbers, restore, save, whole
from vointi_signals.errors import InputError, ParameterError
from vointi_signals.lomb import lomb_psd
from vointi_signals.middle import middle
from vointi_signals.qrs import EVENT_DTYPE

EDR_DTYPE = np.dtype([("time_s", "<f8"), ("breaths_per_min", "<f8"), ("quality", "<f8")])

SLOWEST_HZ = 0.1  # 6 breaths a minute
FASTEST_HZ = 0.7  # 42, where the heart is fast enough to show it
GRID_HZ = np.arange(SLOWEST_HZ, FASTEST_HZ, 0.005)
NEAR_HZ = 0.035  # half the width of a line over 32 s
NYQUIST = 0.48  # of the beat rate: a breath needs two beats
COVERAGE = 0.7  # of the window between first and last beat, in beats of the median interval
POOR = 0.3  # share of the power in the line, below which no rate is told: noise passes in 5 %
OUTLIER = 3.5  # robust standard deviations: an ectopic or misplaced R
MAX_BEATS = 1000

Floats = NDArray[np.float64]


class EcgRespiration:
    """Tells breaths per minute from beats, every ``step_s`` over the last ``window_s`` seconds.

    Rows of ``EDR_DTYPE``: time (s), rate (/min, NaN where quality is below 0.3 or beats are
    missing), quality 0-1: share of the power that lies in the strongest line.
    """

    def __init__(self, window_s: float = 32.0, step_s: float = 5.0) -> None:
        limits = (("window_s", window_s, 15.0, 120.0), ("step_s", step_s, 1.0, 120.0))
        for name, value, low, high in limits:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ParameterError(name, f"{value!r} is not a number")
            if not low <= value <= high:
                raise ParameterError(name, f"{value} is outside {low} to {high}")
        self.window_s, self.step_s = float(window_s), float(step_s)
        self.reset()

    @property
    def latency_s(self) -> float:
        """Return the delay of a change of rate: half the window."""
        return self.window_s / 2

    def reset(self) -> None:
        """Forget all beats."""
        self._beats: deque[tuple[float, float]] = deque(maxlen=MAX_BEATS)
        self._due_s: float | None = None

    def push(self, events: NDArray[np.void]) -> NDArray[np.void]:
        """Take beats as ``QrsDetector`` returns them; return a row for each step passed."""
        if not isinstance(events, np.ndarray) or events.dtype != EVENT_DTYPE or events.ndim != 1:
            raise InputError("events", "not an array of EVENT_DTYPE", "pass QrsDetector's events")
        rows: list[tuple[float, float, float]] = []
        times, heights = events["time_s"].tolist(), events["amplitude"].tolist()
        for time, height, gap in zip(times, heights, events["after_gap"].tolist(), strict=True):
            if gap or (self._beats and time <= self._beats[-1][0]):
                self.reset()
            self._take(time, height, rows)
        return np.array(rows, EDR_DTYPE)

    def flush(self) -> NDArray[np.void]:
        """Return a row for the beats at hand, if they fill the window; forget them."""
        rows: list[tuple[float, float, float]] = []
        if self._beats and self._due_s is not None:
            rows.append(self._measure())
        self.reset()
        return np.array(rows, EDR_DTYPE)

    def _take(self, time: float, height: float, rows: list[tuple[float, float, float]]) -> None:
        if self._due_s is None:
            self._due_s = time + self.window_s
        self._beats.append((time, height))
        while self._beats[0][0] < time - self.window_s:
            self._beats.popleft()
        if time >= self._due_s:
            rows.append(self._measure())
            self._due_s = time + self.step_s

    def _measure(self) -> tuple[float, float, float]:
        beats = np.array(list(self._beats), np.float64)
        end = float(beats[-1, 0])
        rate, quality = breathing_rate(beats[:, 0], beats[:, 1], self.window_s)
        return end, rate, quality

    def get_state(self) -> bytes:
        """Return what is remembered, for ``set_state`` after a restart."""
        due = -1.0 if self._due_s is None else self._due_s
        flat = [value for beat in self._beats for value in beat]
        return save("edr", self._of(), due=due, n=len(flat), beats=flat)

    def set_state(self, state: bytes) -> None:
        """Go on from ``get_state``; StateError when it is not one of the same parameters."""
        saved = restore(state, "edr", self._of())
        due, n = number(saved, "due"), whole(saved, "n", 2 * MAX_BEATS)
        flat = numbers(saved, "beats", n)[: n // 2 * 2].reshape(-1, 2)
        self._beats = deque(((t, h) for t, h in flat.tolist()), maxlen=MAX_BEATS)
        self._due_s = None if due < 0 else due

    def _of(self) -> int:
        return fingerprint(self.window_s, self.step_s)


def breathing_rate(time_s: Floats, height: Floats, window_s: float) -> tuple[float, float]:
    """Return (breaths per minute, quality) of one window of beats; NaN where none is clear."""
    rr = np.diff(time_s)
    if len(rr) < 8:
        return np.nan, 0.0
    usual_s = middle(rr)
    if len(rr) * usual_s < COVERAGE * window_s:
        return np.nan, 0.0
    hz = GRID_HZ[NYQUIST / usual_s > GRID_HZ]
    if len(hz) < 4:
        return np.nan, 0.0
    spectrum = _shares(time_s, height, hz) + _shares(time_s[1:], rr, hz)
    total = float(spectrum.sum())
    if not total > 0:
        return np.nan, 0.0
    best = int(np.argmax(spectrum))
    near = np.abs(hz - hz[best]) <= NEAR_HZ
    quality = float(spectrum[near].sum()) / total
    if quality < POOR:
        return np.nan, quality
    rate_hz = float((hz[near] * spectrum[near]).sum() / spectrum[near].sum())
    return 60.0 * rate_hz, quality


def _shares(time_s: Floats, value: Floats, hz: Floats) -> Floats:
    """Return the spectrum of the values without outliers and trend, scaled to sum 1."""
    centre = middle(value)
    spread = 1.4826 * middle(np.abs(value - centre))
    kept = np.abs(value - centre) <= OUTLIER * spread
    if spread <= 0 or kept.sum() < 8:
        return np.zeros_like(hz)
    t, y = time_s[kept] - time_s[0], value[kept]
    slope, level = np.polyfit(t, y, 1)
    psd = lomb_psd(t, y - slope * t - level, hz)
    return np.asarray(psd / psd.sum(), np.float64)
