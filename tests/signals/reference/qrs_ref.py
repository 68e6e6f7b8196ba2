"""What QrsDetector does, written to be read: NumPy and SciPy, one whole recording at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Floats = NDArray[np.float64]


@dataclass
class Wave:
    """A local maximum of the energy."""

    r: int
    height: float
    slope: float = 0.0
    amplitude: float = 0.0
    placed: bool = False
    used: bool = False


@dataclass
class Front:
    """The recording at the slow clock: band-passed, and the energy of its steps."""

    x: Floats
    fs: float
    step: int = field(init=False)
    tick_hz: float = field(init=False)

    def __post_init__(self) -> None:
        self.step = int(self.fs / 100)
        self.tick_hz = self.fs / self.step
        self.second = round(self.tick_hz)
        self.window = round(0.12 * self.tick_hz)
        x = self.x - self.x[0]
        self.raw = x.astype(np.float32).astype(float)
        sos = signal.butter(2, [6, 20], "bandpass", fs=self.tick_hz, output="sos")
        self.band = signal.sosfilt(sos, self._decimated(x))
        self.steps = np.abs(np.diff(self.band, prepend=0.0))
        self.steps[: int(0.1 * self.second)] = 0.0
        self.energy = np.convolve(self.steps, np.ones(self.window))[: len(self.steps)]
        self.delay = _delay(sos, self.tick_hz) * self.fs + (self.window / 2 + 1) * self.step

    def _decimated(self, x: Floats) -> Floats:
        """Weigh each two neighbouring blocks by a triangle."""
        d = self.step
        blocks = x[: len(x) // d * d].reshape(-1, d)
        rise = blocks @ np.arange(1, d + 1)
        fall = blocks @ np.arange(d - 1, -1, -1)
        return (np.concatenate([[0.0], rise[:-1]]) + fall) / d**2


def _delay(sos: Floats, fs: float) -> float:
    """Return the group delay in s at the band's geometric middle."""
    w0, dw = 2 * np.pi * np.sqrt(6 * 20) / fs, 1e-5
    _, h = signal.freqz_sos(sos, worN=[w0 - dw, w0 + dw])
    return float(-np.angle(h[1] / h[0]) / (2 * dw) / fs)


class Reference:
    """Judges the maxima of one recording without gaps."""

    def __init__(self, x: Floats, fs: float) -> None:
        self.f = Front(np.asarray(x, float), fs)
        self.fs = fs
        self.waves: list[Wave] = []
        self.beats: list[tuple[int, bool]] = []
        self.learning, self.learn_end = True, self._n(3.0)
        self.signal = self.noise = self.rr = 0.0
        self.heights: list[float] = []
        self.intervals: list[float] = []
        self.last: Wave | None = None
        self.pending: tuple[Wave, bool] | None = None
        self.back_due = 0

    def _n(self, seconds: float) -> int:
        return int(seconds * self.fs + 0.5)

    def run(self) -> list[tuple[int, bool]]:
        """Return (index of R, late) of every beat."""
        rising, peak, peak_tick, valley, before = False, 0.0, 0, 0.0, 0.0
        hold = max(1, round(0.03 * self.f.tick_hz))
        for tick, e in enumerate(self.f.energy):
            n = (tick + 1) * self.f.step
            if rising:
                if e > peak:
                    peak, peak_tick = e, tick
                elif tick - peak_tick >= hold:
                    rising, valley = False, e
                    self._wave(peak, before, peak_tick, n)
            elif e < valley:
                valley = e
            elif e > 1.05 * valley:
                rising, before, peak, peak_tick = True, valley, e, tick
            self._due(n, tick + 1, peak if rising else 0.0)
        if rising:
            self._wave(peak, before, peak_tick, len(self.f.x))
        if self.learning and len(self.f.x) >= self.fs:
            self._learn(len(self.f.x))
        if self.pending:
            self._settle()
        return self.beats

    def _wave(self, peak: float, valley: float, tick: int, n: int) -> None:
        wave = Wave((tick + 1) * self.f.step - int(self.f.delay), peak - 0.3 * valley)
        self.waves = [*self.waves[-63:], wave]
        if self.learning or wave.height > 0.1 * self.signal:
            self._place(wave, tick, n)
        if not self.learning:
            self._judge(wave, late=False)

    def _place(self, wave: Wave, tick: int, n: int) -> None:
        raw, low, high = self.f.raw, max(0, n - 512), n - 1
        centre = min(max(wave.r, low), high)
        wide, reach, off = self._n(0.15), self._n(0.06), self._n(0.03)
        base = raw[max(low, centre - wide) : min(high, centre + wide) + 1].mean()
        cut = n <= 512 and centre <= wide
        first = low if cut else max(low, centre - reach)
        i = np.arange(first, min(high, centre + reach) + 1)
        inside = (i - off >= low) & (i + off <= high)
        a, b = np.maximum(i - off, 0), np.minimum(i + off, len(raw) - 1)
        bend = np.where(inside, raw[i] - 0.5 * (raw[a] + raw[b]), raw[i] - base)
        sharp = raw[i] - base + bend
        r = int(i[np.argmax(np.where(sharp > 0, 1.2 * sharp, -sharp))])
        near, fine = self._n(0.007), self._n(0.012)
        j = np.arange(max(low + near, r - fine), min(high - near, r + fine) + 1)
        sign = 1.0 if raw[r] > base else -1.0
        if len(j):
            r = int(j[np.argmax(sign * (2 * raw[j] + raw[j - near] + raw[j + near]))])
        wave.r, wave.amplitude, wave.placed = r, raw[r] - base, True
        wave.slope = float(self.f.steps[max(0, tick - self.f.window + 1) : tick + 1].max())

    def _level(self, share: float) -> float:
        floor = min(self.noise, 0.5 * self.signal)
        return max(floor + share * (self.signal - floor), min(2.5 * self.noise, self.signal))

    def _judge(self, wave: Wave, *, late: bool) -> None:
        if self.pending:
            waiting = self.pending[0]
            apart = (wave.r - waiting.r) / self.fs
            if apart < 0.25 and wave.height > 1.3 * waiting.height:
                waiting.used, self.pending = True, None
            elif apart < 0.2:
                wave.used = True
                return
            else:
                self._settle()
        level = self._level(0.35)
        if self.last:
            apart = (wave.r - self.last.r) / self.fs
            if apart < 0.2 or (apart < 0.36 and wave.slope < 0.5 * self.last.slope):
                wave.used = True
                return
            if apart < 0.7 * self.rr:
                level *= 1 + 0.5 * (1 - apart / (0.7 * self.rr))
        if wave.height <= level:
            self.noise += 0.1 * (min(wave.height, self.signal) - self.noise)
        elif wave.height > 0.85 * self.signal and not late:
            self._accept(wave, late=False)
        else:
            self.pending = wave, late

    def _accept(self, wave: Wave, *, late: bool) -> None:
        if self.last and 0.25 < (rr := (wave.r - self.last.r) / self.fs) < 2.5:
            self.intervals = [*self.intervals[-7:], rr]
            self.rr = float(np.median(self.intervals))
        self.heights = [*self.heights[-7:], wave.height]
        self.signal = float(np.median(self.heights))
        self.last, wave.used = wave, True
        self.back_due = wave.r + self._n(max(1.5 * self.rr, 0.4) + 0.1)
        self.beats.append((wave.r, late))

    def _settle(self) -> None:
        assert self.pending
        (wave, late), self.pending = self.pending, None
        self._accept(wave, late=late)

    def _learn(self, n: int) -> None:
        second = sorted([0.0, 0.0, *(w.height for w in self.waves)])[-2]
        if not second > 0:
            self.learn_end = n + self._n(3.0)
            return
        self.learning, self.signal, self.noise = False, second, 0.1 * second
        self.heights = [second]
        for wave in list(self.waves):
            self._judge(wave, late=True)

    def _due(self, n: int, tick: int, rising: float) -> None:
        if self.learning:
            if n >= self.learn_end:
                self._learn(n)
            return
        if self.pending:
            wave = self.pending[0]
            waited = (n - wave.r) / self.fs
            if waited > 0.235 and not (rising > 0.5 * wave.height and waited < 0.45):
                self._settle()
        while not self.pending and self.last and self.intervals and n >= self.back_due:
            self._search_back(n)
        if tick % self.f.second == 0 and n - (self.last.r if self.last else 0) > 10 * self.fs:
            self.heights = [0.7 * h for h in self.heights]
            self.signal *= 0.7

    def _search_back(self, n: int) -> None:
        assert self.last
        first, level = self.last.r + self._n(0.25), self._level(0.2)
        found = [
            w for w in self.waves if not w.used and w.placed and w.r > first and w.height >= level
        ]
        if found:
            self._accept(max(found, key=lambda w: w.height), late=True)
        else:
            self.back_due = n + self._n(0.05)
