"""From beats to intervals, each marked as normal, ectopic or artefact: docs/signals/rr.md.

The rule is Malik's limit on the change between neighbours (Task Force 1996, section on RR
editing) joined with the comparison to the surrounding intervals of Karlsson et al. 2012,
BioMed Eng OnLine 11:2, done once, in order, so that it can run on a stream.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vointi_signals._state import fingerprint, number, restore, save, whole
from vointi_signals.errors import InputError, ParameterError


class RrMark(IntEnum):
    """What an interval is."""

    NORMAL = 0
    ECTOPIC = 1  # differs from what surrounds it: a premature beat, its pause, a missed beat
    IMPLAUSIBLE = 2  # outside what a resting or running heart does
    UNKNOWN = 3  # across a gap: not an interval


RR_DTYPE = np.dtype([("time_s", "<f8"), ("rr_ms", "<f8"), ("mark", "u1")])

LIMIT = 0.2  # Malik's 20 %, within the 10-50 % that Karlsson et al. studied
SHORTEST_MS = 300.0  # 200 a minute
LONGEST_MS = 2000.0  # 30 a minute
LATEST_S = 1e10  # three centuries
RESTART = 3  # so many rejected in a row are a new rate, not ectopy

Rows = NDArray[np.void]


class RrCleaner:
    """Marks RR intervals one beat late.

    ``limit``: share by which a normal interval may differ from its surroundings. Rows of
    ``RR_DTYPE``: time of the beat that ends the interval (s), length (ms), ``RrMark``.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 < limit < 1:
            raise ParameterError("limit", f"{limit!r}", "pass a share between 0 and 1")
        self._limit = float(limit)
        self.reset()

    @property
    def latency_s(self) -> float:
        """Return the typical delay: one interval."""
        return 1.0

    def reset(self) -> None:
        """Forget all beats."""
        self._beat_s: float | None = None
        self._kept_ms = 0.0  # the last normal interval; 0 is none
        self._rejected = 0
        self._waiting: tuple[float, float] | None = None

    def push(self, time_s: ArrayLike, after_gap: ArrayLike | None = None) -> Rows:
        """Take beats (times in s, ascending; flags of a gap before them); return marked rows."""
        times, gaps = _checked(time_s, after_gap, self._beat_s)
        rows: list[tuple[float, float, int]] = []
        for time, gap in zip(times.tolist(), gaps.tolist(), strict=True):
            self._take(time, gap, rows)
        return np.array(rows, RR_DTYPE)

    def flush(self) -> Rows:
        """Mark the interval that waits for its successor; the next beat starts anew."""
        rows: list[tuple[float, float, int]] = []
        self._settle(None, rows)
        self._beat_s = None
        return np.array(rows, RR_DTYPE)

    def gap(self) -> Rows:
        """Say that beats may be missing from here on; the same as ``flush``."""
        return self.flush()

    def _take(self, time: float, gap: bool, rows: list[tuple[float, float, int]]) -> None:
        before, self._beat_s = self._beat_s, time
        if before is None:
            return
        rr = (time - before) * 1000.0
        if gap:
            self._settle(None, rows)
            rows.append((time, rr, RrMark.UNKNOWN))
            return
        self._settle(rr, rows)
        self._waiting = (time, rr)

    def _settle(self, following: float | None, rows: list[tuple[float, float, int]]) -> None:
        if self._waiting is None:
            return
        time, rr = self._waiting
        self._waiting = None
        mark = self._mark(rr, following)
        rows.append((time, rr, mark))
        if mark is RrMark.NORMAL:
            self._kept_ms, self._rejected = rr, 0
            return
        self._rejected += 1
        if self._rejected >= RESTART:
            self._kept_ms, self._rejected = 0.0, 0

    def _mark(self, rr: float, following: float | None) -> RrMark:
        if not SHORTEST_MS <= rr <= LONGEST_MS:
            return RrMark.IMPLAUSIBLE
        before = self._kept_ms or following or rr
        around = (before + (following or before)) / 2
        changed = abs(rr - before) > self._limit * before
        return RrMark.ECTOPIC if changed and self._apart(rr, around) else RrMark.NORMAL

    def _apart(self, rr: float, around: float) -> bool:
        return abs(rr - around) > self._limit * around

    def get_state(self) -> bytes:
        """Return what is remembered, for ``set_state`` after a restart."""
        wait = self._waiting or (0.0, 0.0)
        return save(
            "rr",
            fingerprint(self._limit),
            beat=-1.0 if self._beat_s is None else self._beat_s,
            kept=self._kept_ms,
            rejected=self._rejected,
            wait_s=wait[0],
            wait_ms=wait[1],
        )

    def set_state(self, state: bytes) -> None:
        """Go on from ``get_state``; StateError when it is not one of the same limit."""
        saved: dict[str, Any] = restore(state, "rr", fingerprint(self._limit))
        beat, kept = number(saved, "beat"), number(saved, "kept")
        wait = (number(saved, "wait_s"), number(saved, "wait_ms"))
        self._rejected = whole(saved, "rejected", RESTART)
        self._beat_s = None if beat < 0 else beat
        self._kept_ms = kept
        self._waiting = wait if wait[1] > 0 else None


def clean_rr(time_s: ArrayLike, after_gap: ArrayLike | None = None, limit: float = LIMIT) -> Rows:
    """Return the marked intervals of a whole series of beats."""
    cleaner = RrCleaner(limit)
    return np.concatenate([cleaner.push(time_s, after_gap), cleaner.flush()])


def _checked(
    time_s: ArrayLike, after_gap: ArrayLike | None, last: float | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    try:
        times = np.asarray(time_s, np.float64)
        gaps = np.zeros(times.shape, bool) if after_gap is None else np.asarray(after_gap, bool)
    except (TypeError, ValueError):
        raise InputError("time_s", "not numbers", "pass the beats' times in s") from None
    if times.ndim != 1 or gaps.shape != times.shape:
        raise InputError("time_s", f"shapes {times.shape}, {gaps.shape}", "pass (n,) and (n,)")
    if not ((times >= 0) & (times < LATEST_S)).all():
        raise InputError("time_s", "negative or not finite", "pass seconds since the start")
    before = times[:1] if last is None else np.array([last])
    if (np.diff(np.concatenate([before, times])) < 0).any():
        raise InputError("time_s", "not ascending", "hand over beats in the order of time")
    return times, gaps
