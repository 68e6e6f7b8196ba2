"""Change of the sampling rate by a ratio of whole numbers: polyphase FIR.

Output m is the one that ``scipy.signal.upfirdn(taps, x, up, down)`` gives at m; each sum runs in
ascending order of the taps that meet a sample, whatever the chunk. An output appears as soon as
the newest input that it needs is there; the delay of a symmetric filter is (taps - 1) / 2
samples of the rate ``up`` times the input's.

Gaps: a sample that is not finite empties the history of its channel, is counted in ``gaps`` (a
run counts once), and the next output of the channel is NaN, so that no gap passes unseen.
"""

from libc.stdlib cimport calloc, free

cimport numpy as cnp

from vointi_signals._buffers cimport item_size, output_type, store
from vointi_signals._window cimport Resampler, Window

import numpy as np

from vointi_signals._checks import checked_channels, checked_factor, checked_rate, checked_ratio, checked_taps
from vointi_signals._state import fingerprint, restore, save, whole
from vointi_signals.design import resampling_taps

cnp.import_array()

cdef extern from "math.h" nogil:
    const double NAN


cdef class RationalResampler(Resampler):
    """Resamples by ``up / down`` with the FIR low-pass ``taps`` at ``up`` times the input rate.

    Default taps: Kaiser-windowed sinc of 20 max(up, down) + 1 taps and gain ``up``, as in
    ``scipy.signal.resample_poly``. One channel takes (n,), several take (n, channels). With
    ``settle`` the history before the first sample, and before the first after a gap, is that
    sample, and ``flush`` goes on with the last; without it zeros, as in SciPy.
    """

    cdef double *_h
    cdef Py_ssize_t _phase_taps
    cdef Py_ssize_t _next
    cdef bint _begun
    cdef readonly Py_ssize_t up
    cdef readonly Py_ssize_t down
    cdef readonly object taps

    def __cinit__(
        self, up, down, taps=None, channels=1, dtype=np.float64, *, settle=False
    ):
        cdef Py_ssize_t i
        self.up, self.down = checked_ratio(up, down)
        self.taps = checked_taps(resampling_taps(self.up, self.down) if taps is None else taps)
        self.channels = checked_channels(channels)
        self._typenum = output_type(dtype)
        # Phase p holds taps p, p + up, p + 2 up, ... in a row of its own, padded with zeros.
        self._phase_taps = (len(self.taps) + self.up - 1) // self.up
        self._window = Window(self._phase_taps - 1, self.channels, bool(settle))
        self._h = <double *>calloc(self._phase_taps * self.up, sizeof(double))
        if not self._h:
            raise MemoryError
        for i in range(len(self.taps)):
            self._h[i % self.up * self._phase_taps + i // self.up] = self.taps[i]

    def __dealloc__(self):
        free(self._h)

    def reset(self):
        """Forget every sample seen, as after construction."""
        self._window.clear()
        self._next = 0
        self._begun = False

    cdef Py_ssize_t _outputs(self, Py_ssize_t rows) noexcept nogil:
        """Return how many rows come out when ``rows`` more go in."""
        cdef Py_ssize_t span = rows * self.up - self._next
        return 0 if span <= 0 else (span + self.down - 1) // self.down

    cdef void _emit(self, const double *here, double *y) noexcept nogil:
        """Sum up one output row; ``here`` is the newest input row that it needs."""
        cdef const double *h = self._h + self._next * self._phase_taps
        cdef Py_ssize_t c = self.channels
        cdef Py_ssize_t k, ch
        cdef double total
        for ch in range(c):
            total = 0.0
            for k in range(self._phase_taps):
                total += h[k] * here[ch - k * c]
            if self._window.pending[ch]:
                total = NAN
                self._window.pending[ch] = 0
            y[ch] = total

    cdef Py_ssize_t _rows(self, Py_ssize_t rows, double *y) noexcept nogil:
        """Work through the loaded rows; return how many rows were written."""
        cdef Py_ssize_t row, made = 0
        for row in range(rows):
            if not self._window.clean:
                self._window.admit(row)
            while self._next < self.up:
                self._emit(self._window.at(row), y + made * self.channels)
                made += 1
                self._next += self.down
            self._next -= self.up
        return made

    cdef void _all(self, int kind, const char *x, char *y, Py_ssize_t rows) noexcept nogil:
        cdef double far[64]
        cdef Py_ssize_t size_in = item_size(kind) * self.channels
        cdef Py_ssize_t size_out = item_size(self._typenum) * self.channels
        cdef Py_ssize_t row, n, made
        while rows > 0:
            n = min(self._window.rows, rows)
            self._window.load(kind, x, n)
            self._begun = True
            if self._typenum == cnp.NPY_DOUBLE:
                y += self._rows(n, <double *>y) * size_out
            else:
                for row in range(n):
                    if not self._window.clean:
                        self._window.admit(row)
                    while self._next < self.up:
                        self._emit(self._window.at(row), far)
                        store(self._typenum, far, self.channels, y)
                        y += size_out
                        self._next += self.down
                    self._next -= self.up
            self._window.advance(n)
            x += n * size_in
            rows -= n

    def flush(self):
        """Return the outputs that still wait for input that will not come, then reset."""
        cdef Py_ssize_t left = len(self.taps) - 1 - (self._next + self.up)
        cdef Py_ssize_t count = 0 if left < 0 or not self._begun else left // self.down + 1
        cdef Py_ssize_t rows = (self._next + count * self.down) // self.up + 1
        tail = self._more(rows, self._window.settle)[:count].copy()
        self.reset()
        return tail

    def latency_s(self, fs):
        """Return the delay in seconds for an input rate of ``fs``."""
        return (len(self.taps) - 1) / 2 / (checked_rate(fs) * self.up)

    def get_state(self):
        """Return the state as bytes (JSON inside), for ``set_state`` of an equal resampler."""
        fields = self._window.fields()
        return save("resample", self._fingerprint(), next=self._next, begun=int(self._begun),
                    **fields)

    def set_state(self, raw):
        """Take up a state of ``get_state``; StateError where it is not this resampler's."""
        saved = restore(raw, "resample", self._fingerprint())
        fields = self._window.check(saved)
        upcoming, begun = whole(saved, "next", self.down), whole(saved, "begun", 1)
        self._window.take(fields)
        self._next, self._begun = upcoming, begun

    def _fingerprint(self):
        return fingerprint(
            self.taps, self.up, self.down, self.channels, bool(self._window.settle)
        )


class Decimator(RationalResampler):
    """Keeps every ``factor``-th sample behind a low-pass of 20 factor + 1 taps."""

    def __new__(cls, factor, taps=None, channels=1, dtype=np.float64, *, settle=False):
        one = checked_factor("factor", factor)
        return RationalResampler.__new__(cls, 1, one, taps, channels, dtype, settle=settle)
