"""Movement per epoch from 3-axis acceleration: see docs/signals/motion.md."""

cimport numpy as cnp
from libc.math cimport NAN, fabs, fmax, isfinite, sqrt
from libc.string cimport memset

import numpy as np

from vointi_signals._buffers cimport BLOCK, Rows, fill, rows_of, samples
from vointi_signals._events cimport Detector
from vointi_signals._state import fingerprint
from vointi_signals._checks import checked_missing, checked_rate
from vointi_signals.errors import ParameterError
from vointi_signals.units import G_MS2, to_ms2

cnp.import_array()

EPOCH_DTYPE = np.dtype(
    [
        ("index", "<i8"),
        ("time_s", "<f8"),
        ("mad_mg", "<f8"),
        ("enmo_mg", "<f8"),
        ("mean_g", "<f8", (3,)),
        ("sd_mg", "<f8", (3,)),
        ("low_g", "<f8", (3,)),
        ("high_g", "<f8", (3,)),
        ("coverage", "<f8"),
    ]
)

# A day at 400 Hz: whoever was away for longer starts anew.
LONGEST_GAP = 34560000

cdef enum:
    LONGEST = 2400      # samples an epoch: 6 s at 400 Hz, within 10 kB of state

cdef packed struct Epoch:
    long long index
    double time_s
    double mad_mg
    double enmo_mg
    double mean_g[3]
    double sd_mg[3]
    double low_g[3]
    double high_g[3]
    double coverage

cdef struct State:
    double scale          # units into g
    double total
    double above
    double offset[3]      # the first sample: sums of squares about it lose no digits
    double s1[3]
    double s2[3]
    double low[3]
    double high[3]
    long long n
    int size
    int seen
    int good
    float norm[LONGEST]


cdef void open_epoch(State *q) noexcept nogil:
    q.total = 0
    q.above = 0
    q.seen = 0
    q.good = 0
    memset(q.s1, 0, sizeof(q.s1))
    memset(q.s2, 0, sizeof(q.s2))


cdef void close_epoch(State *q, double fs, Epoch *e) noexcept nogil:
    """Write the epoch's measures; NaN where less than half of it was seen."""
    cdef int i
    cdef double mean, s = 0
    cdef double m = q.good
    e.index = q.n - q.seen
    e.time_s = e.index / fs
    e.coverage = m / q.size
    if 2 * q.good < q.size:
        e.mad_mg = e.enmo_mg = NAN
        for i in range(3):
            e.mean_g[i] = e.sd_mg[i] = e.low_g[i] = e.high_g[i] = NAN
        open_epoch(q)
        return
    mean = q.total / m
    for i in range(q.good):
        s += fabs(q.norm[i] - mean)
    e.mad_mg = 1000 * s / m
    e.enmo_mg = 1000 * q.above / m
    for i in range(3):
        e.mean_g[i] = q.offset[i] + q.s1[i] / m
        e.sd_mg[i] = 1000 * sqrt(fmax(0.0, q.s2[i] / m - (q.s1[i] / m) * (q.s1[i] / m)))
        e.low_g[i] = q.low[i]
        e.high_g[i] = q.high[i]
    open_epoch(q)


cdef void take_one(State *q, const double *v) noexcept nogil:
    """Take one sample, NaN where it is missing."""
    cdef double a[3]
    cdef double norm = 0, d
    cdef int i
    q.n += 1
    q.seen += 1
    for i in range(3):
        a[i] = v[i] * q.scale
        norm += a[i] * a[i]
    if not isfinite(norm):
        return
    norm = sqrt(norm)
    q.norm[q.good] = <float>norm
    q.total += q.norm[q.good]
    q.above += fmax(0.0, norm - 1.0)
    for i in range(3):
        if q.good == 0:
            q.offset[i] = q.low[i] = q.high[i] = a[i]
        d = a[i] - q.offset[i]
        q.s1[i] += d
        q.s2[i] += d * d
        if a[i] < q.low[i]:
            q.low[i] = a[i]
        if a[i] > q.high[i]:
            q.high[i] = a[i]
    q.good += 1


cdef class MotionEpochs(Detector):
    """Mean amplitude deviation (MAD), ENMO and the like for every epoch, 5 to 400 Hz.

    ``push`` takes (n, 3) in ``unit`` (``"g"``, ``"mg"``, ``"m/s2"``) and returns a structured
    array (EPOCH_DTYPE) of the epochs that ended. Epochs are counted in samples from the first
    one, so that they neither drift nor depend on how the input is cut. NaN rows are missing
    samples: ``coverage`` is the share of the epoch that was seen; below one half the measures
    are NaN. MAD: Vaha-Ypya 2015, doi 10.1111/cpf.12127. ENMO: van Hees 2013,
    doi 10.1371/journal.pone.0061691.
    """

    cdef State q
    cdef readonly double epoch_s
    cdef readonly str unit

    def __init__(self, fs, epoch_s=6.0, unit="m/s2"):
        self.fs = checked_rate(fs)
        if not 5 <= self.fs <= 400:
            raise ParameterError("fs", f"{fs} Hz", "use 5 to 400 Hz, resample first")
        self.epoch_s = checked_rate(epoch_s, "epoch_s")
        size = round(self.fs * self.epoch_s)
        if not 10 <= size <= LONGEST:
            raise ParameterError(
                "epoch_s", f"{size} samples an epoch", f"use 10 to {LONGEST} samples an epoch"
            )
        self.unit = unit
        of = fingerprint("motion", self.fs, self.epoch_s, unit)
        self._keep(&self.q, sizeof(State), b"VMOT", of)
        memset(&self.q, 0, sizeof(State))
        self.q.scale = to_ms2(unit) / G_MS2
        self.q.size = size
        open_epoch(&self.q)

    @property
    def latency_s(self):
        """Delay in s from the start of an epoch to its measures."""
        return self.q.size / self.fs

    def push(self, x):
        """Return the epochs that ended with these samples, shape (n, 3)."""
        cdef cnp.ndarray a = samples(x, 3)
        cdef Py_ssize_t n = cnp.PyArray_DIM(a, 0)
        cdef cnp.ndarray out = np.empty((self.q.seen + n) // self.q.size, EPOCH_DTYPE)
        cdef Epoch *e = <Epoch *>cnp.PyArray_DATA(out)
        cdef double block[3 * BLOCK]
        cdef Rows rows = rows_of(a)
        cdef Py_ssize_t i, m
        with nogil:
            m = fill(&rows, block)
            while m > 0:
                for i in range(m):
                    take_one(&self.q, block + 3 * i)
                    if self.q.seen == self.q.size:
                        close_epoch(&self.q, self.fs, e)
                        e += 1
                m = fill(&rows, block)
        return out

    def gap(self, n_missing):
        """Say that ``n_missing`` samples are missing here; same as pushing as many NaN rows."""
        cdef long long left = checked_missing(n_missing, LONGEST_GAP)
        parts = []
        while left > 0:
            m = min(left, 1 << 16)
            parts.append(self.push(np.full((m, 3), np.nan)))
            left -= m
        return np.concatenate(parts) if parts else np.empty(0, EPOCH_DTYPE)

    def flush(self):
        """Return the epoch that has begun, when half of it or more was seen."""
        cdef cnp.ndarray out = np.empty(1, EPOCH_DTYPE)
        if 2 * self.q.good < self.q.size:
            open_epoch(&self.q)
            return out[:0]
        close_epoch(&self.q, self.fs, <Epoch *>cnp.PyArray_DATA(out))
        return out

    def reset(self):
        """Forget everything."""
        self.q.n = 0
        open_epoch(&self.q)

    cdef bint _sound(self, const char *saved) noexcept:
        cdef const State *q = <const State *>saved
        return q.size == self.q.size and 0 <= q.good <= q.seen < q.size
