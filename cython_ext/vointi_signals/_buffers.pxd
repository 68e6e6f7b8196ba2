"""What every streaming routine does at its rim: accept samples once, then work on pointers."""

cimport numpy as cnp

# Elements worked on at a time: small enough for the first-level cache, large enough that
# the bookkeeping between two blocks costs nothing.
cdef enum:
    BLOCK = 512

# The rows of an array that are still to be worked on.
cdef struct Rows:
    const char *at
    Py_ssize_t left
    Py_ssize_t width
    int kind

cdef Rows rows_of(cnp.ndarray a)
cdef Py_ssize_t fill(Rows *rows, double *block) noexcept nogil

cdef cnp.ndarray samples(object x, Py_ssize_t channels)
cdef cnp.ndarray empty(Py_ssize_t rows, Py_ssize_t channels, int typenum)
cdef cnp.ndarray output(object out, cnp.ndarray x, Py_ssize_t rows, Py_ssize_t channels, int typenum)
cdef Py_ssize_t item_size(int typenum) noexcept nogil
cdef void load(int typenum, const char *src, Py_ssize_t n, double *dst) noexcept nogil
cdef void store(int typenum, const double *src, Py_ssize_t n, char *dst) noexcept nogil
cdef bint all_finite(const double *x, Py_ssize_t n) noexcept nogil
cdef int output_type(object dtype) except -1


cdef class Filter:
    cdef readonly Py_ssize_t channels
    cdef int _typenum
    # Elements above which a call gives up the interpreter lock.
    cdef Py_ssize_t _unlock

    cdef void _work(self, double *x, Py_ssize_t rows) noexcept nogil
    cdef void _all(self, int kind, const char *x, char *y, Py_ssize_t rows) noexcept nogil
