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

from vointi_signals._buffers cimport BLOCK, Filter, all_finite, item_size, load, output_type, store

import numpy as np

from vointi_signals._checks import checked_channels, checked_sos
from vointi_signals._state import fingerprint, numbers, restore, save, whole
from vointi_signals.design import group_delay, sos_rest
from vointi_signals.errors import InputError

cnp.import_array()

cdef extern from "_kernels.h" nogil:
    void vo_cascade(
        const double *c, double *z, Py_ssize_t sections, const double *x, double *y, Py_ssize_t n
    )
    void vo_groups_base(
        const double *c, double *z, Py_ssize_t sections, Py_ssize_t channels, const double *x,
        double *y, Py_ssize_t rows
    )
    void vo_groups_wide(
        const double *c, double *z, Py_ssize_t sections, Py_ssize_t channels, const double *x,
        double *y, Py_ssize_t rows
    )
    bint vo_wide()

cdef extern from "math.h" nogil:
    bint isfinite(double)
    const double NAN

# Above this many elements a call gives up the interpreter lock; below, taking it again would
# cost more than the work.
cdef enum:
    UNLOCK = 8192


# An exponent of all ones is what is not finite; one more of its lowest bit reaches the top bit.
cdef unsigned long long LOWEST = 0x0010000000000000ULL


cdef inline unsigned long long bits_of(const double *v) noexcept nogil:
    return (<const unsigned long long *>v)[0] & 0x7FF0000000000000ULL


cdef inline double biquad(double x, const double *c, double *s, Py_ssize_t lanes) noexcept nogil:
    cdef double y = c[0] * x + s[0]
    s[0] = c[1] * x - c[3] * y + s[lanes]
    s[lanes] = c[2] * x - c[4] * y
    return y


cdef class SosFilter(Filter):
    """A cascade of second-order sections with its state.

    ``sos`` is SciPy's array of shape (sections, 6). One channel takes ``x`` of shape (n,),
    several take (n, channels), all through the same coefficients. ``dtype`` is the type of the
    output (float64 or float32); the arithmetic is float64 always. With ``settle`` the state
    that belongs to a constant signal at the first sample is taken at the start and after every
    gap, so that an offset does not ring; without it the start is at rest, as in SciPy.

    Raises ParameterError for coefficients that cannot be used, InputError for samples.
    """

    def __cinit__(self, sos, channels=1, dtype=np.float64, *, settle=False):
        self.sos = checked_sos(sos)
        self.sections = len(self.sos)
        self.channels = checked_channels(channels)
        self.settle = bool(settle)
        self._typenum = output_type(dtype)
        self._unlock = UNLOCK
        self._lanes = 1 if self.channels == 1 else 4
        self._size = 2 * self.sections * ((self.channels + 3) // 4 * 4 if self.channels > 1 else 1)
        self._wide = vo_wide()
        self._c = <double *>calloc(5 * self.sections, sizeof(double))
        self._z = <double *>calloc(self._size, sizeof(double))
        self._saved = <double *>calloc(self._size, sizeof(double))
        self._rest = <double *>calloc(2 * self.sections, sizeof(double))
        self._fresh = <unsigned char *>calloc(2 * self.channels, 1)
        if not (self._c and self._z and self._saved and self._rest and self._fresh):
            raise MemoryError
        self._in_gap = self._fresh + self.channels
        self._take_coefficients()
        self.reset()

    def __dealloc__(self):
        free(self._c)
        free(self._z)
        free(self._saved)
        free(self._rest)
        free(self._fresh)

    cdef int _take_coefficients(self) except -1:
        cdef const double[:, ::1] sos = self.sos
        cdef const double[:, ::1] rest = (
            sos_rest(self.sos) if self.settle else np.zeros((self.sections, 2))
        )
        cdef Py_ssize_t i, j
        for i in range(self.sections):
            for j in range(3):
                self._c[5 * i + j] = sos[i, j]
            for j in range(2):
                self._c[5 * i + 3 + j] = sos[i, 4 + j]
                self._rest[2 * i + j] = rest[i, j]
        return 0

    def reset(self):
        """Forget every sample seen, as after construction."""
        memset(self._z, 0, self._size * sizeof(double))
        memset(self._fresh, self.settle, self.channels)
        memset(self._in_gap, 0, self.channels)
        self._any_fresh = self.settle
        self.gaps = 0

    def gap(self, Py_ssize_t n_missing=0):
        """Tell the filter that samples are missing here; every channel starts anew."""
        cdef Py_ssize_t ch
        for ch in range(self.channels):
            self._begin_gap(ch)

    cdef double *_delays(self, Py_ssize_t ch) noexcept nogil:
        """Return where the first delay of a channel's first section lies."""
        return self._z + ch // 4 * 8 * self.sections + ch % 4

    cdef void _begin_gap(self, Py_ssize_t ch) noexcept nogil:
        cdef double *z = self._delays(ch)
        cdef Py_ssize_t i
        for i in range(2 * self.sections):
            z[i * self._lanes] = 0.0
        self._fresh[ch] = self.settle
        self._any_fresh = self.settle
        self.gaps += not self._in_gap[ch]
        self._in_gap[ch] = 1

    cdef double _one(self, double x, Py_ssize_t ch) noexcept nogil:
        """Filter one sample of one channel, gaps and first samples included."""
        cdef double *z = self._delays(ch)
        cdef double v = x
        cdef unsigned long long seen = 0
        cdef Py_ssize_t i
        if isfinite(x):
            if self._fresh[ch]:
                for i in range(2 * self.sections):
                    z[i * self._lanes] = self._rest[i] * x
                self._fresh[ch] = 0
            for i in range(self.sections):
                v = biquad(v, self._c + 5 * i, z, self._lanes)
                seen |= (bits_of(z) + LOWEST) | (bits_of(z + self._lanes) + LOWEST)
                z += 2 * self._lanes
            if isfinite(v) and seen >> 63 == 0:
                self._in_gap[ch] = 0
                return v
        self._begin_gap(ch)
        return NAN

    cdef bint _sound(self) noexcept nogil:
        # A NaN or an infinity never leaves a recursion again, so the state at the end of a
        # block tells whether there was one in it.
        return all_finite(self._z, self._size)

    cdef void _block(self, const double *x, double *y, Py_ssize_t rows) noexcept nogil:
        """Filter rows at x into y (other memory): straight, or once more with care."""
        cdef Py_ssize_t i, ch
        if not self._any_fresh:
            memcpy(self._saved, self._z, self._size * sizeof(double))
            self._straight(x, y, rows)
            if self._sound():
                memset(self._in_gap, 0, self.channels)
                return
            memcpy(self._z, self._saved, self._size * sizeof(double))
        for i in range(rows):
            for ch in range(self.channels):
                y[i * self.channels + ch] = self._one(x[i * self.channels + ch], ch)
        self._any_fresh = False
        for ch in range(self.channels):
            self._any_fresh = self._any_fresh or self._fresh[ch]

    cdef void _straight(self, const double *x, double *y, Py_ssize_t rows) noexcept nogil:
        if self.channels == 1:
            vo_cascade(self._c, self._z, self.sections, x, y, rows)
        elif self._wide:
            vo_groups_wide(self._c, self._z, self.sections, self.channels, x, y, rows)
        else:
            vo_groups_base(self._c, self._z, self.sections, self.channels, x, y, rows)

    cdef void _all(self, int kind, const char *x, char *y, Py_ssize_t rows) noexcept nogil:
        """Filter everything, a block at a time, converting where x or y are not float64."""
        cdef double near[BLOCK]
        cdef double far[BLOCK]
        cdef Py_ssize_t size_in = item_size(kind) * self.channels
        cdef Py_ssize_t size_out = item_size(self._typenum) * self.channels
        cdef bint copy_in = kind != cnp.NPY_DOUBLE or x == y
        cdef bint copy_out = self._typenum != cnp.NPY_DOUBLE
        cdef Py_ssize_t step = BLOCK // self.channels
        cdef Py_ssize_t n
        while rows > 0:
            n = min(step, rows)
            if copy_in:
                load(kind, x, n * self.channels, near)
            self._block(
                &near[0] if copy_in else <double *>x, &far[0] if copy_out else <double *>y, n
            )
            if copy_out:
                store(self._typenum, far, n * self.channels, y)
            x += n * size_in
            y += n * size_out
            rows -= n

    def step(self, double v):
        """Filter one sample of the only channel."""
        if self.channels != 1:
            raise InputError("v", f"{self.channels} channels", "use process() for several")
        cdef double y = self._one(v, 0)
        self._any_fresh = self._fresh[0]
        return y

    def latency_s(self, double fs, at_hz=None):
        """Return the group delay in seconds at ``at_hz``, by default where the gain is largest."""
        return group_delay(self.sos, fs, at_hz)

    @property
    def state(self):
        """The delays as SciPy's ``zi``: (sections, 2), or (sections, 2, channels)."""
        cdef double[:, :, ::1] z = np.empty((self.sections, 2, self.channels))
        cdef Py_ssize_t i, ch
        for ch in range(self.channels):
            for i in range(2 * self.sections):
                z[i // 2, i % 2, ch] = self._delays(ch)[i * self._lanes]
        return np.asarray(z).reshape(self._shape())

    @state.setter
    def state(self, zi):
        given = np.asarray(zi, np.float64)
        if given.shape != self._shape():
            raise InputError("state", f"shape {given.shape}", f"pass shape {self._shape()}")
        if not np.isfinite(given).all():
            raise InputError("state", "values that are not finite")
        cdef const double[:, :, ::1] z = np.ascontiguousarray(
            given.reshape((self.sections, 2, self.channels))
        )
        cdef Py_ssize_t i, ch
        for ch in range(self.channels):
            for i in range(2 * self.sections):
                self._delays(ch)[i * self._lanes] = z[i // 2, i % 2, ch]
        memset(self._fresh, 0, self.channels)
        memset(self._in_gap, 0, self.channels)
        self._any_fresh = False

    def _shape(self):
        if self.channels == 1:
            return (self.sections, 2)
        return (self.sections, 2, self.channels)

    def get_state(self):
        """Return the state as bytes (JSON inside), for ``set_state`` of an equal filter."""
        return save(
            "sos",
            self._fingerprint(),
            zi=self.state.ravel().tolist(),
            fresh=[int(self._fresh[i]) for i in range(self.channels)],
            in_gap=[int(self._in_gap[i]) for i in range(self.channels)],
            gaps=self.gaps,
        )

    def set_state(self, raw):
        """Take up a state of ``get_state``; StateError where it is not this filter's."""
        saved = restore(raw, "sos", self._fingerprint())
        zi = numbers(saved, "zi", 2 * self.sections * self.channels)
        fresh = numbers(saved, "fresh", self.channels)
        in_gap = numbers(saved, "in_gap", self.channels)
        gaps = whole(saved, "gaps")
        self.state = zi.reshape(self._shape())
        for i in range(self.channels):
            self._fresh[i] = fresh[i] != 0
            self._in_gap[i] = in_gap[i] != 0
            self._any_fresh = self._any_fresh or self._fresh[i]
        self.gaps = gaps

    def _baseline(self):
        """Leave wide vectors aside; for the test that they change no bit."""
        self._wide = False

    def _fingerprint(self):
        return fingerprint(self.sos, self.channels, self.settle)


def sosfilt(sos, x, zi):
    """Filter ``x`` (n,) from state ``zi``; return ``(y, zf)`` like ``scipy.signal.sosfilt``."""
    cdef SosFilter f = SosFilter(sos)
    f.state = zi
    y = f.process(x)
    return y, f.state
