"""Cascades of second-order sections, sample by sample.

Direct form II transposed in the order of operations of ``scipy.signal.sosfilt``, so that the
results are equal to the last bit, however the input is cut into chunks.

Gaps. A sample that is not finite is a gap of its channel: its output is NaN, the channel's
state starts anew, and ``gaps`` counts it (a run counts once). A result that is not finite
although its input is (an overflow) is treated alike. Nothing after the gap is touched by it.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

cimport numpy as cnp

from vointi_signals._buffers cimport BLOCK, empty, load, output, output_type, samples, store

import numpy as np

from vointi_signals._state import checked, fingerprint, header, numbers
from vointi_signals.design import checked_sos, group_delay, sos_rest
from vointi_signals.errors import InputError, ParameterError

cnp.import_array()

cdef extern from "math.h" nogil:
    bint isfinite(double)
    const double NAN

# Above this many elements a call gives up the interpreter lock; below, taking it again would
# cost more than the work.
cdef enum:
    UNLOCK = 8192


cdef inline double biquad(double x, const double *c, double *s) noexcept nogil:
    cdef double y = c[0] * x + s[0]
    s[0] = c[1] * x - c[3] * y + s[1]
    s[1] = c[2] * x - c[4] * y
    return y


cdef void run1(const double *c, double *z, const double *x, double *y, Py_ssize_t n) noexcept nogil:
    cdef double k[5]
    cdef double s[2]
    cdef Py_ssize_t i
    memcpy(k, c, sizeof(k))
    memcpy(s, z, sizeof(s))
    for i in range(n):
        y[i] = biquad(x[i], k, s)
    memcpy(z, s, sizeof(s))


cdef void run2(const double *c, double *z, const double *x, double *y, Py_ssize_t n) noexcept nogil:
    cdef double k[10]
    cdef double s[4]
    cdef Py_ssize_t i
    memcpy(k, c, sizeof(k))
    memcpy(s, z, sizeof(s))
    for i in range(n):
        y[i] = biquad(biquad(x[i], k, s), k + 5, s + 2)
    memcpy(z, s, sizeof(s))


cdef void run3(const double *c, double *z, const double *x, double *y, Py_ssize_t n) noexcept nogil:
    cdef double k[15]
    cdef double s[6]
    cdef Py_ssize_t i
    memcpy(k, c, sizeof(k))
    memcpy(s, z, sizeof(s))
    for i in range(n):
        y[i] = biquad(biquad(biquad(x[i], k, s), k + 5, s + 2), k + 10, s + 4)
    memcpy(z, s, sizeof(s))


cdef void run4(const double *c, double *z, const double *x, double *y, Py_ssize_t n) noexcept nogil:
    cdef double k[20]
    cdef double s[8]
    cdef double v
    cdef Py_ssize_t i
    memcpy(k, c, sizeof(k))
    memcpy(s, z, sizeof(s))
    for i in range(n):
        v = biquad(biquad(x[i], k, s), k + 5, s + 2)
        y[i] = biquad(biquad(v, k + 10, s + 4), k + 15, s + 6)
    memcpy(z, s, sizeof(s))


cdef void cascade(
    const double *c, double *z, Py_ssize_t sections, const double *x, double *y, Py_ssize_t n
) noexcept nogil:
    """Filter one channel: as many sections at a time as the registers hold."""
    cdef Py_ssize_t k = sections
    while k > 0:
        if k >= 4:
            run4(c, z, x, y, n)
            c, z, k = c + 20, z + 8, k - 4
        elif k == 3:
            run3(c, z, x, y, n)
            return
        elif k == 2:
            run2(c, z, x, y, n)
            return
        else:
            run1(c, z, x, y, n)
            return
        x = y


cdef class SosFilter:
    """A cascade of second-order sections with its state.

    ``sos`` is SciPy's array of shape (sections, 6). One channel takes ``x`` of shape (n,),
    several take (n, channels), all through the same coefficients. ``dtype`` is the type of the
    output (float64 or float32); the arithmetic is float64 always. With ``settle`` the state
    that belongs to a constant signal at the first sample is taken at the start and after every
    gap, so that an offset does not ring; without it the start is at rest, as in SciPy.

    Raises ParameterError for coefficients that cannot be used, InputError for samples.
    """

    cdef double *_c
    cdef double *_z
    cdef double *_rest
    cdef double *_saved
    cdef unsigned char *_fresh
    cdef unsigned char *_in_gap
    cdef readonly Py_ssize_t sections
    cdef readonly Py_ssize_t channels
    cdef readonly Py_ssize_t gaps
    cdef readonly bint settle
    cdef readonly object sos
    cdef int _typenum
    cdef bint _any_fresh

    def __cinit__(self, sos, channels=1, dtype=np.float64, *, settle=False):
        cdef Py_ssize_t i, j
        self.sos = checked_sos(sos)
        self.sections = len(self.sos)
        if not isinstance(channels, int) or not 1 <= channels <= 64:
            raise ParameterError("channels", f"{channels!r}", "use a whole number from 1 to 64")
        self.channels = channels
        self.settle = bool(settle)
        self._typenum = output_type(dtype)
        self._c = <double *>calloc(5 * self.sections, sizeof(double))
        self._z = <double *>calloc(2 * self.sections * self.channels, sizeof(double))
        self._saved = <double *>calloc(2 * self.sections * self.channels, sizeof(double))
        self._rest = <double *>calloc(2 * self.sections, sizeof(double))
        self._fresh = <unsigned char *>calloc(2 * self.channels, 1)
        if not (self._c and self._z and self._saved and self._rest and self._fresh):
            raise MemoryError
        self._in_gap = self._fresh + self.channels
        rest = sos_rest(self.sos) if settle else np.zeros((self.sections, 2))
        for i in range(self.sections):
            for j in range(3):
                self._c[5 * i + j] = self.sos[i, j]
            self._c[5 * i + 3] = self.sos[i, 4]
            self._c[5 * i + 4] = self.sos[i, 5]
            self._rest[2 * i] = rest[i, 0]
            self._rest[2 * i + 1] = rest[i, 1]
        self.reset()

    def __dealloc__(self):
        free(self._c)
        free(self._z)
        free(self._saved)
        free(self._rest)
        free(self._fresh)

    def reset(self):
        """Forget every sample seen, as after construction."""
        memset(self._z, 0, 2 * self.sections * self.channels * sizeof(double))
        memset(self._fresh, self.settle, self.channels)
        memset(self._in_gap, 0, self.channels)
        self._any_fresh = self.settle
        self.gaps = 0

    def gap(self):
        """Tell the filter that samples are missing here; every channel starts anew."""
        cdef Py_ssize_t ch
        cdef bint counted = True
        for ch in range(self.channels):
            counted = counted and self._in_gap[ch]
            self._restart(ch)
        if not counted:
            self.gaps += 1

    cdef void _restart(self, Py_ssize_t ch) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(2 * self.sections):
            self._z[ch * 2 * self.sections + i] = 0.0
        self._fresh[ch] = self.settle
        self._any_fresh = self.settle
        self._in_gap[ch] = 1

    cdef inline double _one(self, double x, Py_ssize_t ch) noexcept nogil:
        """Filter one sample of one channel, gaps and first samples included."""
        cdef double *z = self._z + ch * 2 * self.sections
        cdef double v = x
        cdef Py_ssize_t i
        if isfinite(x):
            if self._fresh[ch]:
                for i in range(2 * self.sections):
                    z[i] = self._rest[i] * x
                self._fresh[ch] = 0
            for i in range(self.sections):
                v = biquad(v, self._c + 5 * i, z + 2 * i)
            if isfinite(v):
                self._in_gap[ch] = 0
                return v
        self.gaps += not self._in_gap[ch]
        self._restart(ch)
        return NAN

    cdef bint _sound(self) noexcept nogil:
        cdef Py_ssize_t i
        cdef double total = 0.0
        for i in range(2 * self.sections * self.channels):
            total += self._z[i] * 0.0
        return total == 0.0

    cdef void _block(self, const double *x, double *y, Py_ssize_t rows) noexcept nogil:
        """Filter rows that lie at x into y (other memory): straight, or with care once more."""
        cdef Py_ssize_t size = 2 * self.sections * self.channels
        cdef Py_ssize_t i, ch
        if not self._any_fresh:
            memcpy(self._saved, self._z, size * sizeof(double))
            self._straight(x, y, rows)
            if self._sound():
                memset(self._in_gap, 0, self.channels)
                return
            memcpy(self._z, self._saved, size * sizeof(double))
        for i in range(rows):
            for ch in range(self.channels):
                y[i * self.channels + ch] = self._one(x[i * self.channels + ch], ch)
        self._any_fresh = False
        for ch in range(self.channels):
            self._any_fresh = self._any_fresh or self._fresh[ch]

    cdef void _straight(self, const double *x, double *y, Py_ssize_t rows) noexcept nogil:
        cdef Py_ssize_t i, ch, k
        cdef double v
        if self.channels == 1:
            cascade(self._c, self._z, self.sections, x, y, rows)
            return
        for i in range(rows):
            for ch in range(self.channels):
                v = x[i * self.channels + ch]
                for k in range(self.sections):
                    v = biquad(v, self._c + 5 * k, self._z + 2 * (ch * self.sections + k))
                y[i * self.channels + ch] = v

    cdef void _all(self, int kind, const char *x, char *y, Py_ssize_t rows) noexcept nogil:
        """Filter everything, a block at a time, converting where x or y are not float64."""
        cdef double near[BLOCK]
        cdef double far[BLOCK]
        cdef const double *src
        cdef double *dst
        cdef Py_ssize_t size_in = 8 if kind == cnp.NPY_DOUBLE else 2 if kind == cnp.NPY_INT16 else 4
        cdef Py_ssize_t size_out = 8 if self._typenum == cnp.NPY_DOUBLE else 4
        cdef bint copy_in = kind != cnp.NPY_DOUBLE or x == y
        cdef bint copy_out = self._typenum != cnp.NPY_DOUBLE
        cdef Py_ssize_t step = BLOCK // self.channels
        cdef Py_ssize_t n, done = 0
        while done < rows:
            n = min(step, rows - done)
            src = <const double *>x
            dst = <double *>y
            if copy_in:
                load(kind, x, n * self.channels, near)
                src = near
            if copy_out:
                dst = far
            self._block(src, dst, n)
            if copy_out:
                store(self._typenum, far, n * self.channels, y)
            x += n * self.channels * size_in
            y += n * self.channels * size_out
            done += n

    def process(self, x, out=None):
        """Filter ``x`` and return the result, which is ``out`` where one was given.

        ``out`` may be ``x`` itself. Nothing is allocated when ``out`` is given and ``x`` is a
        contiguous array.
        """
        cdef cnp.ndarray xs = samples(x, self.channels)
        cdef Py_ssize_t rows = cnp.PyArray_DIM(xs, 0)
        cdef cnp.ndarray ys = output(out, xs, rows, self.channels, self._typenum)
        cdef int kind = cnp.PyArray_TYPE(xs)
        cdef const char *src = <const char *>cnp.PyArray_DATA(xs)
        cdef char *dst = <char *>cnp.PyArray_DATA(ys)
        if rows * self.channels > UNLOCK:
            with nogil:
                self._all(kind, src, dst, rows)
        else:
            self._all(kind, src, dst, rows)
        return ys

    def push(self, x):
        """Filter ``x``: the name that stages of a pipeline share."""
        return self.process(x)

    def step(self, double v):
        """Filter one sample of the only channel."""
        if self.channels != 1:
            raise InputError("v", f"{self.channels} channels", "use process() for several")
        return self._one(v, 0)

    def flush(self):
        """Return what is still held back: nothing, a recursive filter answers at once."""
        return empty(0, self.channels, self._typenum)

    def latency_s(self, double fs, at_hz=None):
        """Return the group delay in seconds at ``at_hz``, by default where the gain is largest."""
        return group_delay(self.sos, fs, at_hz)

    @property
    def state(self):
        """The delays as SciPy's ``zi``: (sections, 2), or (sections, 2, channels)."""
        z = np.empty((self.channels, self.sections, 2))
        cdef double[:, :, ::1] view = z
        memcpy(&view[0, 0, 0], self._z, z.size * sizeof(double))
        return z[0] if self.channels == 1 else np.ascontiguousarray(np.moveaxis(z, 0, -1))

    @state.setter
    def state(self, zi):
        shape = self._shape()
        z = np.asarray(zi, np.float64)
        if z.shape != shape:
            raise InputError("state", f"shape {z.shape}", f"pass shape {shape}")
        if not np.isfinite(z).all():
            raise InputError("state", "values that are not finite")
        cdef double[:, :, ::1] view = np.ascontiguousarray(
            z.reshape((self.sections, 2, self.channels)).transpose(2, 0, 1)
        )
        memcpy(self._z, &view[0, 0, 0], z.size * sizeof(double))
        memset(self._fresh, 0, self.channels)
        memset(self._in_gap, 0, self.channels)
        self._any_fresh = False

    def get_state(self):
        """Return the state as a dict of plain numbers that JSON can carry."""
        return header("sos", self._fingerprint()) | {
            "zi": self.state.ravel().tolist(),
            "fresh": [int(self._fresh[i]) for i in range(self.channels)],
            "in_gap": [int(self._in_gap[i]) for i in range(self.channels)],
            "gaps": self.gaps,
        }

    def set_state(self, saved):
        """Take up a state of ``get_state``; StateError where it is not this filter's."""
        checked(saved, "sos", self._fingerprint())
        zi = numbers(saved, "zi", 2 * self.sections * self.channels)
        fresh = numbers(saved, "fresh", self.channels)
        in_gap = numbers(saved, "in_gap", self.channels)
        gaps = numbers(saved, "gaps")
        shape = self._shape()
        self.state = zi.reshape(shape)
        for i in range(self.channels):
            self._fresh[i] = fresh[i] != 0
            self._in_gap[i] = in_gap[i] != 0
            self._any_fresh = self._any_fresh or self._fresh[i]
        self.gaps = <Py_ssize_t>gaps[0]

    def _shape(self):
        if self.channels == 1:
            return (self.sections, 2)
        return (self.sections, 2, self.channels)

    def _fingerprint(self):
        return fingerprint(self.sos, self.channels, self.settle)


def sosfilt(sos, x, zi):
    """Filter ``x`` (n,) from state ``zi``; return ``(y, zf)`` like ``scipy.signal.sosfilt``."""
    cdef SosFilter f = SosFilter(sos)
    f.state = zi
    y = f.process(x)
    return y, f.state
