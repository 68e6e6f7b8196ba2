"""PpgBeats once more, in NumPy and SciPy: one signal without gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Array = NDArray[np.float64]
Crest = tuple[float, float]


def crests(x: Array, fs: float) -> tuple[Array, dict[int, Crest]]:
    """Band-passed signal, and by the sample that shows it every crest: time in s and rise."""
    sos = np.vstack(
        [
            signal.butter(1, 0.5, "high", fs=fs, output="sos"),
            signal.butter(2, 3.0, fs=fs, output="sos"),
        ]
    )
    y, _ = signal.sosfilt(sos, x, zi=signal.sosfilt_zi(sos) * x[0])
    found, low = {}, 0.0
    for n in range(1, len(y)):
        y2, y1 = (y[n - 2] if n > 1 else 0.0), y[n - 1]
        if y1 < y2 and y1 <= y[n]:
            low = y1
        elif y1 > y2 and y1 >= y[n] and n >= 2:
            at = (n + 0.5 * (y2 - y[n]) / (y2 - 2 * y1 + y[n]) - 1) / fs
            found[n] = (at, y1 - low)
    return y, found


class Pulse:
    """What is usual, and what was decided."""

    def __init__(self) -> None:
        self.beats: list[Crest] = []
        self.gaps: list[float] = []
        self.faint: list[Crest] = []
        self.cand: Crest | None = None
        self.usual = self.period = 0.0
        self.last = -1e9

    def report(self, crest: Crest) -> None:
        at, rise = crest
        gap = at - self.last
        near = self.period == 0 or 0.5 * self.period < gap < 1.7 * self.period
        if 0.25 < gap < 2.2 and near:
            self.gaps = [*self.gaps, gap][-8:]
            self.period = float(np.median(self.gaps))
        if rise > 0.3 * self.usual:
            self.usual += 0.15 * (min(rise, 2 * self.usual) - self.usual)
        self.last = at
        self.faint = [f for f in self.faint if f[0] > at]
        self.beats.append(crest)

    @property
    def hold(self) -> float:
        return max(0.28, 0.55 * self.period)

    def settle(self) -> None:
        if self.cand is not None:
            crest, self.cand = self.cand, None
            self.report(crest)

    def consider(self, crest: Crest) -> None:
        at, rise = crest
        if self.cand is not None and at - self.cand[0] >= self.hold:
            self.settle()
        late = ((at - self.last) / self.period - 1.2) / 0.6 if self.period else 0.0
        late = min(1.0, max(0.0, late))
        if rise < self.usual * (0.4 + late * (0.15 - 0.4)) or rise <= 0:
            if rise >= 0.03 * self.usual:
                self.faint = [*self.faint, crest][-8:]
        elif self.cand is not None:
            self.cand = crest if rise > self.cand[1] else self.cand
        elif at - self.last >= self.hold:
            self.cand = crest

    def search_back(self, now: float) -> None:
        if len(self.gaps) < 3 or now - self.last < 1.45 * self.period:
            return
        due = self.last + self.period
        near = [f for f in self.faint if abs(f[0] - due) <= 0.28 * self.period]
        if near:
            self.report(max(near, key=lambda f: f[1]))


def learnt(rises: list[Crest]) -> list[Crest]:
    """The eight largest, in the order of time."""
    kept: list[Crest] = []
    for crest in rises:
        if len(kept) == 8:
            least = min(range(8), key=lambda i: kept[i][1])
            if crest[1] <= kept[least][1]:
                continue
            kept.pop(least)
        kept.append(crest)
    return kept


def beats(x: Array, fs: float) -> Array:
    """Times in s of the crests, later than the events by the filter's delay, and rises."""
    _, found = crests(x, fs)
    pulse, learning, first = Pulse(), True, []
    for n in range(len(x)):
        now = n / fs
        if n in found:
            if learning:
                first = learnt([*first, found[n]])
            else:
                pulse.consider(found[n])
        if learning:
            if first and n + 1 >= 3 * fs and now - first[-1][0] > 0.3:
                learning = False
                top = max(rise for _, rise in first)
                pulse.usual = float(np.median([r for _, r in first if r > 0.4 * top]))
                last = -1e9
                for crest in first:
                    if crest[1] > 0.4 * pulse.usual and crest[0] - last >= 0.28:
                        pulse.report(crest)
                        last = crest[0]
        elif pulse.cand is not None and now - pulse.cand[0] >= pulse.hold:
            pulse.settle()
        elif pulse.cand is None:
            pulse.search_back(now)
    pulse.settle()
    return np.array(pulse.beats)
