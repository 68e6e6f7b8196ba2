"""Moving median: exact, hence the same for every cut into chunks.

Gaps: a sample that is not finite gives NaN, empties the windows of its channel and is counted in
``gaps`` (a run counts once).
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

cimport numpy as cnp

from vointi_signals._buffers cimport Filter, output_type
from vointi_signals._sorted cimport Sorted

import numpy as np

from vointi_signals._checks import checked_channels, checked_rate, checked_window
from vointi_signals._sorted import saved_windows
from vointi_signals._state import fingerprint, numbers, restore, save, whole

cnp.import_array()

cdef extern from "math.h" nogil:
    bint isfinite(double)
    const double NAN


cdef class MovingMedian(Filter):
    """Median of the last ``window`` samples; of those there are while the first come in.

    One channel takes (n,), several take (n, channels). ``dtype`` is the output's.
    """

    cdef Sorted _windows
    cdef unsigned char *_in_gap
    cdef readonly Py_ssize_t window
    cdef readonly Py_ssize_t gaps

    def __cinit__(self, window, channels=1, dtype=np.float64):
        self.window = checked_window(window)
        self.channels = checked_channels(channels)
        self._typenum = output_type(dtype)
        self._windows = Sorted(self.window, self.channels)
        self._in_gap = <unsigned char *>calloc(self.channels, 1)
        if not self._in_gap:
            raise MemoryError

    def __dealloc__(self):
        free(self._in_gap)

    def reset(self):
        """Forget every sample seen, as after construction."""
        cdef Py_ssize_t ch
        for ch in range(self.channels):
            self._windows.clear(ch)
        memset(self._in_gap, 0, self.channels)
        self.gaps = 0

    def gap(self, Py_ssize_t n_missing=0):
        """Tell the filter that samples are missing here; every channel starts anew."""
        cdef Py_ssize_t ch
        for ch in range(self.channels):
            self._one(NAN, ch)

    cdef double _one(self, double v, Py_ssize_t ch) noexcept nogil:
        if isfinite(v):
            self._in_gap[ch] = 0
            return self._windows.push(v, ch)
        self.gaps += not self._in_gap[ch]
        self._in_gap[ch] = 1
        self._windows.clear(ch)
        return NAN

    cdef void _work(self, double *x, Py_ssize_t rows) noexcept nogil:
        cdef Py_ssize_t i, ch
        for ch in range(self.channels):
            for i in range(rows):
                x[i * self.channels + ch] = self._one(x[i * self.channels + ch], ch)

    def latency_s(self, fs):
        """Return half the window in seconds: by so much the median lags behind."""
        return (self.window - 1) / 2 / checked_rate(fs)

    def get_state(self):
        """Return the state as bytes (JSON inside), for ``set_state`` of an equal filter."""
        return save("median", self._fingerprint(), gaps=self.gaps,
                    values=[self._windows.values(i) for i in range(self.channels)],
                    in_gap=[int(self._in_gap[i]) for i in range(self.channels)])

    def set_state(self, raw):
        """Take up a state of ``get_state``; StateError where it is not this filter's."""
        saved = restore(raw, "median", self._fingerprint())
        in_gap, gaps = numbers(saved, "in_gap", self.channels), whole(saved, "gaps")
        windows = saved_windows(saved, [self.window] * self.channels)
        for i, values in enumerate(windows):
            self._windows.take(values, i)
            self._in_gap[i] = in_gap[i] != 0
        self.gaps = gaps

    def _fingerprint(self):
        return fingerprint(self.window, self.channels)
