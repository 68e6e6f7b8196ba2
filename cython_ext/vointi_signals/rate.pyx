"""Resampling from any rate to an exact one, as devices' clocks differ from their data sheets.

The value between the samples is the band-limited one: a sinc in Kaiser's window over ``2 *
HALF`` input samples (J. O. Smith, Digital Audio Resampling), its taps taken from a table of
``PHASES`` offsets with linear interpolation in between. A sine up to a third of the lower rate
comes out within 1e-4 of its amplitude. Where the output rate is lower than the input's, the sinc
is stretched to the lower one.

Output m stands for input time (m * fs_in / fs_out) / fs_in after the first sample; the product
is formed anew for every output, so nothing accumulates. It appears once HALF (stretched) input
samples after it are there: that is the latency.

Gaps: a sample that is not finite empties the history of its channel, is counted in ``gaps`` (a
run counts once), and the next output of the channel is NaN.
"""

from libc.math cimport floor
from libc.stdlib cimport calloc, free

cimport numpy as cnp

from vointi_signals._buffers cimport empty, item_size, output_type, store
from vointi_signals._window cimport Resampler, Window

import numpy as np

from vointi_signals._checks import checked_channels, checked_rate
from vointi_signals._state import fingerprint, number, restore, save, whole
from vointi_signals.design import sinc_table
from vointi_signals.errors import ParameterError

cnp.import_array()

cdef extern from "math.h" nogil:
    const double NAN

cdef enum:
    HALF = 16
    PHASES = 512

# A ratio beyond this is a change of rate, not a correction: the table would grow without bound.
MOST = 16.0


cdef class RateCorrector(Resampler):
    """Resamples from ``fs_in`` to ``fs_out`` Hz, both any number.

    ``set_rate`` follows an input rate that is better known later (within 1 % of the first, for
    which the low-pass was made) without a jump in time. With ``settle`` (the default here) the
    history before the first sample is that sample.
    """

    cdef double *_table
    cdef Py_ssize_t _half
    cdef Py_ssize_t _span
    # Positions in input samples relative to the newest one seen; _made counts from the anchor.
    cdef long long _seen
    cdef long long _made
    cdef double _anchor
    cdef double _ratio
    cdef readonly double fs_in
    cdef readonly double fs_out
    cdef double _first_rate

    def __cinit__(self, fs_in, fs_out, channels=1, dtype=np.float64, *, settle=True):
        cdef Py_ssize_t i
        self.fs_in = self._first_rate = checked_rate(fs_in, "fs_in")
        self.fs_out = checked_rate(fs_out, "fs_out")
        self._ratio = self.fs_in / self.fs_out
        if not 1 / MOST <= self._ratio <= MOST:
            raise ParameterError("fs_out", f"{fs_out!r}", f"stay within {MOST:g} times fs_in")
        self.channels = checked_channels(channels)
        self._typenum = output_type(dtype)
        self._half = int(np.ceil(HALF * max(1.0, self._ratio)))
        self._span = 2 * self._half
        self._window = Window(self._span, self.channels, bool(settle))
        table = sinc_table(self._half, PHASES, min(1.0, 1 / self._ratio))
        self._table = <double *>calloc(table.size, sizeof(double))
        if not self._table:
            raise MemoryError
        flat = table.ravel()
        for i in range(len(flat)):
            self._table[i] = flat[i]
        self.reset()

    def __dealloc__(self):
        free(self._table)

    @property
    def latency_s(self):
        """Seconds between an output's own time and the input sample that lets it out."""
        return self._half / self.fs_in

    def reset(self):
        """Forget every sample seen, as after construction; the rate set last stays."""
        self._window.clear()
        self._seen = 0
        self._made = 0
        self._anchor = 0.0

    def set_rate(self, fs_in):
        """Take ``fs_in`` from the next output on."""
        rate = checked_rate(fs_in, "fs_in")
        if not 0.99 <= rate / self._first_rate <= 1.01:
            raise ParameterError("fs_in", f"{fs_in!r}", f"stay within 1 % of {self._first_rate:g}")
        self._anchor = self._anchor + self._made * self._ratio - self._seen
        self._seen = 0
        self._made = 0
        self.fs_in = rate
        self._ratio = self.fs_in / self.fs_out

    cdef inline double _due(self) noexcept nogil:
        """Return the next output's position in input samples."""
        return self._anchor + self._made * self._ratio

    cdef Py_ssize_t _outputs(self, Py_ssize_t rows) noexcept nogil:
        """Return how many rows come out when ``rows`` more go in, none of them guessed."""
        cdef double last = <double>(self._seen + rows - 1 - self._half)
        cdef long long m = <long long>floor((last - self._anchor) / self._ratio) + 2
        while m > self._made and self._anchor + (m - 1) * self._ratio > last:
            m -= 1
        return <Py_ssize_t>max(0, m - self._made)

    cdef void _emit(self, Py_ssize_t row, double *y) noexcept nogil:
        """Interpolate one output row; ``row`` is the newest of the block, ``_seen`` its number."""
        cdef double due = self._due()
        cdef double whole_part = floor(due)
        cdef double place = (due - whole_part) * PHASES
        cdef Py_ssize_t phase = <Py_ssize_t>place
        cdef double blend = place - phase
        cdef const double *h = self._table + phase * self._span
        cdef const double *x = self._window.at(
            row - <Py_ssize_t>(self._seen - <long long>whole_part) - self._half + 1
        )
        cdef Py_ssize_t k, ch
        cdef double total
        for ch in range(self.channels):
            total = 0.0
            for k in range(self._span):
                total += (h[k] + blend * (h[k + self._span] - h[k])) * x[k * self.channels + ch]
            if self._window.pending[ch]:
                total = NAN
                self._window.pending[ch] = 0
            y[ch] = total

    cdef void _all(self, int kind, const char *x, char *y, Py_ssize_t rows) noexcept nogil:
        cdef double far[64]
        cdef Py_ssize_t size_in = item_size(kind) * self.channels
        cdef Py_ssize_t size_out = item_size(self._typenum) * self.channels
        cdef Py_ssize_t row, n
        while rows > 0:
            n = min(self._window.rows, rows)
            self._window.load(kind, x, n)
            for row in range(n):
                if not self._window.clean:
                    self._window.admit(row)
                while self._due() <= <double>(self._seen - self._half):
                    self._emit(row, far)
                    store(self._typenum, far, self.channels, y)
                    y += size_out
                    self._made += 1
                self._seen += 1
            self._window.advance(n)
            x += n * size_in
            rows -= n

    def flush(self):
        """Return the outputs up to the last sample (which is held after the end), then reset."""
        if self._seen == 0 and self._anchor == 0.0:
            return empty(0, self.channels, self._typenum)
        tail = self._more(self._half, True)
        self.reset()
        return tail

    def get_state(self):
        """Return the state as bytes (JSON inside), for ``set_state`` of an equal corrector."""
        return save("rate", self._fingerprint(), seen=self._seen, made=self._made,
                    anchor=self._anchor, rate=self.fs_in, **self._window.fields())

    def set_state(self, raw):
        """Take up a state of ``get_state``; StateError where it is not this corrector's."""
        saved = restore(raw, "rate", self._fingerprint())
        fields = self._window.check(saved)
        seen, made = whole(saved, "seen"), whole(saved, "made")
        anchor, rate = number(saved, "anchor"), number(saved, "rate")
        self._checked_position(seen, made, anchor, rate)
        self._window.take(fields)
        self._seen, self._made, self._anchor = seen, made, anchor
        self.fs_in, self._ratio = rate, rate / self.fs_out

    def _checked_position(self, seen, made, anchor, rate):
        """Refuse a state whose next output lies outside the window."""
        if not 0.99 <= rate / self._first_rate <= 1.01:
            raise ParameterError("rate", f"{rate!r}", f"stay within 1 % of {self._first_rate:g}")
        ahead = anchor + made * (rate / self.fs_out) - (seen - 1 - self._half)
        if not 0 < ahead <= self._span + self._ratio + 1:
            raise ParameterError("state", "positions that do not belong together", "reset instead")

    def _fingerprint(self):
        return fingerprint(
            self._first_rate, self.fs_out, self.channels, bool(self._window.settle)
        )
