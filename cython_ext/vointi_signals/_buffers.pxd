"""What every streaming routine does at its rim: accept samples once, then work on pointers."""

cimport numpy as cnp

# Elements worked on at a time: small enough for the first-level cache, large enough that
# the bookkeeping between two blocks costs nothing.
cdef enum:
    BLOCK = 512

cdef cnp.ndarray samples(object x, Py_ssize_t channels)
cdef cnp.ndarray empty(Py_ssize_t rows, Py_ssize_t channels, int typenum)
cdef cnp.ndarray output(object out, cnp.ndarray x, Py_ssize_t rows, Py_ssize_t channels, int typenum)
cdef Py_ssize_t item_size(int typenum) noexcept nogil
cdef void load(int typenum, const char *src, Py_ssize_t n, double *dst) noexcept nogil
cdef void store(int typenum, const double *src, Py_ssize_t n, char *dst) noexcept nogil
cdef bint all_finite(const double *x, Py_ssize_t n) noexcept nogil
cdef int output_type(object dtype) except -1
