"""Events of detectors: one C record, one growing list of them, one structured array out."""

cdef packed struct Event:
    long long index
    double time_s
    float amplitude
    float quality
    unsigned char late
    unsigned char after_gap

cdef class Sink:
    cdef Event *first
    cdef Py_ssize_t n
    cdef Py_ssize_t room
    cdef bint failed
    cdef void add(self, Event e) noexcept nogil
    cdef object take(self)

cdef class Detector:
    cdef readonly double fs
    cdef void *_memory
    cdef Py_ssize_t _size
    cdef bytes _tag
    cdef unsigned int _of

    cdef void _keep(self, void *memory, Py_ssize_t size, bytes tag, unsigned int of)
    cdef bint _sound(self, const char *saved) noexcept
