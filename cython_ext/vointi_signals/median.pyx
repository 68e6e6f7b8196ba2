"""Moving median, and the removal of a wandering baseline with two of them.

The window is kept in order: a sample that enters and the one that leaves are found by bisection
and what lies between them is moved by one place, so a sample costs no more than a copy of the
window. The result is exact, hence independent of the chunks.

Gaps: a sample that is not finite gives NaN, empties the windows of its channel and is counted in
``gaps`` (a run counts once).
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memmove, memset

cimport numpy as cnp

from vointi_signals._buffers cimport BLOCK, empty, item_size, load, output, output_type
from vointi_signals._buffers cimport samples, store

import numpy as np

from vointi_signals._checks import checked_channels, checked_rate, checked_window
from vointi_signals._state import fingerprint, listed, numbers, restore, save, whole
from vointi_signals.errors import ParameterError, StateError

cnp.import_array()

cdef extern from "math.h" nogil:
    bint isfinite(double)
    const double NAN


cdef class _Sorted:
    """The last ``size`` values of one channel, in order of arrival and in order of size."""

    cdef double *ring
    cdef double *order
    cdef Py_ssize_t size
    cdef Py_ssize_t count
    cdef Py_ssize_t head

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


cdef class MovingMedian:
    """Median of the last ``window`` samples; of those there are while the first come in.

    One channel takes (n,), several take (n, channels). ``dtype`` is the output's.
    """

    cdef list _windows
    cdef unsigned char *_in_gap
    cdef int _typenum
    cdef readonly Py_ssize_t window
    cdef readonly Py_ssize_t channels
    cdef readonly Py_ssize_t gaps

    def __cinit__(self, window, channels=1, dtype=np.float64):
        self.window = checked_window(window)
        self.channels = checked_channels(channels)
        self._typenum = output_type(dtype)
        self._windows = [_Sorted(self.window) for _ in range(self.channels)]
        self._in_gap = <unsigned char *>calloc(self.channels, 1)
        if not self._in_gap:
            raise MemoryError

    def __dealloc__(self):
        free(self._in_gap)

    def reset(self):
        """Forget every sample seen, as after construction."""
        cdef _Sorted w
        for w in self._windows:
            w.clear()
        memset(self._in_gap, 0, self.channels)
        self.gaps = 0

    def gap(self, Py_ssize_t n_missing=0):
        """Tell the filter that samples are missing here; every channel starts anew."""
        cdef Py_ssize_t ch
        for ch in range(self.channels):
            self._one(<_Sorted>self._windows[ch], NAN, ch)

    cdef double _one(self, _Sorted w, double v, Py_ssize_t ch) noexcept nogil:
        if isfinite(v):
            self._in_gap[ch] = 0
            return w.push(v)
        self.gaps += not self._in_gap[ch]
        self._in_gap[ch] = 1
        w.clear()
        return NAN

    cdef void _channel(self, _Sorted w, Py_ssize_t ch, double *x, Py_ssize_t rows) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(rows):
            x[i * self.channels + ch] = self._one(w, x[i * self.channels + ch], ch)

    def process(self, x, out=None):
        """Filter ``x`` and return the result, which is ``out`` (or ``x`` itself) if given."""
        cdef cnp.ndarray xs = samples(x, self.channels)
        cdef Py_ssize_t rows = cnp.PyArray_DIM(xs, 0)
        cdef cnp.ndarray ys = output(out, xs, rows, self.channels, self._typenum)
        cdef int kind = cnp.PyArray_TYPE(xs)
        cdef const char *src = <const char *>cnp.PyArray_DATA(xs)
        cdef char *dst = <char *>cnp.PyArray_DATA(ys)
        cdef double block[BLOCK]
        cdef Py_ssize_t n, ch
        while rows > 0:
            n = min(BLOCK // self.channels, rows)
            load(kind, src, n * self.channels, block)
            for ch in range(self.channels):
                self._channel(<_Sorted>self._windows[ch], ch, block, n)
            store(self._typenum, block, n * self.channels, dst)
            src += n * self.channels * item_size(kind)
            dst += n * self.channels * item_size(self._typenum)
            rows -= n
        return ys

    def push(self, x):
        """Filter ``x``: the name that stages of a pipeline share."""
        return self.process(x)

    def flush(self):
        """Return what is held back: nothing, every sample has had its answer."""
        return empty(0, self.channels, self._typenum)

    def latency_s(self, fs):
        """Return half the window in seconds: by so much the median lags behind."""
        return (self.window - 1) / 2 / checked_rate(fs)

    def get_state(self):
        """Return the state as bytes (JSON inside), for ``set_state`` of an equal filter."""
        return save("median", self._fingerprint(), gaps=self.gaps,
                    values=[w.values() for w in self._windows],
                    in_gap=[int(self._in_gap[i]) for i in range(self.channels)])

    def set_state(self, raw):
        """Take up a state of ``get_state``; StateError where it is not this filter's."""
        saved = restore(raw, "median", self._fingerprint())
        in_gap, gaps = numbers(saved, "in_gap", self.channels), whole(saved, "gaps")
        windows = saved_windows(saved, [self.window] * self.channels)
        for i, values in enumerate(windows):
            self._windows[i].take(values)
            self._in_gap[i] = in_gap[i] != 0
        self.gaps = gaps

    def _fingerprint(self):
        return fingerprint(self.window, self.channels)


def saved_windows(saved, sizes):
    """Return the windows of a saved state, of at most these sizes, or raise StateError."""
    values = saved.get("values")
    if not isinstance(values, list) or len(values) != len(sizes):
        raise StateError("values", f"not {len(sizes)} windows")
    return [listed({"values": w}, "values", most) for w, most in zip(values, sizes)]


cdef class Baseline:
    """Takes a wandering baseline away: the signal minus two moving medians, one after the other.

    The first window (0.2 s) passes over P wave and QRS complex, the second (0.6 s) over the T
    wave (de Chazal et al., IEEE Trans Biomed Eng 51:1196, 2004, for the ECG). The output is the
    input ``latency_s`` ago, less the baseline at that time; before the first sample, and before
    the first after a gap, the signal counts as constant. One channel.
    """

    cdef _Sorted _first
    cdef _Sorted _second
    cdef double *_late
    cdef Py_ssize_t _delay
    cdef Py_ssize_t _head
    cdef bint _fresh
    cdef bint _in_gap
    cdef int _typenum
    cdef readonly double fs
    cdef readonly tuple windows
    cdef readonly Py_ssize_t gaps

    def __cinit__(self, fs, windows_s=(0.2, 0.6), dtype=np.float64):
        self.fs = checked_rate(fs)
        self.windows = checked_windows(windows_s, self.fs)
        self._typenum = output_type(dtype)
        self._first = _Sorted(self.windows[0])
        self._second = _Sorted(self.windows[1])
        self._delay = (self.windows[0] + self.windows[1] - 2) // 2
        self._late = <double *>calloc(self._delay + 1, sizeof(double))
        if not self._late:
            raise MemoryError
        self.reset()

    def __dealloc__(self):
        free(self._late)

    @property
    def latency_s(self):
        """Seconds by which the output lags behind the input: half of both windows."""
        return self._delay / self.fs

    def reset(self):
        """Forget every sample seen, as after construction."""
        self._clear()
        self._in_gap = False
        self.gaps = 0

    cdef void _clear(self) noexcept nogil:
        self._first.clear()
        self._second.clear()
        self._head = 0
        self._fresh = True

    def gap(self, Py_ssize_t n_missing=0):
        """Tell that samples are missing here; the windows start anew."""
        self._one(NAN)

    cdef double _one(self, double v) noexcept nogil:
        cdef Py_ssize_t i
        cdef double past, level
        if not isfinite(v):
            self.gaps += not self._in_gap
            self._in_gap = True
            self._clear()
            return NAN
        self._in_gap = False
        if self._fresh:
            self._fresh = False
            for i in range(self._delay):
                self._late[i] = v
                self._second.push(self._first.push(v))
        level = self._second.push(self._first.push(v))
        past = v
        if self._delay:
            past = self._late[self._head]
            self._late[self._head] = v
            self._head += 1
            if self._head == self._delay:
                self._head = 0
        return past - level

    cdef void _all(self, double *x, Py_ssize_t n) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(n):
            x[i] = self._one(x[i])

    def process(self, x, out=None):
        """Filter ``x`` (n,) and return the result, which is ``out`` (or ``x``) if given."""
        cdef cnp.ndarray xs = samples(x, 1)
        cdef Py_ssize_t left = cnp.PyArray_DIM(xs, 0)
        cdef cnp.ndarray ys = output(out, xs, left, 1, self._typenum)
        cdef int kind = cnp.PyArray_TYPE(xs)
        cdef const char *src = <const char *>cnp.PyArray_DATA(xs)
        cdef char *dst = <char *>cnp.PyArray_DATA(ys)
        cdef double block[BLOCK]
        cdef Py_ssize_t n
        while left > 0:
            n = min(<Py_ssize_t>BLOCK, left)
            load(kind, src, n, block)
            self._all(block, n)
            store(self._typenum, block, n, dst)
            src += n * item_size(kind)
            dst += n * item_size(self._typenum)
            left -= n
        return ys

    def push(self, x):
        """Filter ``x``: the name that stages of a pipeline share."""
        return self.process(x)

    def flush(self):
        """Return the samples still held back, the last one taken to go on; then reset."""
        cdef Py_ssize_t last = (self._head - 1) % self._delay if self._delay else 0
        if self._fresh or not self._delay:
            self.reset()
            return empty(0, 1, self._typenum)
        if last < 0:
            last += self._delay
        tail = self.process(np.full(self._delay, self._late[last]))
        self.reset()
        return tail

    def get_state(self):
        """Return the state as bytes (JSON inside), for ``set_state`` of an equal filter."""
        return save("baseline", self._fingerprint(), gaps=self.gaps, in_gap=int(self._in_gap),
                    fresh=int(self._fresh), head=self._head,
                    late=[self._late[i] for i in range(self._delay)],
                    values=[self._first.values(), self._second.values()])

    def set_state(self, raw):
        """Take up a state of ``get_state``; StateError where it is not this filter's."""
        cdef Py_ssize_t i
        saved = restore(raw, "baseline", self._fingerprint())
        late = numbers(saved, "late", self._delay)
        windows = saved_windows(saved, self.windows)
        head = whole(saved, "head", max(0, self._delay - 1))
        flags = whole(saved, "in_gap", 1), whole(saved, "fresh", 1), whole(saved, "gaps")
        self._first.take(windows[0])
        self._second.take(windows[1])
        for i in range(self._delay):
            self._late[i] = late[i]
        self._head = head
        self._in_gap, self._fresh, self.gaps = flags

    def _fingerprint(self):
        return fingerprint(self.fs, self.windows)


def checked_windows(windows_s, fs):
    """Return two odd window lengths in samples, or raise ParameterError."""
    try:
        seconds = [float(s) for s in windows_s]
    except (TypeError, ValueError):
        raise ParameterError("windows_s", f"{windows_s!r}", "pass two times in seconds") from None
    if len(seconds) != 2 or not all(0 < s <= 60 for s in seconds):
        raise ParameterError("windows_s", f"{windows_s!r}", "pass two times from 0 to 60 s")
    return tuple(checked_window(2 * round(s * fs / 2) + 1, "windows_s") for s in seconds)
