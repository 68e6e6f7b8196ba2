"""InfluxDB line protocol, compiled. Its pure twin is `vointi_gateway.store.influx.buffer.LineBuffer`.

A value that is a whole number below 2^53 is written without a point (InfluxDB reads any number
without a suffix as a float), every other one in the shortest form that reads back to the same bits.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, strlen


cdef extern from "Python.h":
    char *PyOS_double_to_string(double value, char code, int precision, int flags, int *kind) except NULL

# Longest number: 24 characters of a double, 20 of an int64; with blanks and the newline.
cdef enum:
    NUMBERS = 48
    # Five of them with names of at most five characters, and the time.
    SECOND_NUMBERS = 5 * 30 + 22
    DIGITS = 20

cdef double WHOLE = 9007199254740992.0
cdef int64_t SECOND_US = 1000000


cdef inline Py_ssize_t put_whole(char *at, int64_t number) noexcept nogil:
    cdef char digits[DIGITS]
    cdef Py_ssize_t used = 0, n = 0
    # Negating the least int64 would overflow; as an unsigned number it does not.
    cdef uint64_t rest = <uint64_t> number
    if number < 0:
        at[0] = b'-'
        n = 1
        rest = 0 - rest
    while True:
        digits[used] = <char> (48 + rest % 10)
        used += 1
        rest //= 10
        if rest == 0:
            break
    while used:
        used -= 1
        at[n] = digits[used]
        n += 1
    return n


cdef inline int64_t second_of(int64_t time_us) noexcept nogil:
    """The second that a time is in; division alone would round towards 1970."""
    return time_us // SECOND_US - (1 if time_us % SECOND_US < 0 else 0)


cdef class LineBuffer:
    """Lines as bytes; grows as it is filled and keeps its memory when it is emptied."""

    cdef char *data
    cdef Py_ssize_t used, room, lines

    def __dealloc__(self):
        PyMem_Free(self.data)

    def __len__(self):
        """Lines since the last `take`."""
        return self.lines

    @property
    def size(self):
        """Bytes since the last `take`."""
        return self.used

    def add(self, bytes head not None, bytes first not None, const double[:] values,
            const int64_t[:] times_ns):
        """One line a value: `head` (series, blank, ``field=``), the value, a blank, the time.

        The first line has `first`, its further fields, after its value.

        Raises ValueError, with nothing added, for lengths that differ and values that are not finite.
        """
        cdef Py_ssize_t n = values.shape[0], i
        cdef Py_ssize_t head_size = PyBytes_GET_SIZE(head), first_size = PyBytes_GET_SIZE(first)
        if n != times_ns.shape[0]:
            raise ValueError("values and times_ns: lengths differ")
        for i in range(n):
            if not isfinite(values[i]):
                raise ValueError("values: InfluxDB takes finite numbers only")
        self.reserve(n * (head_size + NUMBERS) + first_size)
        for i in range(n):
            self.put(PyBytes_AS_STRING(head), head_size)
            self.put_value(values[i])
            if i == 0:
                self.put(PyBytes_AS_STRING(first), first_size)
            self.put_time(times_ns[i])
        self.lines += n

    def add_seconds(self, bytes head not None, bytes first not None, const double[:] values,
                    const int64_t[:] times_us, int64_t below_ns):
        """One line a UTC second that the run touches, at the time of its first sample there.

        `head` (series, blank), mean, n, sum, min, max, a blank, the time and `below_ns` in ns. The
        first line has `first`, its further fields, after these. `times_us` do not fall.

        Raises ValueError, with nothing added, for lengths that differ and sums that are not finite.
        """
        cdef Py_ssize_t n = values.shape[0], i, begin = 0, lines = 0, used = self.used
        cdef Py_ssize_t head_size = PyBytes_GET_SIZE(head), first_size = PyBytes_GET_SIZE(first)
        cdef double total, low, high
        cdef int64_t second
        if n != times_us.shape[0]:
            raise ValueError("values and times_us: lengths differ")
        while begin < n:
            second = second_of(times_us[begin])
            total = low = high = values[begin]
            i = begin + 1
            while i < n and second_of(times_us[i]) == second:
                total += values[i]
                low = min(low, values[i])
                high = max(high, values[i])
                i += 1
            if not isfinite(total):
                self.used = used
                raise ValueError("values: InfluxDB takes finite numbers only")
            self.reserve(head_size + first_size + SECOND_NUMBERS)
            self.put(PyBytes_AS_STRING(head), head_size)
            self.put_field(b"mean=", 5, total / (i - begin))
            self.put_field(b",n=", 3, <double> (i - begin))
            self.put_field(b",sum=", 5, total)
            self.put_field(b",min=", 5, low)
            self.put_field(b",max=", 5, high)
            if begin == 0:
                self.put(PyBytes_AS_STRING(first), first_size)
            self.put_time(times_us[begin] * 1000 + below_ns)
            lines += 1
            begin = i
        self.lines += lines

    def take(self):
        """All lines; the buffer is empty afterwards."""
        taken = PyBytes_FromStringAndSize(self.data, self.used)
        self.used = self.lines = 0
        return taken

    cdef int reserve(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t room
        cdef void *data
        if self.used + more > self.room:
            room = max(2 * self.room, self.used + more)
            data = PyMem_Realloc(self.data, room)
            if data == NULL:
                raise MemoryError
            self.data = <char *> data
            self.room = room
        return 0

    cdef inline void put(self, const char *text, Py_ssize_t size) noexcept:
        memcpy(self.data + self.used, text, size)
        self.used += size

    cdef inline void put_time(self, int64_t time_ns) noexcept:
        self.data[self.used] = b' '
        self.used += 1 + put_whole(self.data + self.used + 1, time_ns)
        self.data[self.used] = b'\n'
        self.used += 1

    cdef inline int put_field(self, const char *name, Py_ssize_t size, double value) except -1:
        self.put(name, size)
        return self.put_value(value)

    cdef inline int put_value(self, double value) except -1:
        cdef char *text
        if -WHOLE < value < WHOLE and value == <double> <int64_t> value:
            self.used += put_whole(self.data + self.used, <int64_t> value)
            return 0
        # 2: with ".0" where repr() has it, so that both twins write the same
        text = PyOS_double_to_string(value, b'r', 0, 2, NULL)
        self.put(text, strlen(text))
        PyMem_Free(text)
        return 0
