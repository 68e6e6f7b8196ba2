"""FIR filter, sixteen results at a time.

Every result is the sum of its products in ascending order of the taps, whatever the chunk, so
the output does not depend on how the input is cut. Equal to ``scipy.signal.lfilter`` up to
rounding (SciPy sums in another order).

Gaps: a sample that is not finite gives NaN, empties the history of its channel and is counted
in ``gaps`` (a run counts once).
"""

from libc.stdlib cimport calloc, free

cimport numpy as cnp

from vointi_signals._buffers cimport Filter, item_size, output_type, store
from vointi_signals._window cimport Window

import numpy as np

from vointi_signals._checks import checked_channels, checked_rate, checked_taps
from vointi_signals._state import fingerprint, restore, save

cnp.import_array()

cdef extern from "_kernels.h" nogil:
    void vo_taps_base(
        const double *h, Py_ssize_t taps, Py_ssize_t stride, const double *x, double *y,
        Py_ssize_t n
    )
    void vo_taps_wide(
        const double *h, Py_ssize_t taps, Py_ssize_t stride, const double *x, double *y,
        Py_ssize_t n
    )
    bint vo_wide()

cdef extern from "math.h" nogil:
    const double NAN

cdef enum:
    UNLOCK = 2048


cdef class FirFilter(Filter):
    """y[n] = taps[0] x[n] + taps[1] x[n-1] + ... with the history that a stream needs.

    One channel takes (n,), several take (n, channels). ``dtype`` is the output's (float64 or
    float32). With ``settle`` the history before the first sample, and before the first after a
    gap, is that sample; without it zeros, as in SciPy.

    Raises ParameterError for taps that cannot be used, InputError for samples.
    """

    cdef double *_h
    cdef Window _window
    cdef Py_ssize_t _count
    cdef bint _wide
    cdef readonly object taps

    def __cinit__(self, taps, channels=1, dtype=np.float64, *, settle=False):
        cdef Py_ssize_t i
        self.taps = checked_taps(taps)
        self.channels = checked_channels(channels)
        self._count = len(self.taps)
        self._typenum = output_type(dtype)
        self._unlock = UNLOCK
        self._wide = vo_wide()
        self._window = Window(self._count - 1, self.channels, bool(settle))
        self._h = <double *>calloc(self._count, sizeof(double))
        if not self._h:
            raise MemoryError
        for i in range(self._count):
            self._h[i] = self.taps[i]

    def __dealloc__(self):
        free(self._h)

    @property
    def gaps(self):
        """How many gaps there were since the start or the last reset."""
        return self._window.gaps

    def reset(self):
        """Forget every sample seen, as after construction."""
        self._window.clear()

    def gap(self, Py_ssize_t n_missing=0):
        """Tell the filter that samples are missing here; every channel starts anew."""
        cdef Py_ssize_t ch
        for ch in range(self.channels):
            self._window.begin_gap(ch, -1)
            self._window.pending[ch] = 0

    cdef inline void _sums(self, const double *x, double *y, Py_ssize_t n) noexcept nogil:
        if self._wide:
            vo_taps_wide(self._h, self._count, self.channels, x, y, n)
        else:
            vo_taps_base(self._h, self._count, self.channels, x, y, n)

    cdef void _careful(self, double *y, Py_ssize_t rows) noexcept nogil:
        """Row by row, where there are gaps or first samples."""
        cdef Py_ssize_t row, ch
        for row in range(rows):
            self._window.admit(row)
            self._sums(self._window.at(row), y + row * self.channels, self.channels)
            for ch in range(self.channels):
                if self._window.pending[ch]:
                    y[row * self.channels + ch] = NAN
                    self._window.pending[ch] = 0

    cdef void _all(self, int kind, const char *x, char *y, Py_ssize_t rows) noexcept nogil:
        cdef double far[512]
        cdef double *dst
        cdef Py_ssize_t size_in = item_size(kind) * self.channels
        cdef Py_ssize_t size_out = item_size(self._typenum) * self.channels
        cdef Py_ssize_t n
        while rows > 0:
            n = min(self._window.rows, rows)
            dst = <double *>y if self._typenum == cnp.NPY_DOUBLE else &far[0]
            self._window.load(kind, x, n)
            if self._window.clean:
                self._sums(self._window.at(0), dst, n * self.channels)
            else:
                self._careful(dst, n)
            self._window.advance(n)
            if self._typenum != cnp.NPY_DOUBLE:
                store(self._typenum, far, n * self.channels, y)
            x += n * size_in
            y += n * size_out
            rows -= n

    def latency_s(self, fs):
        """Return the delay in seconds of slow changes: (taps - 1) / 2 samples if symmetric."""
        total = float(self.taps.sum())
        middle = (self._count - 1) / 2
        if abs(total) > 1e-9 * float(np.abs(self.taps).sum()):
            middle = float((np.arange(self._count) * self.taps).sum()) / total
        return middle / checked_rate(fs)

    def get_state(self):
        """Return the state as bytes (JSON inside), for ``set_state`` of an equal filter."""
        return save("fir", self._fingerprint(), **self._window.fields())

    def set_state(self, raw):
        """Take up a state of ``get_state``; StateError where it is not this filter's."""
        saved = restore(raw, "fir", self._fingerprint())
        self._window.take(self._window.check(saved))

    def _baseline(self):
        """Leave wide vectors aside; for the test that they change no bit."""
        self._wide = False

    def _fingerprint(self):
        return fingerprint(self.taps, self.channels, bool(self._window.settle))
