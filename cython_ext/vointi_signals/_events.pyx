"""Events of detectors: one C record, one growing list of them, one structured array out."""

cimport numpy as cnp
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

import numpy as np

cnp.import_array()

EVENT_DTYPE = np.dtype(
    [
        ("index", "<i8"),
        ("time_s", "<f8"),
        ("amplitude", "<f4"),
        ("quality", "<f4"),
        ("late", "?"),
        ("after_gap", "?"),
    ]
)
cdef object _NONE = np.empty(0, EVENT_DTYPE)
_NONE.flags.writeable = False


cdef class Sink:
    """Collects the events of one call; ``take`` hands them over and empties it."""

    def __dealloc__(self):
        free(self.first)

    cdef void add(self, Event e) noexcept nogil:
        cdef Event *more
        if self.n == self.room:
            more = <Event *>realloc(self.first, (2 * self.room + 32) * sizeof(Event))
            if more == NULL:
                self.failed = True
                return
            self.first = more
            self.room = 2 * self.room + 32
        self.first[self.n] = e
        self.n += 1

    cdef object take(self):
        cdef Py_ssize_t n = self.n
        self.n = 0
        if self.failed:
            self.failed = False
            raise MemoryError
        if n == 0:
            return _NONE
        out = np.empty(n, EVENT_DTYPE)
        memcpy(cnp.PyArray_DATA(<cnp.ndarray>out), self.first, n * sizeof(Event))
        return out
