"""Fall candidates, a wellbeing hint that is off by default: see docs/signals/falls.md."""

cimport numpy as cnp
from libc.math cimport NAN, acos, fmax, fmin, isfinite, sqrt
from libc.string cimport memset

import numpy as np

from vointi_signals._buffers cimport BLOCK, Rows, fill, rows_of, samples
from vointi_signals._events cimport Detector, Event, Sink
from vointi_signals._state import fingerprint
from vointi_signals._checks import checked_missing, checked_rate
from vointi_signals.errors import ParameterError
from vointi_signals.units import G_MS2, to_ms2

cnp.import_array()

# A dip shows the fall and a peak within half a second the impact (Bourke 2007, doi
# 10.1016/j.gaitpost.2006.09.012). The limits are ours, and low: rest and turn must follow, too.
cdef double WEIGHTLESS_G = 0.65
cdef double IMPACT_G = 2.5
cdef double AFTER_S = 0.6
cdef double SETTLE_S = 1.5       # bouncing and turning over after the impact
cdef double REST_S = 2.5         # and the rest that must follow
cdef double REST_MG = 100.0      # deviation of the magnitude that still is rest
cdef double TURN_RAD = 0.87      # 50 degrees: nobody bends so far and stays there after a jump
cdef double SLOW_S = 1.0         # time constant of the direction of gravity before the fall

cdef struct State:
    double fs
    double scale
    double before[3]      # gravity before
    double delayed[3]     # and a second earlier still, which the fall has not touched
    double after[3]
    double sum1
    double sum2
    double peak
    long long n
    long long weightless_at
    long long impact_at
    long long impact_n
    long long rested
    int started
    int after_gap


cdef void restart(State *q) noexcept nogil:
    q.started = 0
    q.weightless_at = -1
    q.impact_at = -1


cdef void judge(State *q, Sink out) noexcept nogil:
    """Decide when the rest after an impact is over."""
    cdef Event e
    cdef double dot = 0, a = 0, b = 0, mean, sd
    cdef int i
    for i in range(3):
        dot += q.after[i] * q.delayed[i]
        a += q.after[i] * q.after[i]
        b += q.delayed[i] * q.delayed[i]
    mean = q.sum1 / q.rested
    sd = 1000 * sqrt(fmax(0.0, q.sum2 / q.rested - mean * mean))
    dot /= fmax(sqrt(a * b), 1e-12)
    q.impact_at = -1
    q.weightless_at = -1
    if sd > REST_MG or acos(fmin(1.0, fmax(-1.0, dot))) < TURN_RAD:
        return
    e.index = q.impact_n
    e.time_s = q.impact_n / q.fs
    e.amplitude = <float>q.peak
    e.quality = <float>fmin(1.0, (q.peak - IMPACT_G) / IMPACT_G + 0.5)
    e.late = 1
    e.after_gap = q.after_gap
    q.after_gap = 0
    out.add(e)


cdef void take_one(State *q, Sink out, const double *v) noexcept nogil:
    cdef double a[3]
    cdef double g = 0, share = 1.0 / (SLOW_S * q.fs), since
    cdef int i
    q.n += 1
    for i in range(3):
        a[i] = v[i] * q.scale
        g += a[i] * a[i]
    if not isfinite(g):
        if q.started:
            q.after_gap = 1
            restart(q)
        return
    g = sqrt(g)
    if not q.started:
        q.started = 1
        for i in range(3):
            q.before[i] = q.delayed[i] = a[i]
    if q.impact_at < 0:
        for i in range(3):
            q.before[i] += share * (a[i] - q.before[i])
            q.delayed[i] += share * (q.before[i] - q.delayed[i])
        if g < WEIGHTLESS_G:
            q.weightless_at = q.n
        elif g > IMPACT_G and q.weightless_at >= 0 \
                and q.n - q.weightless_at < AFTER_S * q.fs:
            q.impact_at = q.n
            q.impact_n = q.n - 1
            q.peak = g
            q.rested = 0
            q.sum1 = q.sum2 = 0
            memset(q.after, 0, sizeof(q.after))
        return
    since = (q.n - q.impact_at) / q.fs
    if since < SETTLE_S:
        if g > q.peak:
            q.peak = g
            q.impact_n = q.n - 1
        return
    q.sum1 += g
    q.sum2 += g * g
    q.rested += 1
    for i in range(3):
        q.after[i] += a[i]
    if since >= SETTLE_S + REST_S:
        judge(q, out)


cdef class FallCandidates(Detector):
    """Weightlessness, an impact, rest, and another direction of gravity than before.

    Off unless ``enabled`` is True: ``push`` then returns nothing. A candidate is a hint that a
    person may be glad of a call, never an alarm: falls that are simulated by young people say
    little about real ones (Palmerini 2020, doi 10.3390/s20226479), and no goal is claimed.
    ``amplitude`` is the impact in g. Trunk only, 20 to 400 Hz, (n, 3) in ``unit``.
    """

    cdef State q
    cdef Sink out
    cdef readonly bint enabled
    cdef readonly str unit

    def __init__(self, fs, unit="m/s2", *, enabled=False):
        self.fs = checked_rate(fs)
        if not 20 <= self.fs <= 400:
            raise ParameterError("fs", f"{fs} Hz", "use 20 to 400 Hz, resample first")
        self.unit = unit
        self.enabled = bool(enabled)
        self.out = Sink()
        self._keep(&self.q, sizeof(State), b"VFAL", fingerprint("falls", self.fs, unit))
        memset(&self.q, 0, sizeof(State))
        self.q.fs = self.fs
        self.q.scale = to_ms2(unit) / G_MS2
        restart(&self.q)

    @property
    def latency_s(self):
        """Delay in s from the impact to the candidate."""
        return SETTLE_S + REST_S

    def push(self, x):
        """Return the candidates that became certain with these samples, shape (n, 3)."""
        cdef cnp.ndarray a = samples(x, 3)
        cdef double block[3 * BLOCK]
        cdef Rows rows = rows_of(a)
        cdef Py_ssize_t i, m
        if not self.enabled:
            return self.out.take()
        with nogil:
            m = fill(&rows, block)
            while m > 0:
                for i in range(m):
                    take_one(&self.q, self.out, block + 3 * i)
                m = fill(&rows, block)
        return self.out.take()

    def gap(self, n_missing):
        """Say that ``n_missing`` samples are missing here."""
        cdef long long n = checked_missing(n_missing)
        if n and self.q.started:
            self.q.after_gap = 1
            restart(&self.q)
        self.q.n += n
        return self.out.take()

    def flush(self):
        """Return nothing: without the rest after it an impact is no fall."""
        return self.out.take()

    def reset(self):
        """Forget everything."""
        self.q.n = 0
        self.q.after_gap = 0
        restart(&self.q)
