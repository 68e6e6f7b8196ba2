"""Moving median: exact, hence the same for every cut into chunks.

Gaps: a sample that is not finite gives NaN, empties the windows of its channel and is counted in
``gaps`` (a run counts once).
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

cimport numpy as cnp

from vointi_signals._buffers cimport BLOCK, empty, item_size, load, output, output_type
from vointi_signals._buffers cimport samples, store
from vointi_signals._sorted cimport Sorted

import numpy as np

from vointi_signals._checks import checked_channels, checked_rate, checked_window
from vointi_signals._sorted import saved_windows
from vointi_signals._state import fingerprint, numbers, restore, save, whole

cnp.import_array()

cdef extern from "math.h" nogil:
    bint isfinite(double)
    const double NAN


cdef class MovingMedian:
    """Median of the last ``window`` samples; of those there are while the first come in.

    One channel takes (n,), several take (n, channels). ``dtype`` is the output's.
    """

    cdef list _windows
    cdef unsigned char *_in_gap
    cdef int _typenum
    cdef readonly Py_ssize_t window
    cdef readonly Py_ssize_t channels
    cdef readonly Py_ssize_t gaps

    def __cinit__(self, window, channels=1, dtype=np.float64):
        self.window = checked_window(window)
        self.channels = checked_channels(channels)
        self._typenum = output_type(dtype)
        self._windows = [Sorted(self.window) for _ in range(self.channels)]
        self._in_gap = <unsigned char *>calloc(self.channels, 1)
        if not self._in_gap:
            raise MemoryError

    def __dealloc__(self):
        free(self._in_gap)

    def reset(self):
        """Forget every sample seen, as after construction."""
        cdef Sorted w
        for w in self._windows:
            w.clear()
        memset(self._in_gap, 0, self.channels)
        self.gaps = 0

    def gap(self, Py_ssize_t n_missing=0):
        """Tell the filter that samples are missing here; every channel starts anew."""
        cdef Py_ssize_t ch
        for ch in range(self.channels):
            self._one(<Sorted>self._windows[ch], NAN, ch)

    cdef double _one(self, Sorted w, double v, Py_ssize_t ch) noexcept nogil:
        if isfinite(v):
            self._in_gap[ch] = 0
            return w.push(v)
        self.gaps += not self._in_gap[ch]
        self._in_gap[ch] = 1
        w.clear()
        return NAN

    cdef void _channel(self, Sorted w, Py_ssize_t ch, double *x, Py_ssize_t rows) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(rows):
            x[i * self.channels + ch] = self._one(w, x[i * self.channels + ch], ch)

    def process(self, x, out=None):
        """Filter ``x`` and return the result, which is ``out`` (or ``x`` itself) if given."""
        cdef cnp.ndarray xs = samples(x, self.channels)
        cdef Py_ssize_t rows = cnp.PyArray_DIM(xs, 0)
        cdef cnp.ndarray ys = output(out, xs, rows, self.channels, self._typenum)
        cdef int kind = cnp.PyArray_TYPE(xs)
        cdef const char *src = <const char *>cnp.PyArray_DATA(xs)
        cdef char *dst = <char *>cnp.PyArray_DATA(ys)
        cdef double block[BLOCK]
        cdef Py_ssize_t n, ch
        while rows > 0:
            n = min(BLOCK // self.channels, rows)
            load(kind, src, n * self.channels, block)
            for ch in range(self.channels):
                self._channel(<Sorted>self._windows[ch], ch, block, n)
            store(self._typenum, block, n * self.channels, dst)
            src += n * self.channels * item_size(kind)
            dst += n * self.channels * item_size(self._typenum)
            rows -= n
        return ys

    def push(self, x):
        """Filter ``x``: the name that stages of a pipeline share."""
        return self.process(x)

    def flush(self):
        """Return what is held back: nothing, every sample has had its answer."""
        return empty(0, self.channels, self._typenum)

    def latency_s(self, fs):
        """Return half the window in seconds: by so much the median lags behind."""
        return (self.window - 1) / 2 / checked_rate(fs)

    def get_state(self):
        """Return the state as bytes (JSON inside), for ``set_state`` of an equal filter."""
        return save("median", self._fingerprint(), gaps=self.gaps,
                    values=[w.values() for w in self._windows],
                    in_gap=[int(self._in_gap[i]) for i in range(self.channels)])

    def set_state(self, raw):
        """Take up a state of ``get_state``; StateError where it is not this filter's."""
        saved = restore(raw, "median", self._fingerprint())
        in_gap, gaps = numbers(saved, "in_gap", self.channels), whole(saved, "gaps")
        windows = saved_windows(saved, [self.window] * self.channels)
        for i, values in enumerate(windows):
            self._windows[i].take(values)
            self._in_gap[i] = in_gap[i] != 0
        self.gaps = gaps

    def _fingerprint(self):
        return fingerprint(self.window, self.channels)
