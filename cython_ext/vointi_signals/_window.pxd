"""The last rows of a signal in one piece of memory, gaps taken care of."""

from vointi_signals._buffers cimport Filter


cdef class Window:
    cdef double *buf
    cdef unsigned char *fresh
    cdef unsigned char *in_gap
    cdef unsigned char *pending
    cdef Py_ssize_t keep
    cdef Py_ssize_t channels
    cdef Py_ssize_t rows
    cdef Py_ssize_t gaps
    cdef bint settle
    cdef bint clean

    cdef void clear(self) noexcept nogil
    cdef void load(self, int kind, const char *src, Py_ssize_t rows) noexcept nogil
    cdef void admit(self, Py_ssize_t row) noexcept nogil
    cdef void begin_gap(self, Py_ssize_t ch, Py_ssize_t row) noexcept nogil
    cdef void advance(self, Py_ssize_t rows) noexcept nogil
    cdef double *at(self, Py_ssize_t row) noexcept nogil


cdef class Resampler(Filter):
    cdef Window _window

    cdef Py_ssize_t _outputs(self, Py_ssize_t rows) noexcept nogil
    cdef object _more(self, Py_ssize_t rows, bint held)
