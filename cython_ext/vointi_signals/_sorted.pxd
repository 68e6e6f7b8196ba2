"""Windows of values kept in order."""

cdef struct Ring:
    double *ring
    double *order
    Py_ssize_t count
    Py_ssize_t head


cdef class Sorted:
    cdef double *_memory
    cdef Ring *_rings
    cdef Py_ssize_t size
    cdef Py_ssize_t channels

    cdef void clear(self, Py_ssize_t channel) noexcept nogil
    cdef double push(self, double v, Py_ssize_t channel) noexcept nogil
