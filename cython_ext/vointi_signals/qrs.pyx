"""QRS detection, sample by sample: docs/signals/qrs.md tells the method and its accuracy.

Decimated to 100-200 Hz, band-passed 6-20 Hz, summed absolute steps over 120 ms; maxima of that
energy are judged against two adaptive levels and placed on the raw signal.
"""

from __future__ import annotations

from libc.math cimport fabs
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cimport numpy as cnp

from vointi_signals._buffers cimport samples
from vointi_signals._qrs_decide cimport candidate, close_segment, decide, open_segment
from vointi_signals._qrs_types cimport (
    VO_BRIDGE_S, VO_CANDS, VO_HOLD_S, VO_LIMIT, VO_RAW, VO_TICKS,
    Event, Memory, Setup, Sink, i64,
)

import math

import numpy as np

from vointi_signals import _blob
from vointi_signals._state import fingerprint
from vointi_signals.design import butter_sos, group_delay
from vointi_signals.errors import InputError, ParameterError

cnp.import_array()

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

BAND_HZ = (6.0, 20.0)   # most of the QRS, little of P, T, wander and muscle
WINDOW_S = 0.12         # a wide QRS
SLOWEST_TICK_HZ = 100   # the band-pass needs no faster clock; the work is done at 100 to 200 Hz
VERSION = 1

# Below this many samples releasing the interpreter lock costs more than the work.
cdef enum:
    UNLOCK = 4096

ctypedef fused sample:
    double
    float
    short
    int


cdef inline int tick(const Setup *s, Memory *m, Sink *o, double x) noexcept nogil:
    """Filter one slow sample, follow the energy's maxima and decide what is due."""
    cdef const double *c = s.coef
    cdef double *z = m.z
    cdef i64 now = m.tick, i
    cdef double v, y, step
    cdef int failed = 0
    v = c[0] * x + z[0]
    z[0] = c[1] * x - c[3] * v + z[1]
    z[1] = c[2] * x - c[4] * v
    y = c[5] * v + z[2]
    z[2] = c[6] * v - c[8] * y + z[3]
    z[3] = c[7] * v - c[9] * y
    step = fabs(y - m.band) if now >= m.warm else 0.0
    m.band = y
    m.energy += step - m.steps[(now - s.window) & (VO_TICKS - 1)]
    m.steps[now & (VO_TICKS - 1)] = step
    if now & (VO_TICKS - 1) == 0:       # summed afresh: rounding cannot pile up
        m.energy = 0.0
        for i in range(s.window): m.energy += m.steps[(now - i) & (VO_TICKS - 1)]
    if m.rising:
        if m.energy > m.peak:
            m.peak = m.energy
            m.peak_tick = now
        elif now - m.peak_tick >= s.hold:
            m.rising = 0
            m.valley = m.energy
            failed = candidate(s, m, o)
    elif m.energy < m.valley:
        m.valley = m.energy
    elif m.energy > 1.05 * m.valley:    # by a twentieth: not the ripple of a flat stretch
        m.rising = 1
        m.peak_valley = m.valley
        m.peak = m.energy
        m.peak_tick = now
    m.tick = now + 1
    return failed if failed else decide(s, m, o)


cdef inline int missing(const Setup *s, Memory *m, Sink *o) noexcept nogil:
    """Count a missing sample; 1 when the last good one is to be held in its place."""
    cdef int failed = 0
    m.missing += 1
    if m.open and m.missing <= s.bridge: return 1
    if m.open:
        m.gaps += 1
        failed = close_segment(s, m, o)
    m.n += 1
    return failed


cdef int feed(const Setup *s, Memory *m, Sink *o, const sample *x, i64 n) noexcept nogil:
    cdef i64 i, step = s.step
    cdef double v
    cdef int held
    for i in range(n):
        v = x[i]
        if fabs(v) < VO_LIMIT:
            if not m.open: open_segment(s, m, v)
            m.missing = 0
            m.previous = v
        else:
            held = missing(s, m, o)
            if held < 0: return -1
            if not held: continue
            v = m.previous
        v -= m.origin
        m.raw[m.n & (VO_RAW - 1)] = <float>v
        m.n += 1
        m.sum1 += v
        m.sum2 += m.sum1
        m.phase += 1
        if m.phase == step:
            v = (m.flank + m.sum2 - m.sum1) * s.scale
            m.flank = (step + 1) * m.sum1 - m.sum2
            m.phase = 0
            m.sum1 = m.sum2 = 0.0
            if tick(s, m, o, v) < 0: return -1
    return 0


cdef int feed_any(const Setup *s, Memory *m, Sink *o, int kind, const void *x, i64 n) noexcept nogil:
    if kind == cnp.NPY_DOUBLE: return feed[double](s, m, o, <const double *>x, n)
    if kind == cnp.NPY_FLOAT: return feed[float](s, m, o, <const float *>x, n)
    if kind == cnp.NPY_INT16: return feed[short](s, m, o, <const short *>x, n)
    return feed[int](s, m, o, <const int *>x, n)


cdef class QrsDetector:
    """Finds heart beats in one ECG lead as it arrives; see the stub for the contract."""

    cdef Setup setup
    cdef Memory *memory
    cdef Sink sink
    cdef object none

    def __cinit__(self):
        self.memory = <Memory *>malloc(sizeof(Memory))
        self.sink.room = 64
        self.sink.events = <Event *>malloc(64 * sizeof(Event))
        if self.memory == NULL or self.sink.events == NULL:
            raise MemoryError
        memset(self.memory, 0, sizeof(Memory))

    def __dealloc__(self):
        free(self.memory)
        free(self.sink.events)

    def __init__(self, fs):
        cdef Setup *s = &self.setup
        try:
            rate = float(fs)
        except (TypeError, ValueError):
            raise ParameterError("fs", f"{fs!r} is not a number", "pass Hz") from None
        if not 100.0 <= rate <= 1000.0:
            raise ParameterError("fs", f"{fs!r} Hz is outside 100 to 1000", "resample first")
        s.fs = rate
        s.step = int(rate / SLOWEST_TICK_HZ)
        tick_hz = rate / s.step
        sos = butter_sos(2, list(BAND_HZ), tick_hz, "bandpass")
        for i in range(2):
            for j, k in enumerate((0, 1, 2, 4, 5)):
                s.coef[5 * i + j] = sos[i, k]
        s.scale = 1.0 / s.step**2
        s.window = round(WINDOW_S * tick_hz)
        s.hold = max(1, round(VO_HOLD_S * tick_hz))
        s.second = round(tick_hz)
        s.bridge = int(VO_BRIDGE_S * rate)
        middle = group_delay(sos, tick_hz, math.sqrt(BAND_HZ[0] * BAND_HZ[1]))
        s.delay = middle * rate + (0.5 * s.window + 1.0) * s.step
        self.none = np.empty(0, EVENT_DTYPE)
        self.none.flags.writeable = False
        self.reset()

    @property
    def fs(self):
        return self.setup.fs

    @property
    def latency_s(self):
        return (self.setup.delay + self.setup.hold * self.setup.step) / self.setup.fs

    @property
    def gaps(self):
        return self.memory.gaps

    @property
    def samples_seen(self):
        return self.memory.n

    def reset(self):
        memset(self.memory, 0, sizeof(Memory))
        self.memory.learning = 1
        self.memory.pending = -1
        self.sink.n = 0

    cdef object taken(self, int failed):
        cdef i64 n = self.sink.n
        if failed < 0:
            raise MemoryError
        if n == 0:
            return self.none
        events = np.empty(n, EVENT_DTYPE)
        memcpy(cnp.PyArray_DATA(events), self.sink.events, n * sizeof(Event))
        self.sink.n = 0
        return events

    def push(self, x):
        cdef cnp.ndarray a = samples(x, 1)
        cdef i64 n = cnp.PyArray_DIM(a, 0)
        cdef int kind = cnp.PyArray_TYPE(a)
        cdef const void *data = cnp.PyArray_DATA(a)
        cdef int failed
        if n < UNLOCK:
            failed = feed_any(&self.setup, self.memory, &self.sink, kind, data, n)
        else:
            with nogil:
                failed = feed_any(&self.setup, self.memory, &self.sink, kind, data, n)
        return self.taken(failed)

    def flush(self):
        cdef int failed = 0
        if self.memory.open:
            failed = close_segment(&self.setup, self.memory, &self.sink)
        return self.taken(failed)

    def gap(self, n_missing):
        cdef double nothing = float("nan")
        cdef i64 left
        cdef int failed = 0
        if isinstance(n_missing, bool) or not isinstance(n_missing, (int, np.integer)) \
                or not 0 <= n_missing < 2**40:
            raise InputError("n_missing", f"{n_missing!r}", "pass a count of samples from 0 on")
        left = n_missing
        while left and self.memory.open and not failed:
            failed = feed[double](&self.setup, self.memory, &self.sink, &nothing, 1)
            left -= 1
        self.memory.n += left
        self.memory.missing += left
        return self.taken(failed)

    def get_state(self):
        body = (<const char *>self.memory)[:sizeof(Memory)]
        return _blob.pack(b"VQRS", VERSION, fingerprint(self.setup.fs), body)

    def set_state(self, state):
        of = fingerprint(self.setup.fs)
        body = _blob.unpack(state, b"VQRS", VERSION, of, sizeof(Memory))
        memcpy(self.memory, <const char *>body, sizeof(Memory))
        # A checksum proves no good will: counters that index must not be negative.
        self.memory.pending = max(-1, min(self.memory.pending, VO_CANDS - 1))
        self.memory.beats = max(0, self.memory.beats)
        self.memory.intervals = max(0, self.memory.intervals)
        self.memory.candidates = max(0, self.memory.candidates)
        self.sink.n = 0


def detect_qrs(x, fs):
    detector = QrsDetector(fs)
    return np.concatenate([detector.push(x), detector.flush()])
