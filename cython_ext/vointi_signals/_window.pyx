"""The last rows of a signal in one piece of memory, gaps taken care of.

    | keep rows of history | up to `rows` new rows | 16 spare doubles |

A block of rows is loaded behind the history, worked on, and its end becomes the history. Where
``clean`` is false after loading, every row must be admitted before it is used: a sample that is
not finite empties the history of its channel (``pending`` says so to the one who makes the next
output), and with ``settle`` the first sample after it fills the history.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memmove, memset

cimport numpy as cnp

from vointi_signals._buffers cimport BLOCK, Filter, all_finite, load, output, samples

import numpy as np

from vointi_signals._state import numbers, whole

cnp.import_array()

cdef extern from "math.h" nogil:
    bint isfinite(double)

cdef enum:
    SPARE = 16


cdef class Window:
    """History of ``keep`` rows and room for a block."""

    def __cinit__(self, Py_ssize_t keep, Py_ssize_t channels, bint settle):
        self.keep = keep
        self.channels = channels
        self.settle = settle
        self.rows = max(1, BLOCK // channels)
        self.buf = <double *>calloc((keep + self.rows) * channels + SPARE, sizeof(double))
        self.fresh = <unsigned char *>calloc(3 * channels, 1)
        if not (self.buf and self.fresh):
            raise MemoryError
        self.in_gap = self.fresh + channels
        self.pending = self.fresh + 2 * channels
        self.clear()

    def __dealloc__(self):
        free(self.buf)
        free(self.fresh)

    cdef void clear(self) noexcept nogil:
        memset(self.buf, 0, ((self.keep + self.rows) * self.channels + SPARE) * sizeof(double))
        memset(self.fresh, self.settle, self.channels)
        memset(self.in_gap, 0, 2 * self.channels)
        self.gaps = 0
        self.clean = not self.settle

    cdef double *at(self, Py_ssize_t row) noexcept nogil:
        """Return where a row of the block begins; row -1 is the newest of the history."""
        return self.buf + (self.keep + row) * self.channels

    cdef void load(self, int kind, const char *src, Py_ssize_t rows) noexcept nogil:
        """Take in up to ``self.rows`` rows; sets ``clean``."""
        cdef Py_ssize_t i
        load(kind, src, rows * self.channels, self.at(0))
        self.clean = all_finite(self.at(0), rows * self.channels)
        for i in range(3 * self.channels):
            self.clean = self.clean and not self.fresh[i]

    cdef void admit(self, Py_ssize_t row) noexcept nogil:
        """Make a row of the block usable."""
        cdef double *here = self.at(row)
        cdef Py_ssize_t ch, i
        for ch in range(self.channels):
            if not isfinite(here[ch]):
                self.begin_gap(ch, row)
                continue
            self.in_gap[ch] = 0
            if self.fresh[ch]:
                self.fresh[ch] = 0
                for i in range(row - self.keep, row):
                    self.at(i)[ch] = here[ch]

    cdef void begin_gap(self, Py_ssize_t ch, Py_ssize_t row) noexcept nogil:
        """Empty a channel's history up to and with ``row``."""
        cdef Py_ssize_t i
        for i in range(max(row, 0) - self.keep, row + 1):
            self.at(i)[ch] = 0.0
        self.gaps += not self.in_gap[ch]
        self.fresh[ch] = self.settle
        self.in_gap[ch] = 1
        self.pending[ch] = 1

    cdef void advance(self, Py_ssize_t rows) noexcept nogil:
        """Let the last rows of the block become the history."""
        memmove(
            self.buf, self.buf + rows * self.channels, self.keep * self.channels * sizeof(double)
        )

    def fields(self):
        """Return what a saved state must hold."""
        cdef Py_ssize_t i
        return {
            "history": [self.buf[i] for i in range(self.keep * self.channels)],
            "flags": [int(self.fresh[i]) for i in range(3 * self.channels)],
            "gaps": self.gaps,
        }

    def check(self, saved):
        """Return the fields of a saved state, or raise StateError; changes nothing."""
        return (
            numbers(saved, "history", self.keep * self.channels),
            numbers(saved, "flags", 3 * self.channels),
            whole(saved, "gaps"),
        )

    def take(self, fields):
        """Take up what ``check`` returned."""
        cdef Py_ssize_t i
        history, flags, gaps = fields
        self.clear()
        for i in range(self.keep * self.channels):
            self.buf[i] = history[i]
        for i in range(3 * self.channels):
            self.fresh[i] = flags[i] != 0
        self.gaps = gaps


cdef class Resampler(Filter):
    """What filters share that give another number of rows than they take.

    A resampler sets ``_window`` and overrides ``_outputs`` and ``_all``, which may write as many
    rows as ``_outputs`` says.
    """

    cdef Py_ssize_t _outputs(self, Py_ssize_t rows) noexcept nogil:
        """Return how many rows come out when ``rows`` more go in."""
        return 0

    @property
    def gaps(self):
        """How many gaps there were since the start or the last reset."""
        return self._window.gaps

    def gap(self, Py_ssize_t n_missing=0):
        """Tell that samples are missing here; every channel's next output is NaN."""
        cdef Py_ssize_t ch
        for ch in range(self.channels):
            self._window.begin_gap(ch, -1)

    def outputs(self, Py_ssize_t rows):
        """Return how many rows the next ``rows`` input rows will give: the least size of out."""
        return self._outputs(max(0, rows))

    def process(self, x, out=None):
        """Resample ``x``; return the rows that are ready, in the first rows of ``out`` if given."""
        cdef cnp.ndarray xs = samples(x, self.channels)
        cdef Py_ssize_t rows = cnp.PyArray_DIM(xs, 0)
        cdef Py_ssize_t made = self._outputs(rows)
        if out is not None and isinstance(out, np.ndarray) and out.ndim and len(out) > made:
            out = out[:made]
        cdef cnp.ndarray ys = output(out, xs, made, self.channels, self._typenum)
        if out is not None and rows and made and cnp.PyArray_DATA(ys) == cnp.PyArray_DATA(xs):
            xs = xs.copy()
        cdef const char *src = <const char *>cnp.PyArray_DATA(xs)
        # The lock is kept: another thread's call in between would change how much fits into out.
        self._all(cnp.PyArray_TYPE(xs), src, <char *>cnp.PyArray_DATA(ys), rows)
        return ys

    cdef object _more(self, Py_ssize_t rows, bint held):
        """Process ``rows`` rows after the end: of the last sample where ``held``, else of 0."""
        cdef Py_ssize_t ch
        last = np.zeros(self.channels)
        if held and self._window.keep:
            for ch in range(self.channels):
                last[ch] = self._window.at(-1)[ch]
        pad = np.repeat(last[None, :], rows, axis=0)
        return self.process(pad[:, 0] if self.channels == 1 else pad)
