"""Removal of a wandering baseline with two moving medians.

Gaps: a sample that is not finite gives NaN, empties the windows of its channel and is counted in
``gaps`` (a run counts once).
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

cimport numpy as cnp

from vointi_signals._buffers cimport Filter, empty, output_type
from vointi_signals._sorted cimport Sorted

import numpy as np

from vointi_signals._checks import checked_rate, checked_window
from vointi_signals._sorted import saved_windows
from vointi_signals._state import fingerprint, numbers, restore, save, whole
from vointi_signals.errors import ParameterError

cnp.import_array()

cdef extern from "math.h" nogil:
    bint isfinite(double)
    const double NAN


cdef class Baseline(Filter):
    """Takes a wandering baseline away: the signal minus two moving medians, one after the other.

    The first window (0.2 s) passes over P wave and QRS complex, the second (0.6 s) over the T
    wave (de Chazal et al., IEEE Trans Biomed Eng 51:1196, 2004, for the ECG). The output is the
    input ``latency_s`` ago, less the baseline at that time; before the first sample, and before
    the first after a gap, the signal counts as constant. One channel.
    """

    cdef Sorted _first
    cdef Sorted _second
    cdef double *_late
    cdef Py_ssize_t _delay
    cdef Py_ssize_t _head
    cdef bint _fresh
    cdef bint _in_gap
    cdef readonly double fs
    cdef readonly tuple windows
    cdef readonly Py_ssize_t gaps

    def __cinit__(self, fs, windows_s=(0.2, 0.6), dtype=np.float64):
        self.fs = checked_rate(fs)
        self.windows = checked_windows(windows_s, self.fs)
        self._typenum = output_type(dtype)
        self._first = Sorted(self.windows[0])
        self._second = Sorted(self.windows[1])
        self._delay = (self.windows[0] + self.windows[1] - 2) // 2
        self._late = <double *>calloc(self._delay + 1, sizeof(double))
        if not self._late:
            raise MemoryError
        self.reset()

    def __dealloc__(self):
        free(self._late)

    @property
    def latency_s(self):
        """Seconds by which the output lags behind the input: half of both windows."""
        return self._delay / self.fs

    def reset(self):
        """Forget every sample seen, as after construction."""
        self._clear()
        self._in_gap = False
        self.gaps = 0

    cdef void _clear(self) noexcept nogil:
        self._first.clear(0)
        self._second.clear(0)
        memset(self._late, 0, self._delay * sizeof(double))
        self._head = 0
        self._fresh = True

    def gap(self, Py_ssize_t n_missing=0):
        """Tell that samples are missing here; the windows start anew."""
        self._one(NAN)

    cdef double _one(self, double v) noexcept nogil:
        cdef Py_ssize_t i
        cdef double past, level
        if not isfinite(v):
            self.gaps += not self._in_gap
            self._in_gap = True
            self._clear()
            return NAN
        self._in_gap = False
        if self._fresh:
            self._fresh = False
            for i in range(self._delay):
                self._late[i] = v
                self._second.push(self._first.push(v, 0), 0)
        level = self._second.push(self._first.push(v, 0), 0)
        past = v
        if self._delay:
            past = self._late[self._head]
            self._late[self._head] = v
            self._head += 1
            if self._head == self._delay:
                self._head = 0
        return past - level

    cdef void _work(self, double *x, Py_ssize_t rows) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(rows):
            x[i] = self._one(x[i])

    def flush(self):
        """Return the samples still held back, the last one taken to go on; then reset."""
        cdef Py_ssize_t last = (self._head - 1) % self._delay if self._delay else 0
        if self._fresh or not self._delay:
            self.reset()
            return empty(0, 1, self._typenum)
        if last < 0:
            last += self._delay
        tail = self.process(np.full(self._delay, self._late[last]))
        self.reset()
        return tail

    def get_state(self):
        """Return the state as bytes (JSON inside), for ``set_state`` of an equal filter."""
        return save("baseline", self._fingerprint(), gaps=self.gaps, in_gap=int(self._in_gap),
                    fresh=int(self._fresh), head=self._head,
                    late=[self._late[i] for i in range(self._delay)],
                    values=[self._first.values(0), self._second.values(0)])

    def set_state(self, raw):
        """Take up a state of ``get_state``; StateError where it is not this filter's."""
        cdef Py_ssize_t i
        saved = restore(raw, "baseline", self._fingerprint())
        late = numbers(saved, "late", self._delay)
        windows = saved_windows(saved, self.windows)
        head = whole(saved, "head", max(0, self._delay - 1))
        flags = whole(saved, "in_gap", 1), whole(saved, "fresh", 1), whole(saved, "gaps")
        self._first.take(windows[0], 0)
        self._second.take(windows[1], 0)
        for i in range(self._delay):
            self._late[i] = late[i]
        self._head = head
        self._in_gap, self._fresh, self.gaps = flags

    def _fingerprint(self):
        return fingerprint(self.fs, self.windows)


def checked_windows(windows_s, fs):
    """Return two odd window lengths in samples, or raise ParameterError."""
    try:
        seconds = [float(s) for s in windows_s]
    except (TypeError, ValueError):
        raise ParameterError("windows_s", f"{windows_s!r}", "pass two times in seconds") from None
    if len(seconds) != 2 or not all(0 < s <= 60 for s in seconds):
        raise ParameterError("windows_s", f"{windows_s!r}", "pass two times from 0 to 60 s")
    return tuple(checked_window(2 * round(s * fs / 2) + 1, "windows_s") for s in seconds)
