"""The filter's shape, for routines of this package that have one inside."""

from vointi_signals._buffers cimport Filter


cdef class SosFilter(Filter):
    cdef double *_c
    cdef double *_z
    cdef double *_rest
    cdef double *_saved
    cdef unsigned char *_fresh
    cdef unsigned char *_in_gap
    cdef readonly Py_ssize_t sections
    cdef readonly Py_ssize_t gaps
    cdef readonly bint settle
    cdef readonly object sos
    # The state of several channels is kept in groups of four lanes, of one channel in one.
    cdef Py_ssize_t _lanes
    cdef Py_ssize_t _size
    cdef bint _any_fresh
    cdef bint _wide

    cdef int _take_coefficients(self) except -1
    cdef double *_delays(self, Py_ssize_t ch) noexcept nogil
    cdef void _begin_gap(self, Py_ssize_t ch) noexcept nogil
    cdef double _one(self, double x, Py_ssize_t ch) noexcept nogil
    cdef bint _sound(self) noexcept nogil
    cdef void _block(self, const double *x, double *y, Py_ssize_t rows) noexcept nogil
    cdef void _straight(self, const double *x, double *y, Py_ssize_t rows) noexcept nogil
