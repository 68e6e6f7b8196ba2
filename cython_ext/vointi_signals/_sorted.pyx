"""A window of values kept in order: the median costs a bisection and a move.

A value that enters and the one that leaves are found by bisection, and what lies between them is
moved by one place, so a sample costs no more than a copy of the window.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memmove

from vointi_signals._state import listed
from vointi_signals.errors import StateError


cdef class Sorted:
    """The last ``size`` values of one channel, in order of arrival and in order of size."""

    def __cinit__(self, Py_ssize_t size):
        self.size = size
        self.ring = <double *>calloc(2 * size + 1, sizeof(double))
        if not self.ring:
            raise MemoryError
        self.order = self.ring + size

    def __dealloc__(self):
        free(self.ring)

    cdef void clear(self) noexcept nogil:
        self.count = 0
        self.head = 0

    cdef Py_ssize_t _rank(self, double v) noexcept nogil:
        """Return how many values are smaller than v."""
        cdef Py_ssize_t low = 0, high = self.count, middle
        while low < high:
            middle = (low + high) // 2
            if self.order[middle] < v:
                low = middle + 1
            else:
                high = middle
        return low

    cdef double push(self, double v) noexcept nogil:
        """Take v in, the oldest out where the window is full; return the median."""
        cdef Py_ssize_t come = self._rank(v), leave = self.count
        cdef double *o = self.order
        if self.count == self.size:
            leave = self._rank(self.ring[self.head])
        else:
            self.count += 1
        if come > leave:
            come -= 1
            memmove(o + leave, o + leave + 1, (come - leave) * sizeof(double))
        else:
            memmove(o + come + 1, o + come, (leave - come) * sizeof(double))
        o[come] = v
        self.ring[self.head] = v
        self.head += 1
        if self.head == self.size:
            self.head = 0
        if self.count % 2:
            return o[self.count // 2]
        return 0.5 * o[self.count // 2 - 1] + 0.5 * o[self.count // 2]

    def values(self):
        """Return the values in order of arrival."""
        cdef Py_ssize_t i
        start = (self.head - self.count) % self.size if self.count else 0
        return [self.ring[(start + i) % self.size] for i in range(self.count)]

    def take(self, values):
        """Take up what ``values`` returned."""
        self.clear()
        for value in values:
            self.push(value)


def saved_windows(saved, sizes):
    """Return the windows of a saved state, of at most these sizes, or raise StateError."""
    values = saved.get("values")
    if not isinstance(values, list) or len(values) != len(sizes):
        raise StateError("values", f"not {len(sizes)} windows")
    return [listed({"values": w}, "values", most) for w, most in zip(values, sizes)]
