"""Windows of values kept in order: the median costs a bisection and a move.

A value that enters and the one that leaves are found by bisection, and what lies between them is
moved by one place, so a sample costs no more than a copy of the window.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memmove

from vointi_signals._state import listed
from vointi_signals.errors import StateError


cdef Py_ssize_t rank(const Ring *w, double v) noexcept nogil:
    """Return how many values are smaller than v."""
    cdef Py_ssize_t low = 0, high = w.count, middle
    while low < high:
        middle = (low + high) // 2
        if w.order[middle] < v:
            low = middle + 1
        else:
            high = middle
    return low


cdef class Sorted:
    """The last ``size`` values of each channel, in order of arrival and in order of size."""

    def __cinit__(self, Py_ssize_t size, Py_ssize_t channels=1):
        cdef Py_ssize_t i
        self.size = size
        self.channels = channels
        self._memory = <double *>calloc(2 * size * channels + 1, sizeof(double))
        self._rings = <Ring *>calloc(channels, sizeof(Ring))
        if not (self._memory and self._rings):
            raise MemoryError
        for i in range(channels):
            self._rings[i].ring = self._memory + 2 * size * i
            self._rings[i].order = self._rings[i].ring + size

    def __dealloc__(self):
        free(self._memory)
        free(self._rings)

    cdef void clear(self, Py_ssize_t channel) noexcept nogil:
        self._rings[channel].count = 0
        self._rings[channel].head = 0

    cdef double push(self, double v, Py_ssize_t channel) noexcept nogil:
        """Take v in, the oldest out where the window is full; return the median."""
        cdef Ring *w = &self._rings[channel]
        cdef Py_ssize_t come = rank(w, v), leave = w.count
        cdef double *o = w.order
        if w.count == self.size:
            leave = rank(w, w.ring[w.head])
        else:
            w.count += 1
        if come > leave:
            come -= 1
            memmove(o + leave, o + leave + 1, (come - leave) * sizeof(double))
        else:
            memmove(o + come + 1, o + come, (leave - come) * sizeof(double))
        o[come] = v
        w.ring[w.head] = v
        w.head += 1
        if w.head == self.size:
            w.head = 0
        if w.count % 2:
            return o[w.count // 2]
        return 0.5 * o[w.count // 2 - 1] + 0.5 * o[w.count // 2]

    def values(self, Py_ssize_t channel):
        """Return a channel's values in order of arrival."""
        cdef Ring *w = &self._rings[channel]
        cdef Py_ssize_t i
        start = (w.head - w.count) % self.size if w.count else 0
        return [w.ring[(start + i) % self.size] for i in range(w.count)]

    def take(self, values, Py_ssize_t channel):
        """Take up what ``values`` returned."""
        self.clear(channel)
        for value in values:
            self.push(value, channel)


def saved_windows(saved, sizes):
    """Return the windows of a saved state, of at most these sizes, or raise StateError."""
    values = saved.get("values")
    if not isinstance(values, list) or len(values) != len(sizes):
        raise StateError("values", f"not {len(sizes)} windows")
    return [listed({"values": w}, "values", most) for w, most in zip(values, sizes)]
