"""Heart-rate variability in sliding windows: docs/signals/hrv.md.

Measures as defined by the Task Force of the ESC and NASPE 1996 (Circulation 93:1043): from
normal intervals alone; differences only between normal intervals that follow each other.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from vointi_signals._state import fingerprint, number, numbers, restore, save, whole
from vointi_signals.errors import InputError, ParameterError
from vointi_signals.lomb import band_power, lomb_psd
from vointi_signals.rr import RR_DTYPE, RrMark

HRV_FIELDS = (
    "time_s",
    "coverage",
    "mean_hr",
    "rmssd_ms",
    "sdnn_ms",
    "pnn50",
    "lf_ms2",
    "hf_ms2",
    "lf_hf",
)
HRV_DTYPE = np.dtype([(name, "<f8") for name in HRV_FIELDS] + [("beats", "<i4")])

LF_HZ = (0.04, 0.15)
HF_HZ = (0.15, 0.40)
GRID_HZ = np.arange(0.04, 0.40, 0.0025)  # finer than 1/300 s: no component is missed between
LF_NEEDS_S = 120.0  # the Task Force: some 2 minutes for the low band, 10 periods of its lowest
MIN_PAIRS = 10  # fewer differences say nothing about their mean square
LONGEST_WINDOW_S = 3600.0
LATEST_S = 1e10  # three centuries; adding a step to it still moves it
MAX_ROWS = 20_000  # an hour at 300 a minute

Rows = NDArray[np.void]


class HrvWindow:
    """Reports HRV of the last ``window_s`` seconds, every ``step_s`` seconds of beat time.

    ``min_coverage``: share of the window that normal intervals must fill; below, everything but
    time, coverage and beats is NaN. Rows of ``HRV_DTYPE``: the window's end (s), coverage 0-1,
    mean HR (/min), RMSSD and SDNN (ms), pNN50 (%), LF and HF (ms²), LF/HF, normal intervals.
    """

    def __init__(
        self, window_s: float = 300.0, step_s: float = 30.0, min_coverage: float = 0.8
    ) -> None:
        for name, value, low, high in (
            ("window_s", window_s, 10.0, LONGEST_WINDOW_S),
            ("step_s", step_s, 1.0, LONGEST_WINDOW_S),
            ("min_coverage", min_coverage, 0.0, 1.0),
        ):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ParameterError(name, f"{value!r} is not a number")
            if not low <= value <= high:
                raise ParameterError(name, f"{value} is outside {low} to {high}")
        self.window_s, self.step_s = float(window_s), float(step_s)
        self.min_coverage = float(min_coverage)
        self.reset()

    @property
    def latency_s(self) -> float:
        """Return how long after a window's end its row can come: one beat."""
        return 1.0

    def reset(self) -> None:
        """Forget all intervals; the first window ends ``window_s`` after the next one."""
        self._rows: deque[tuple[float, float, int]] = deque(maxlen=MAX_ROWS)
        self._due_s: float | None = None

    def push(self, rows: Rows) -> Rows:
        """Take marked intervals (``RR_DTYPE``, in order); return a row for each window ended."""
        if not isinstance(rows, np.ndarray) or rows.dtype != RR_DTYPE or rows.ndim != 1:
            raise InputError("rows", "not an array of RR_DTYPE", "pass what RrCleaner returns")
        done: list[Rows] = []
        for time, rr, mark in rows.tolist():
            if not (0 <= time < LATEST_S and 0 <= rr < 1000 * LATEST_S):
                raise InputError("rows", "a time or interval that is none", "pass RrCleaner's rows")
            if self._rows and time < self._rows[-1][0]:
                raise InputError("rows", "not ascending", "hand over intervals in order of time")
            self._advance(time, rr, done)
            self._rows.append((time, rr, mark))
        return np.concatenate(done) if done else np.zeros(0, HRV_DTYPE)

    def flush(self) -> Rows:
        """Return the window that ends with the last interval; nothing when there is none."""
        if not self._rows:
            return np.zeros(0, HRV_DTYPE)
        row = self._measure(self._rows[-1][0])
        self.reset()
        return row

    def _advance(self, time: float, rr: float, done: list[Rows]) -> None:
        if self._due_s is None:
            self._due_s = time - rr / 1000.0 + self.window_s
        skipped = int((time - self._due_s) / self.step_s) - int(self.window_s / self.step_s) - 1
        while time > self._due_s:
            self._forget(self._due_s - self.window_s)
            if self._rows or skipped <= 0:
                done.append(self._measure(self._due_s))
            else:  # nothing for longer than a window: windows without a beat are not listed
                self._due_s += skipped * self.step_s
                skipped = 0
            self._due_s += self.step_s

    def _forget(self, before_s: float) -> None:
        while self._rows and self._rows[0][0] <= before_s:
            self._rows.popleft()

    def _measure(self, end_s: float) -> Rows:
        rows = np.array(list(self._rows), RR_DTYPE)
        rows = rows[(rows["time_s"] > end_s - self.window_s) & (rows["time_s"] <= end_s)]
        return measure_hrv(rows, end_s, self.window_s, self.min_coverage)

    def get_state(self) -> bytes:
        """Return what is remembered, for ``set_state`` after a restart."""
        rows = np.array(list(self._rows), RR_DTYPE)
        due = -1.0 if self._due_s is None else self._due_s
        columns = {name: rows[name].tolist() for name in ("time_s", "rr_ms", "mark")}
        return save("hrv", self._of(), due=due, n=len(rows), **columns)

    def set_state(self, state: bytes) -> None:
        """Go on from ``get_state``; StateError when it is not one of the same parameters."""
        saved = restore(state, "hrv", self._of())
        n, due = whole(saved, "n", MAX_ROWS), number(saved, "due")
        time, rr, mark = (numbers(saved, name, n) for name in ("time_s", "rr_ms", "mark"))
        marks = np.clip(mark, 0, RrMark.UNKNOWN).astype(int)
        rows = zip(time.tolist(), rr.tolist(), marks.tolist(), strict=True)
        self._rows = deque(rows, maxlen=MAX_ROWS)
        self._due_s = None if due < 0 else due

    def _of(self) -> int:
        return fingerprint(self.window_s, self.step_s, self.min_coverage)


def measure_hrv(rows: Rows, end_s: float, window_s: float, min_coverage: float = 0.8) -> Rows:
    """Return one row of ``HRV_DTYPE`` for the marked intervals of one window."""
    out = np.zeros(1, HRV_DTYPE)
    normal = rows["mark"] == RrMark.NORMAL
    time, rr = rows["time_s"][normal], rows["rr_ms"][normal]
    coverage = min(1.0, float(rr.sum()) / 1000.0 / window_s)
    out["time_s"], out["coverage"], out["beats"] = end_s, coverage, len(rr)
    for name in HRV_FIELDS[2:]:
        out[name] = np.nan
    steps = np.diff(rows["rr_ms"])[normal[1:] & normal[:-1]]
    if coverage < min_coverage or len(steps) < MIN_PAIRS:
        return out
    out["mean_hr"] = 60_000.0 / rr.mean()
    out["rmssd_ms"] = np.sqrt(np.mean(steps**2))
    out["sdnn_ms"] = rr.std(ddof=1)
    out["pnn50"] = 100.0 * np.mean(np.abs(steps) > 50.0)
    if window_s >= LF_NEEDS_S:
        _spectrum(out, time, rr)
    return out


def _spectrum(out: Rows, time: NDArray[np.float64], rr: NDArray[np.float64]) -> None:
    psd = lomb_psd(time, rr, GRID_HZ)
    out["lf_ms2"] = low = band_power(GRID_HZ, psd, *LF_HZ)
    out["hf_ms2"] = high = band_power(GRID_HZ, psd, *HF_HZ)
    out["lf_hf"] = low / high if high > 0 else np.nan
