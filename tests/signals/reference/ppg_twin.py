"""PpgBeats once more, in NumPy and SciPy: one signal without gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Array = NDArray[np.float64]
Crest = tuple[float, float]
Seen = tuple[float, float, float]


def crests(x: Array, fs: float) -> tuple[Array, dict[int, Seen]]:
    """Band-passed signal, and by the sample that shows it every crest: time, rise, rising time."""
    sos = np.vstack(
        [
            signal.butter(1, 0.5, "high", fs=fs, output="sos"),
            signal.butter(2, 3.0, fs=fs, output="sos"),
        ]
    )
    y, _ = signal.sosfilt(sos, x, zi=signal.sosfilt_zi(sos) * x[0])
    found, low, low_s = {}, 0.0, -1e9
    for n in range(1, len(y)):
        y2, y1 = (y[n - 2] if n > 1 else 0.0), y[n - 1]
        if y1 < y2 and y1 <= y[n]:
            low, low_s = y1, (n - 1) / fs
        elif y1 > y2 and y1 >= y[n] and n >= 2:
            at = (n + 0.5 * (y2 - y[n]) / (y2 - 2 * y1 + y[n]) - 1) / fs
            found[n] = (at, y1 - low, at - low_s)
    return y, found


def jumps(x: Array, fs: float) -> Array:
    """For every sample the largest change within 0.05 s as a share of the range, lately."""
    every = max(1, int(fs / 50))
    tick = every / fs
    taps = signal.butter(2, 3.0, fs=fs)
    delay = float(signal.group_delay(taps, [1.5], fs=fs)[1][0]) / fs
    reach, window = int(0.05 / tick), int(delay / tick) + int(0.4 / tick)
    means = x[: len(x) // every * every].reshape(-1, every).mean(axis=1)
    past = np.concatenate([np.full(window + reach, x[0]), means])
    share = []
    for n in range(len(x)):
        end = window + reach + (n + 1) // every
        new = past[end - window : end]
        high = (new - past[end - window - reach : end - reach]).max()
        share.append(high / np.ptp(new) if np.ptp(new) > 0 else float(high > 0))
    return np.array(share) if reach >= 2 else np.zeros(len(x))


class Pulse:
    """What is usual, and what was decided."""

    def __init__(self) -> None:
        self.beats: list[Crest] = []
        self.gaps: list[float] = []
        self.faint: list[Crest] = []
        self.cand: Crest | None = None
        self.usual = self.period = 0.0
        self.last = -1e9
        self.crowd = self.crowd_before = 0
        self.recent: list[Crest] = []

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
        self.crowd = 0 if self.crowd == self.crowd_before else self.crowd
        self.crowd_before = self.crowd
        self.faint = [f for f in self.faint if f[0] > at]
        self.recent = [f for f in self.recent if f[0] > at]
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
            self.doubt(at - self.cand[0], rise)
            self.cand = crest if rise > self.cand[1] else self.cand
        elif at - self.last >= self.hold:
            self.cand = crest
        else:
            self.doubt(at - self.last, rise)

    def doubt(self, gap: float, rise: float) -> None:
        self.crowd += gap >= 0.28 and rise >= 0.7 * self.usual
        if self.crowd >= 4:
            self.period, self.gaps, self.crowd = 0.0, [], 0

    def strange(self, seen: Seen, jump: float) -> bool:
        """A drift that is slower than beats are, or a step of an unusual size."""
        _, rise, rising = seen
        slow = self.period > 0 and rising > self.period
        usual = 0.4 * self.usual < rise < 2 * self.usual
        return slow or (jump > 0.8 and not usual)

    def forget(self) -> None:
        self.last, self.usual, self.period, self.gaps = -1e9, 0.0, 0.0, []

    def even(self) -> bool:
        top = max((rise for _, rise in self.recent), default=0.0)
        gaps = np.diff([at for at, rise in self.recent if rise > 0.4 * top])
        if len(gaps) < 2:
            return False
        near = np.abs(gaps - np.median(gaps)) <= 0.2 * np.median(gaps)
        return bool((near & (gaps > 0.25) & (gaps < 2.2)).all())

    def start(self) -> None:
        """End the learning phase."""
        first, self.recent = self.recent, []
        top = max(rise for _, rise in first)
        self.usual = float(np.median([r for _, r in first if r > 0.4 * top]))
        last = -1e9
        for crest in first:
            if crest[1] > 0.4 * self.usual and crest[0] - last >= 0.28:
                self.report(crest)
                last = crest[0]

    def search_back(self, now: float) -> bool:
        if len(self.gaps) < 3 or now - self.last < 1.45 * self.period:
            return False
        due = self.last + self.period
        near = [f for f in self.faint if abs(f[0] - due) <= 0.28 * self.period]
        if near:
            self.report(max(near, key=lambda f: f[1]))
        return bool(near)


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
    (_, found), jump = crests(x, fs), jumps(x, fs)
    pulse, learning, since = Pulse(), True, 0
    for n in range(len(x)):
        now = n / fs
        settled = not learning or n + 1 >= 0.5 * fs
        if n in found and n + 1 - since > 2 and settled and not pulse.strange(found[n], jump[n]):
            pulse.recent = learnt([*pulse.recent, found[n][:2]])
            if not learning:
                pulse.consider(found[n][:2])
        if learning:
            ripe = pulse.recent and n + 1 - since >= 3 * fs
            if ripe and now - pulse.recent[-1][0] > 0.3:
                learning = False
                pulse.start()
        elif pulse.cand is not None and now - pulse.cand[0] >= pulse.hold:
            pulse.settle()
        elif pulse.cand is None and not pulse.search_back(now) and now - pulse.last > 3:
            learning, since = True, n + 1
            pulse.forget()
            if pulse.even():
                learning = False
                pulse.start()
    pulse.settle()
    return np.array(pulse.beats)
