"""StepCounter once more, a batch of NumPy and SciPy: one signal without gaps, in m/s2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Array = NDArray[np.float64]
TICK = 20.0


def ticks(acc: Array, fs: float) -> tuple[Array, Array, Array]:
    """Times in s of the 20 Hz ticks, and the wide and the narrow band at them."""
    m = np.linalg.norm(acc, axis=1)
    sos = np.vstack(
        [
            signal.butter(1, 0.5, "high", fs=fs, output="sos"),
            signal.butter(4, 6, fs=fs, output="sos"),
        ]
    )
    v, _ = signal.sosfilt(sos, m, zi=signal.sosfilt_zi(sos) * m[0])
    # The first tick comes with the first sample, one sample before it.
    at = np.arange(-1.0, len(m) - 1 + 1e-9, fs / TICK)
    wide = np.interp(at, np.arange(-1, len(m)), np.concatenate([[0.0], v]))
    return at / fs, wide, signal.sosfilt(signal.butter(4, 3.5, fs=TICK, output="sos"), wide)


def likeness(x: Array, lag: int) -> float:
    a, b = x[: len(x) - lag], x[lag:]
    return float(a @ b / (np.sqrt((a @ a) * (b @ b)) + 1e-9))


def look(wide: Array, narrow: Array) -> tuple[float, float]:
    """Regularity and period in s of a step in windows of 100 ticks."""
    w, b = wide - wide.mean(), narrow - narrow.mean()
    regular = max(0.0, *(likeness(w, lag) for lag in range(13, 46)))
    r = np.array([likeness(b, lag) for lag in range(37)])
    top = r[6:36].max()
    period = 0.0
    if top > 0.3:
        for lag in range(6, 36):
            if r[lag] > r[lag - 1] and r[lag] >= r[lag + 1] and r[lag] >= 0.85 * top:
                period = lag / TICK
                break
    return regular, period / 2 if period >= 0.8 else period


def uneven(v: list[float]) -> float:
    a = np.array(v)
    return float(np.sqrt(np.mean((a[2:] - a[:-2]) ** 2)) / (a.mean() + 1e-9))


class Walk:
    """The chain of candidates."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.pending: list[float] = []
        self.gaps: list[float] = []
        self.peaks: list[float] = []
        self.walking = False
        self.usual = self.level = self.regular = 0.0
        self.last = -1e9
        self.since_cold = 0

    def broken(self) -> None:
        self.walking, self.usual = False, 0.0
        self.pending, self.gaps, self.peaks = [], [], []

    def judge(self, regular: float) -> None:
        self.regular = regular
        if self.walking and regular < (0.6 if self.since_cold < 20 else 0.25):
            self.broken()

    def stand(self) -> None:
        if self.walking:
            self.broken()
        self.level = 0

    def commit(self, at: float, peak: float) -> None:
        gap = at - self.last
        even = gap < 1.6 and (self.usual == 0 or 0.5 * self.usual <= gap <= 1.8 * self.usual)
        even = even or (self.walking and gap < min(2.4 * self.usual, 1.8))
        self.level = 0 if gap >= 1.6 else self.level
        self.last = at
        self.level = peak if self.level == 0 else self.level + 0.2 * (peak - self.level)
        if even:
            self.usual = gap if self.usual == 0 else self.usual + 0.25 * (gap - self.usual)
            self.gaps = [*self.gaps, gap][-10:]
            self.peaks = [*self.peaks, peak][-10:]
        else:
            self.broken()
        self.pending = [*self.pending, at][-32:]
        if self.walking or self._believable():
            if not self.walking and not self._warm():
                self.since_cold = 0
            self.walking = True
            self.since_cold += len(self.pending)
            self.steps += self.pending
            self.pending = []

    def _warm(self) -> bool:
        return self.since_cold >= 20 and self.pending[0] - self.steps[-1] < 4

    def _believable(self) -> bool:
        warm = self._warm()
        if len(self.gaps) < (4 if warm else 7):
            return False
        time, peak = uneven(self.gaps[-9:]), uneven(self.peaks[-9:])
        if warm:
            return self.regular >= 0.25 and time < 0.15 and peak < 0.525
        slow = max(0.0, float(np.mean(self.gaps[-9:])) - 0.6)
        even = 3 * np.log(0.1 / max(time, 0.01)) + 2 * np.log(0.35 / max(peak, 0.01))
        return bool(even + 12 * (self.regular - 0.7) - 18 * slow > 1)


def crest(t: Array, y: Array, i: int) -> tuple[float, float] | None:
    """Time and height of the peak that the tick ``i`` shows, one tick late."""
    if i < 2 or not (y[i - 1] > y[i - 2] and y[i - 1] >= y[i]):
        return None
    bend = y[i - 2] - 2 * y[i - 1] + y[i]
    return float(t[i] + (0.5 * (y[i - 2] - y[i]) / bend - 1) / TICK), float(y[i - 1])


def steps(acc: Array, fs: float) -> Array:
    """Times in s of the steps, later than the events by the filters' delay."""
    t, wide, y = ticks(acc, fs)
    walk, period, cand = Walk(), 0.0, None
    for i in range(len(t)):
        n = i + 1
        if n % 10 == 0 and n >= 100:
            regular, period = look(wide[n - 100 : n], y[n - 100 : n])
            walk.judge(regular)
        hold = min(0.36, max(0.28, 0.55 * period))
        done = None
        peak = crest(t, y, i)
        if peak is not None and peak[1] > max(0.35, 0.3 * walk.level):
            if cand is None or peak[0] - cand[0] >= hold:
                done, cand = cand, peak
            elif peak[1] > cand[1]:
                cand = peak
        if done is None and cand is not None and t[i] - cand[0] >= 0.4:
            done, cand = cand, None
        if done is not None:
            walk.commit(*done)
        elif t[i] - walk.last > 2:
            walk.stand()
    if cand is not None:
        walk.commit(*cand)
    return np.array(walk.steps)
