# distutils: language = c
"""QRS detection, sample by sample: see docs/signals/qrs.md for the method and what it attains."""

from __future__ import annotations

cimport cython
cimport numpy as cnp
from libc.math cimport fabs, sqrt, exp, log, M_PI, tan
from libc.stdlib cimport malloc, realloc, free
from libc.string cimport memcpy, memset

import struct
import zlib

import numpy as np

from vointi_signals.errors import InputError, ParameterError, StateError

cnp.import_array()

cdef enum:
    RAW = 512          # raw samples kept
    TICKS = 64         # internal samples kept
    CANDS = 48         # candidates kept for search-back
    NSEC = 2
    NPAR = 40

ctypedef long long i64

cdef packed struct Event:
    i64 index
    double time_s
    float amplitude
    float quality
    unsigned char late
    unsigned char after_gap

EVENT_DTYPE = np.dtype([("index", "<i8"), ("time_s", "<f8"), ("amplitude", "<f4"), ("quality", "<f4"), ("late", "?"), ("after_gap", "?")])

cdef struct Cand:
    i64 r            # raw index of R
    float amp
    float h          # feature height
    float slope
    float qual
    unsigned char used
    unsigned char pad[7]

cdef struct State:
    double fs
    double fi
    double coef[NSEC * 5]
    double z[NSEC * 2]
    int dec
    int phase
    int win            # integration window (ticks)
    int hold           # ticks to wait after a peak
    int nlearn
    int warm
    i64 n              # raw samples consumed
    i64 k              # ticks since start of segment
    i64 seg0           # raw index where segment starts
    double off
    double s1
    double s2
    double asc
    double prev_b
    double run
    float raw[RAW]
    float dwin[TICKS]  # |derivative|
    float ewin[TICKS]
    # peak tracker
    double pk
    i64 pk_k
    double valley
    int rising
    int nan_run
    # decision
    double S
    double N
    double rr
    i64 last_r
    double last_slope
    double last_h
    int have_last
    int gap_flag
    int learning
    int ncand
    i64 learn_end
    Cand cand[CANDS]
    double gd          # raw samples between R and the feature peak
    double par[NPAR]

cdef struct Sink:
    Event *ev
    i64 n
    i64 cap

cdef int emit(Sink *o, State *q, Cand *c, int late) noexcept nogil:
    cdef Event *p
    if o.n == o.cap:
        p = <Event *>realloc(o.ev, (2 * o.cap) * sizeof(Event))
        if p == NULL:
            return -1
        o.ev = p
        o.cap *= 2
    o.ev[o.n].index = c.r
    o.ev[o.n].time_s = c.r / q.fs
    o.ev[o.n].amplitude = c.amp
    o.ev[o.n].quality = c.qual
    o.ev[o.n].late = late
    o.ev[o.n].after_gap = q.gap_flag
    q.gap_flag = 0
    o.n += 1
    return 0

cdef void locate(State *q, i64 centre, Cand *c) noexcept nogil:
    cdef i64 half = <i64>(q.par[0] * q.fs)
    cdef i64 wide = <i64>(q.par[1] * q.fs)
    cdef i64 i, a = centre - wide, b = centre + wide, lo, hi
    cdef double m = 0.0, v, best = -1.0, s
    lo = q.seg0 if q.n - RAW < q.seg0 else q.n - RAW
    hi = q.n - 1
    if a < lo: a = lo
    if b > hi: b = hi
    if b <= a: 
        c.r = lo
        return
    for i in range(a, b + 1):
        m += q.raw[i & (RAW - 1)]
    m /= (b - a + 1)
    a = centre - half
    b = centre + half
    if a < lo: a = lo
    if b > hi: b = hi
    c.r = a
    for i in range(a, b + 1):
        v = q.raw[i & (RAW - 1)] - m
        s = v * q.par[2] if v > 0 else -v
        if s > best:
            best = s
            c.r = i
            c.amp = v

cdef int accept(State *q, Sink *o, Cand *c, int late) noexcept nogil:
    cdef double d
    if q.have_last:
        d = (c.r - q.last_r) / q.fs
        if 0.3 < d < 2.0 and not q.gap_flag:
            if q.rr == 0: q.rr = d
            else: q.rr += q.par[3] * (d - q.rr)
    cdef double g = q.par[4] if not late else q.par[5]
    cdef double h = c.h
    if h > q.par[6] * q.S: h = q.par[6] * q.S
    q.S += g * (h - q.S)
    c.qual = <float>((c.h - q.N) / (c.h + q.N + 1e-12))
    if c.qual < 0: c.qual = 0
    q.last_r = c.r
    q.last_h = c.h
    q.last_slope = c.slope
    q.have_last = 1
    c.used = 1
    return emit(o, q, c, late)

cdef double threshold(State *q, double dt, double f) noexcept nogil:
    cdef double t = q.N + f * (q.S - q.N)
    if t < q.par[7] * q.S: t = q.par[7] * q.S
    return t

cdef int judge(State *q, Sink *o, Cand *c, int late) noexcept nogil:
    cdef double dt = 1e9, th
    if q.have_last:
        dt = (c.r - q.last_r) / q.fs
    if dt < q.par[8]:
        c.used = 1
        return 0
    th = threshold(q, dt, q.par[9])
    if dt < q.par[10]:     # T-wave zone
        if c.slope < q.par[11] * q.last_slope:
            if c.h < q.S: q.N += q.par[12] * (c.h - q.N)
            return 0
    if c.h > th:
        return accept(q, o, c, late)
    q.N += q.par[12] * (c.h - q.N)
    return 0

cdef int searchback(State *q, Sink *o, i64 now) noexcept nogil:
    cdef double lim, th
    cdef int i, best
    cdef Cand *c
    if not q.have_last or q.rr == 0: return 0
    while True:
        lim = q.par[13] * q.rr
        if (now - q.last_r) / q.fs < lim: return 0
        best = -1
        th = threshold(q, 0, q.par[14])
        for i in range(CANDS):
            c = &q.cand[i]
            if c.used or c.r <= q.last_r + q.par[15] * q.fs: continue
            if c.h < th: continue
            if best < 0 or c.h > q.cand[best].h: best = i
        if best < 0: return 0
        if accept(q, o, &q.cand[best], 1) < 0: return -1

cdef int finish_learning(State *q, Sink *o) noexcept nogil:
    # S: the second largest of the candidates; N: a tenth of it
    cdef double a = 0, b = 0
    cdef int i, j
    cdef int n = q.ncand if q.ncand < CANDS else CANDS
    cdef int first = q.ncand - n
    for i in range(n):
        if q.cand[i].h > a:
            b = a
            a = q.cand[i].h
        elif q.cand[i].h > b:
            b = q.cand[i].h
    q.learning = 0
    q.S = b
    q.N = q.par[16] * b
    for j in range(first, q.ncand):
        if judge(q, o, &q.cand[j % CANDS], 1) < 0: return -1
    return 0

cdef int candidate(State *q, Sink *o) noexcept nogil:
    cdef Cand *c = &q.cand[q.ncand % CANDS]
    cdef i64 centre = q.seg0 + <i64>((q.pk_k + 1) * q.dec - q.gd)
    cdef i64 k
    cdef int j
    cdef double s = 0
    memset(c, 0, sizeof(Cand))
    locate(q, centre, c)
    c.h = <float>q.pk
    for j in range(q.win):
        k = (q.pk_k - j) & (TICKS - 1)
        if q.dwin[k] > s: s = q.dwin[k]
    c.slope = <float>s
    q.ncand += 1
    if q.learning:
        if q.ncand > 1000000: q.ncand = CANDS
        return 0
    return judge(q, o, c, 0)

cdef int tick(State *q, Sink *o, double u) noexcept nogil:
    cdef double y, w, d
    cdef int i, old
    cdef double *c = q.coef
    cdef double *z = q.z
    y = u
    for i in range(NSEC):
        w = c[0] * y + z[0]
        z[0] = c[1] * y - c[3] * w + z[1]
        z[1] = c[2] * y - c[4] * w
        y = w
        c += 5
        z += 2
    d = fabs(y - q.prev_b)
    q.prev_b = y
    cdef i64 k = q.k
    if q.warm > 0:
        q.warm -= 1
        d = 0
    old = (k - q.win) & (TICKS - 1)
    q.run += d - q.dwin[old]
    q.dwin[k & (TICKS - 1)] = <float>d
    if (k & (TICKS - 1)) == 0:
        q.run = 0
        for i in range(q.win):
            q.run += q.dwin[(k - i) & (TICKS - 1)]
    cdef double e = q.run
    cdef int r = 0
    if q.rising:
        if e > q.pk:
            q.pk = e
            q.pk_k = k
        elif k - q.pk_k >= q.hold:
            q.rising = 0
            q.valley = e
            r = candidate(q, o)
    else:
        if e < q.valley:
            q.valley = e
        elif e > q.valley * 1.05 + 1e-9:
            q.rising = 1
            q.pk = e
            q.pk_k = k
    q.k = k + 1
    if r == 0:
        if q.learning:
            if q.n >= q.learn_end:
                r = finish_learning(q, o)
        else:
            r = searchback(q, o, q.n)
    return r

cdef void soft_reset(State *q) noexcept nogil:
    cdef int i
    for i in range(2 * NSEC): q.z[i] = 0
    q.phase = 0
    q.k = 0
    q.s1 = 0
    q.s2 = 0
    q.asc = 0
    q.prev_b = 0
    q.run = 0
    q.rising = 0
    q.valley = 0
    q.pk = 0
    q.warm = <int>(q.par[18] * q.fi)
    q.gap_flag = 1
    q.have_last = 0
    memset(q.dwin, 0, sizeof(q.dwin))
    for i in range(CANDS): q.cand[i].used = 1
    if q.learning: q.ncand = 0
    q.learn_end = q.n + <i64>(q.par[17] * q.fs)

ctypedef fused sample:
    double
    float
    short
    int

cdef int feed(State *q, Sink *o, const sample *x, i64 n) noexcept nogil:
    cdef i64 i
    cdef double v
    cdef int d1 = q.dec
    cdef double inv = 1.0 / (q.dec * q.dec)
    for i in range(n):
        v = x[i]
        if not (fabs(v) < 1e12):
            q.nan_run += 1
            q.n += 1
            continue
        if q.nan_run:
            q.nan_run = 0
            q.seg0 = q.n
            q.off = v
            soft_reset(q)
        v -= q.off
        q.raw[q.n & (RAW - 1)] = <float>v
        q.n += 1
        q.s1 += v
        q.s2 += q.s1
        q.phase += 1
        if q.phase == d1:
            v = (q.asc + q.s2 - q.s1) * inv
            q.asc = (d1 + 1) * q.s1 - q.s2
            q.phase = 0
            q.s1 = 0
            q.s2 = 0
            if tick(q, o, v) < 0: return -1
    return 0


def _bandpass(double fs, double lo, double hi):
    """Second-order Butterworth band-pass (two sections) by the bilinear transform."""
    w1 = 2 * fs * np.tan(np.pi * lo / fs)
    w2 = 2 * fs * np.tan(np.pi * hi / fs)
    bw, w0 = w2 - w1, np.sqrt(w1 * w2)
    p = np.exp(1j * np.pi * np.array([3, 5]) / 4)  # prototype of order 2
    s = p * bw / 2
    poles = np.concatenate([s + np.sqrt(s**2 - w0**2), s - np.sqrt(s**2 - w0**2)])
    gain = bw**2
    zp = (2 * fs + poles) / (2 * fs - poles)
    k = np.real(gain * (2 * fs) ** 2 / np.prod(2 * fs - poles))
    up = zp[np.imag(zp) > 0]
    up = up[np.argsort(np.abs(up))]
    out = []
    for i, q in enumerate(up):
        g = k if i == 0 else 1.0
        out.append([g, 0.0, -g, -2 * q.real, abs(q) ** 2])
    return np.array(out)


DEFAULT = [0.070, 0.15, 1.0, 0.2, 0.125, 0.125, 2.5, 0.0, 0.2, 0.35, 0.36, 0.5, 0.06, 1.5, 0.2, 0.2, 0.1, 3.0, 0.3, 8, 20, 0.1, 0.03]

cdef class QrsDetector:
    """Causal QRS detector."""
    cdef State *q
    cdef Sink o
    cdef object _empty
    cdef readonly double fs

    def __cinit__(self):
        self.q = <State *>malloc(sizeof(State))
        self.o.cap = 64
        self.o.n = 0
        self.o.ev = <Event *>malloc(64 * sizeof(Event))
        if self.q == NULL or self.o.ev == NULL:
            raise MemoryError
        memset(self.q, 0, sizeof(State))

    def __dealloc__(self):
        free(self.q)
        free(self.o.ev)

    def __init__(self, double fs, par=None):
        if not 100 <= fs <= 1000:
            raise ParameterError("fs", f"{fs} Hz is outside 100 to 1000 Hz", "resample first")
        self.fs = fs
        self._empty = np.empty(0, EVENT_DTYPE)
        self._empty.flags.writeable = False
        self._setup(par or DEFAULT)

    def _setup(self, par):
        cdef State *q = self.q
        cdef int i
        memset(q, 0, sizeof(State))
        for i in range(len(par)):
            q.par[i] = par[i]
        q.fs = self.fs
        q.dec = max(1, int(self.fs / 100 + 1e-9))
        q.fi = q.fs / q.dec
        c = _bandpass(q.fi, par[19], par[20])
        for i in range(2):
            for j in range(5):
                q.coef[i * 5 + j] = c[i, j]
        q.win = max(2, int(round(par[21] * q.fi)))
        q.hold = max(1, int(round(par[22] * q.fi)))
        q.learning = 1
        q.nan_run = 1
        # group delay of the band-pass at its centre, by the phase's slope
        w = 2 * np.pi * np.array([12.6, 12.7]) / q.fi
        z = np.exp(-1j * w)
        h = np.ones(2, complex)
        for s in c:
            h *= (s[0] + s[1] * z + s[2] * z**2) / (1 + s[3] * z + s[4] * z**2)
        ph = np.unwrap(np.angle(h))
        gd = -(ph[1] - ph[0]) / (w[1] - w[0])
        q.gd = (gd + (q.win - 1) / 2 + 0.5) * q.dec + q.dec

    @property
    def latency_s(self):
        return 0.12

    def reset(self):
        self._setup(DEFAULT)

    cdef object _take(self):
        cdef i64 n = self.o.n
        if n == 0:
            return self._empty
        out = np.empty(n, EVENT_DTYPE)
        memcpy(cnp.PyArray_DATA(out), self.o.ev, n * sizeof(Event))
        self.o.n = 0
        return out

    def push(self, x):
        if not cnp.PyArray_Check(x):
            x = np.asarray(x)
        cdef cnp.ndarray a = x
        if a.ndim != 1:
            raise InputError("chunk", f"has {a.ndim} dimensions", "hand over one lead as a 1-D array")
        if not cnp.PyArray_ISCARRAY_RO(a):
            a = np.ascontiguousarray(a, a.dtype.newbyteorder("="))
        cdef int t = cnp.PyArray_TYPE(a), r
        cdef i64 n = cnp.PyArray_DIM(a, 0)
        cdef void *p = cnp.PyArray_DATA(a)
        with nogil:
            if t == cnp.NPY_FLOAT64: r = feed[double](self.q, &self.o, <const double *>p, n)
            elif t == cnp.NPY_FLOAT32: r = feed[float](self.q, &self.o, <const float *>p, n)
            elif t == cnp.NPY_INT16: r = feed[short](self.q, &self.o, <const short *>p, n)
            elif t == cnp.NPY_INT32: r = feed[int](self.q, &self.o, <const int *>p, n)
            else: r = -2
        if r == -2:
            raise InputError("chunk", f"has dtype {a.dtype}", "use float64, float32, int16 or int32")
        if r < 0:
            raise MemoryError
        return self._take()

    def flush(self):
        """Decide what is pending as if the signal had ended."""
        cdef int r = 0
        if self.q.rising:
            self.q.rising = 0
            r = candidate(self.q, &self.o)
        if r == 0 and self.q.learning and self.q.ncand:
            r = finish_learning(self.q, &self.o)
        if r < 0:
            raise MemoryError
        return self._take()

    def gap(self, i64 n_missing):
        """Say that samples are missing."""
        out = self.flush()
        self.q.n += n_missing
        self.q.nan_run += 1
        return out

    @property
    def state_size(self):
        return sizeof(State)

    def get_state(self):
        """Return everything that the detector remembers, as bytes."""
        body = (<char *>self.q)[:sizeof(State)]
        return b"VQRS" + struct.pack("<HI", 1, zlib.crc32(body)) + body

    def set_state(self, bytes state not None):
        """Go on from bytes that ``get_state`` returned for the same sampling rate."""
        if len(state) != sizeof(State) + 10 or state[:6] != b"VQRS\x01\x00":
            raise StateError("state", "is not one of this version", "start anew with reset()")
        body = state[10:]
        if struct.unpack_from("<I", state, 6)[0] != zlib.crc32(body):
            raise StateError("state", "is damaged", "start anew with reset()")
        if struct.unpack_from("<d", body)[0] != self.fs:
            raise StateError("state", "is of another sampling rate", "start anew with reset()")
        memcpy(self.q, <char *>body, sizeof(State))
