"""Events of detectors: one C record, one growing list of them, one structured array out."""

cimport numpy as cnp
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

import numpy as np

from vointi_signals import _blob
from vointi_signals.errors import StateError

cnp.import_array()

# Of every saved state whose memory is laid out as below.
VERSION = 1

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


cdef class Detector:
    """What detectors share whose memory is one C struct without pointers.

    A detector calls ``_keep`` once, and overrides ``_sound`` where its struct holds places and
    sizes: a state with a right checksum can still come from somebody else.
    """

    cdef void _keep(self, void *memory, Py_ssize_t size, bytes tag, unsigned int of):
        """Say what to save: the struct, and the fingerprint of the parameters."""
        self._memory = memory
        self._size = size
        self._tag = tag
        self._of = of

    cdef bint _sound(self, const char *saved) noexcept:
        """Tell whether every place and size in a saved struct is within bounds."""
        return True

    @property
    def state_size(self):
        """Bytes of state."""
        return self._size

    def get_state(self):
        """Return all that is remembered, as bytes."""
        return _blob.pack(self._tag, VERSION, self._of, (<char *>self._memory)[:self._size])

    def set_state(self, saved):
        """Go on from bytes of ``get_state`` of a detector with the same parameters."""
        cdef bytes body = _blob.unpack(saved, self._tag, VERSION, self._of, self._size)
        if not self._sound(<const char *>body):
            raise StateError("state", "out of range", "reset instead")
        memcpy(self._memory, <const char *>body, self._size)
