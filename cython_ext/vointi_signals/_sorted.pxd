"""A window of values kept in order."""


cdef class Sorted:
    cdef double *ring
    cdef double *order
    cdef Py_ssize_t size
    cdef Py_ssize_t count
    cdef Py_ssize_t head

    cdef void clear(self) noexcept nogil
    cdef Py_ssize_t _rank(self, double v) noexcept nogil
    cdef double push(self, double v) noexcept nogil
