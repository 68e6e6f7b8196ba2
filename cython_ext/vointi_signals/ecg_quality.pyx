"""How much an ECG can be trusted, window by window: docs/signals/ecg_quality.md."""

from __future__ import annotations

cimport numpy as cnp
from libc.math cimport fabs
from libc.string cimport memcpy, memset

from vointi_signals._biquad cimport cascade, settle
from vointi_signals._buffers cimport BLOCK, load, samples

import numpy as np

from vointi_signals import _blob
from vointi_signals._state import fingerprint
from vointi_signals.design import butter_sos
from vointi_signals.errors import InputError, ParameterError

cnp.import_array()

QUALITY_DTYPE = np.dtype(
    [
        ("index", "<i8"),
        ("time_s", "<f8"),
        ("quality", "<f4"),
        ("kurtosis", "<f4"),
        ("qrs_share", "<f4"),
        ("steady_share", "<f4"),
        ("flat", "<f4"),
        ("clipped", "<f4"),
        ("missing", "<f4"),
        ("lead_off", "?"),
        ("saturated", "?"),
        ("noisy", "?"),
    ]
)

VERSION = 1

cdef double LIMIT = 1e12        # beyond this a value is no measurement, in any unit
cdef double GOOD_KURTOSIS = 5.0     # a clean ECG is above (Zhao and Zhang 2018)
cdef double GOOD_QRS = 0.5          # 5-15 Hz holds half of 5-40 Hz (same source)
cdef double GOOD_STEADY = 0.5       # they ask for 0.95, for diagnosis; beats bear more wander
cdef double GAUSS = 3.0             # kurtosis of noise
cdef double POOR = 0.75             # noisy below: muscle noise of 0 dB, where beats are lost
cdef double MOSTLY = 0.5            # of a window: flat, clipped or missing above is lead-off
cdef double SOME = 0.01             # clipped longer than this share: saturated
cdef enum:
    RUN = 4                         # equal extreme values in a row are a rail, not a peak

cdef packed struct Row:
    long long index
    double time_s
    float quality, kurtosis, qrs_share, steady_share, flat, clipped, missing
    unsigned char lead_off, saturated, noisy

cdef struct Memory:
    long long n             # samples since the start
    long long length        # of the window so far
    long long missing
    long long still         # samples that equal the one before
    long long run           # length of the present run of equal samples
    long long started       # the filters have settled on a first sample
    double previous
    double low, high        # of the window
    double low_runs, high_runs      # samples in runs at them
    double sums[4]          # of powers 1 to 4 of the sample less its slow part
    double qrs, band, slow, whole   # energies
    double z[16]            # 5-15 Hz, 5-40 Hz, 0.5-40 Hz, 0.05-1 Hz


cdef inline double clamp(double v) noexcept nogil:
    return 0.0 if not v > 0.0 else 1.0 if v > 1.0 else v


cdef void clear(Memory *m) noexcept nogil:
    m.length = m.missing = m.still = m.run = 0
    m.low = 1e300
    m.high = -1e300
    m.low_runs = m.high_runs = 0.0
    m.qrs = m.band = m.slow = m.whole = 0.0
    memset(m.sums, 0, sizeof(m.sums))


cdef void follow_extremes(Memory *m, double v, long long run) noexcept nogil:
    """Count the samples that lie in runs at the window's lowest and highest value."""
    if v < m.low:
        m.low = v
        m.low_runs = 0.0
    if v > m.high:
        m.high = v
        m.high_runs = 0.0
    if run < RUN: return
    if v == m.low: m.low_runs += RUN if run == RUN else 1
    if v == m.high: m.high_runs += RUN if run == RUN else 1


cdef void take(const double *c, Memory *m, double v) noexcept nogil:
    cdef double y, w
    m.n += 1
    m.length += 1
    if not fabs(v) < LIMIT:
        m.missing += 1
        return
    if not m.started:
        settle(c, m.z, 2, v)
        settle(c + 10, m.z + 4, 2, v)
        settle(c + 20, m.z + 8, 2, v)
        settle(c + 30, m.z + 12, 2, v)
        m.started = 1
        m.previous = v + 1.0
    m.run = m.run + 1 if v == m.previous else 1
    m.still += v == m.previous
    m.previous = v
    follow_extremes(m, v, m.run)
    y = cascade(c, m.z, 2, v)
    m.qrs += y * y
    y = cascade(c + 10, m.z + 4, 2, v)
    m.band += y * y
    w = cascade(c + 20, m.z + 8, 2, v)         # 0.5 to 40 Hz
    m.whole += w * w
    y = cascade(c + 30, m.z + 12, 2, v)        # 0.05 to 1 Hz
    m.slow += y * y
    y = w * w
    m.sums[0] += w
    m.sums[1] += y
    m.sums[2] += y * w
    m.sums[3] += y * y


cdef void close(const Memory *m, double fs, Row *r) noexcept nogil:
    """Describe the window."""
    cdef double n = m.length - m.missing, mean, m2, m4, extremes
    memset(r, 0, sizeof(Row))
    r.index = m.n - m.length
    r.time_s = r.index / fs
    r.missing = <float>(m.missing / <double>m.length)
    if n > 0:
        r.flat = <float>(m.still / n)
        extremes = m.low_runs + m.high_runs
        r.clipped = <float>(clamp(extremes / n)) if m.high > m.low else <float>0.0
        mean = m.sums[0] / n
        m2 = m.sums[1] / n - mean * mean
        m4 = (m.sums[3] - 4 * mean * m.sums[2] + 6 * mean * mean * m.sums[1]) / n - 3 * mean**4
        if m2 > 0: r.kurtosis = <float>(m4 / (m2 * m2))
        if m.band > 0: r.qrs_share = <float>(m.qrs / m.band)
        if m.whole + m.slow > 0: r.steady_share = <float>(1.0 - clamp(m.slow / (m.slow + m.whole)))
    r.saturated = r.clipped > SOME
    r.lead_off = r.missing > MOSTLY or r.flat > MOSTLY + 0.3 or r.clipped > MOSTLY \
        or not m.high > m.low
    r.quality = <float>(
        clamp((r.kurtosis - GAUSS) / (GOOD_KURTOSIS - GAUSS)) * clamp(r.qrs_share / GOOD_QRS)
        * clamp(r.steady_share / GOOD_STEADY) * (1.0 - r.missing) * (1.0 - r.clipped)
    )
    if r.lead_off: r.quality = 0.0
    r.noisy = r.quality < POOR and not r.lead_off


cdef class EcgQuality:
    """Rates an ECG lead window by window; see the stub for the contract."""

    cdef Memory m
    cdef double c[40]
    cdef readonly double fs
    cdef readonly double window_s
    cdef long long length

    def __init__(self, fs, window_s=4.0):
        try:
            self.fs, self.window_s = float(fs), float(window_s)
        except (TypeError, ValueError):
            raise ParameterError("fs", f"{fs!r}, {window_s!r}", "pass numbers") from None
        if not 100.0 <= self.fs <= 1000.0:
            raise ParameterError("fs", f"{fs!r} Hz is outside 100 to 1000", "resample first")
        if not 1.0 <= self.window_s <= 60.0:
            raise ParameterError("window_s", f"{window_s!r} s is outside 1 to 60")
        self.length = round(self.fs * self.window_s)
        bands = [
            butter_sos(2, edges, self.fs, "bandpass")
            for edges in ([5.0, 15.0], [5.0, 40.0], [0.5, 40.0], [0.05, 1.0])
        ]
        for i, sos in enumerate(bands):
            for j in range(2):
                for k, column in enumerate((0, 1, 2, 4, 5)):
                    self.c[10 * i + 5 * j + k] = sos[j, column]
        self.reset()

    @property
    def latency_s(self):
        return self.window_s

    def reset(self):
        memset(&self.m, 0, sizeof(Memory))
        clear(&self.m)

    def push(self, x):
        cdef cnp.ndarray a = samples(x, 1)
        cdef long long n = cnp.PyArray_DIM(a, 0), i, at = 0, part
        cdef int kind = cnp.PyArray_TYPE(a)
        cdef const char *data = <const char *>cnp.PyArray_DATA(a)
        cdef Py_ssize_t size = a.dtype.itemsize
        cdef double block[BLOCK]
        out = np.zeros((self.m.length + n) // self.length, QUALITY_DTYPE)
        cdef Row *rows = <Row *>cnp.PyArray_DATA(out)
        with nogil:
            while at < n:
                part = n - at if n - at < BLOCK else BLOCK
                load(kind, data + at * size, part, block)
                for i in range(part):
                    take(self.c, &self.m, block[i])
                    if self.m.length == self.length:
                        close(&self.m, self.fs, rows)
                        rows += 1
                        clear(&self.m)
                at += part
        return out

    def flush(self):
        cdef Row row
        if self.m.length < self.length // 2:
            clear(&self.m)
            return np.zeros(0, QUALITY_DTYPE)
        close(&self.m, self.fs, &row)
        clear(&self.m)
        out = np.zeros(1, QUALITY_DTYPE)
        memcpy(cnp.PyArray_DATA(out), &row, sizeof(Row))
        return out

    def gap(self, n_missing):
        if isinstance(n_missing, bool) or not isinstance(n_missing, (int, np.integer)) \
                or not 0 <= n_missing <= 10_000_000:
            raise InputError("n_missing", f"{n_missing!r}", "pass a count from 0 to 10,000,000")
        return self.push(np.full(n_missing, np.nan, np.float32))

    def get_state(self):
        of = fingerprint(self.fs, self.window_s)
        return _blob.pack(b"VEQU", VERSION, of, (<const char *>&self.m)[:sizeof(Memory)])

    def set_state(self, state):
        of = fingerprint(self.fs, self.window_s)
        body = _blob.unpack(state, b"VEQU", VERSION, of, sizeof(Memory))
        memcpy(&self.m, <const char *>body, sizeof(Memory))
        if not 0 <= self.m.length < self.length: self.reset()
