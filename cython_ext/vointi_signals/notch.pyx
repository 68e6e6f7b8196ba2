"""Removes mains hum, of 50 or 60 Hz as it finds it.

Every two seconds the power at 50 and 60 Hz is compared with that of the neighbouring frequencies
(Goertzel's algorithm under a Hann window). Hum that stands out twice in a row is notched; the
notch is taken out again when it has not stood out three times in a row. Both notches run all the
time, so that the change is a cross-fade between settled signals and not a transient.

Gaps: as in ``SosFilter``; the two seconds begin anew, what was found is kept.
"""

from libc.math cimport M_PI, cos
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

cimport numpy as cnp

from vointi_signals._buffers cimport BLOCK, Filter, output_type
from vointi_signals.sos cimport SosFilter

import numpy as np

from vointi_signals._checks import MAINS, checked_mains, checked_rate
from vointi_signals._state import fingerprint, listed, nested, numbers, restore, save, whole
from vointi_signals.design import group_delay, mains_notch_sos

cnp.import_array()

cdef extern from "math.h" nogil:
    bint isfinite(double)
    const double NAN

cdef enum:
    BINS = 5  # the candidate and two neighbours on either side
    RAW = 2  # the third source of the output beside the two notches, 0 and 1

# Half a hertz of resolution, so that mains that is 0.2 Hz off still falls into the bin.
WINDOW_S = 2.0
FADE_S = 0.2
# Noise alone exceeds ten times the mean of its four neighbours about once in a thousand windows.
cdef double FOUND = 10.0
cdef double LOST = 3.0
# Neighbours near enough for the same noise, far enough for the Hann window's main lobe; near
# half the sampling rate the upper ones move below.
NEAR = (3.0, 5.0)


cdef class MainsNotch(Filter):
    """Notch at the mains frequency and its harmonics for one channel sampled at ``fs`` Hz.

    ``mains`` is "auto", 50 or 60; ``q`` is frequency over width; ``harmonics`` counts the
    fundamental and stops below half the sampling rate. ``detected`` says what is being removed,
    None for nothing. ParameterError where the rate is too low for the frequency.
    """

    cdef SosFilter _at_50
    cdef SosFilter _at_60
    cdef double *_ring
    cdef double *_hann
    cdef double _coefficient[10]
    cdef int _hits[2]
    cdef int _misses[2]
    cdef bint _usable[2]
    cdef int _source
    cdef int _before
    cdef Py_ssize_t _n
    cdef Py_ssize_t _filled
    cdef Py_ssize_t _fade
    cdef Py_ssize_t _faded
    cdef bint _auto
    cdef readonly double fs
    cdef readonly object q
    cdef readonly object harmonics
    cdef readonly object mains

    def __cinit__(self, fs, mains="auto", q=30.0, harmonics=1, dtype=np.float64):
        self.fs = checked_rate(fs)
        self.mains, usable = checked_mains(mains, self.fs)
        self.q, self.harmonics = q, harmonics
        self._auto = mains == "auto"
        self._typenum = output_type(dtype)
        self._n = round(WINDOW_S * self.fs)
        self._fade = max(1, round(FADE_S * self.fs))
        self._ring = <double *>calloc(2 * self._n, sizeof(double))
        if not self._ring:
            raise MemoryError
        self._hann = self._ring + self._n
        self._at_50 = self._filter(50.0 if usable[0] else 60.0)
        self._at_60 = self._filter(60.0 if usable[1] else 50.0)
        self._tune(usable)
        self.reset()

    def __dealloc__(self):
        free(self._ring)

    def _filter(self, hz):
        return SosFilter(mains_notch_sos(hz, self.q, self.fs, self.harmonics), settle=True)

    def _tune(self, usable):
        cdef Py_ssize_t i
        for i in range(self._n):
            self._hann[i] = 0.5 - 0.5 * cos(2 * M_PI * i / self._n)
        for c in range(2):
            self._usable[c] = usable[c]
            for b, shift in enumerate((0.0, -NEAR[1], -NEAR[0], NEAR[0], NEAR[1])):
                hz = MAINS[c] + shift
                if hz >= self.fs / 2 - 1:
                    hz = MAINS[c] - shift - 4.0
                self._coefficient[BINS * c + b] = 2 * cos(2 * M_PI * hz / self.fs)

    @property
    def detected(self):
        """The frequency that is being removed, 50 or 60; None for nothing."""
        return None if self._source == RAW else int(MAINS[self._source])

    @property
    def gaps(self):
        """How many gaps there were since the start or the last reset."""
        return self._at_60.gaps if self._source == 1 else self._at_50.gaps

    @property
    def latency_s(self):
        """Group delay in seconds at 10 Hz, where the notch is the signal's neighbour."""
        return group_delay(self._at_50.sos, self.fs, min(10.0, self.fs / 8))

    def reset(self):
        """Forget every sample seen and what was found, as after construction."""
        self._at_50.reset()
        self._at_60.reset()
        memset(self._hits, 0, sizeof(self._hits))
        memset(self._misses, 0, sizeof(self._misses))
        self._filled = 0
        self._faded = self._fade
        self._source = RAW if self._auto else (0 if self.mains == 50 else 1)
        self._before = self._source

    def gap(self, Py_ssize_t n_missing=0):
        """Tell the filter that samples are missing here; the notches start anew."""
        self._at_50.gap()
        self._at_60.gap()
        self._filled = 0

    cdef double _stands_out(self, int c, double mean) noexcept nogil:
        """Return a candidate's power over the mean of its neighbours' in the full window."""
        cdef double s1[BINS]
        cdef double s2[BINS]
        cdef double power[BINS]
        cdef const double *k = &self._coefficient[BINS * c]
        cdef double v, now, around
        cdef Py_ssize_t i
        cdef int b
        memset(s1, 0, sizeof(s1))
        memset(s2, 0, sizeof(s2))
        for i in range(self._n):
            v = (self._ring[i] - mean) * self._hann[i]
            for b in range(BINS):
                now = v + k[b] * s1[b] - s2[b]
                s2[b] = s1[b]
                s1[b] = now
        for b in range(BINS):
            power[b] = s1[b] * s1[b] + s2[b] * s2[b] - k[b] * s1[b] * s2[b]
        around = (power[1] + power[2] + power[3] + power[4]) / (BINS - 1)
        # Below the rounding of the sums there is nothing to compare.
        if not power[0] > 1e-18 * mean * mean * self._n:
            return 0.0
        return power[0] / around if around > 0 else FOUND

    cdef void _decide(self) noexcept nogil:
        """Judge the full window and begin a cross-fade where the source changes."""
        cdef double mean = 0.0, ratio
        cdef Py_ssize_t i
        cdef int c, source = self._source
        for i in range(self._n):
            mean += self._ring[i]
        mean /= self._n
        for c in range(2):
            ratio = self._stands_out(c, mean) if self._usable[c] else 0.0
            self._hits[c] = min(self._hits[c] + 1, 2) if ratio >= FOUND else 0
            self._misses[c] = min(self._misses[c] + 1, 3) if ratio < LOST else 0
        if source != RAW and self._misses[source] >= 3:
            source = RAW
        if source == RAW:
            source = 0 if self._hits[0] >= 2 else 1 if self._hits[1] >= 2 else RAW
        if source != self._source:
            self._before = self._source
            self._source = source
            self._faded = 0

    cdef void _work(self, double *x, Py_ssize_t n) noexcept nogil:
        """Filter up to BLOCK samples where they lie."""
        cdef double notched[2][BLOCK]
        cdef double weight, old, new
        cdef Py_ssize_t i
        if not self._auto:
            memcpy(notched[0], x, n * sizeof(double))
            if self._source == 0:
                self._at_50._all(cnp.NPY_DOUBLE, <const char *>notched[0], <char *>x, n)
            else:
                self._at_60._all(cnp.NPY_DOUBLE, <const char *>notched[0], <char *>x, n)
            return
        self._at_50._all(cnp.NPY_DOUBLE, <const char *>x, <char *>notched[0], n)
        self._at_60._all(cnp.NPY_DOUBLE, <const char *>x, <char *>notched[1], n)
        for i in range(n):
            if isfinite(x[i]):
                self._ring[self._filled] = x[i]
                self._filled += 1
            else:
                self._filled = 0
            new = x[i] if self._source == RAW else notched[self._source][i]
            if self._faded < self._fade:
                self._faded += 1
                weight = <double>self._faded / self._fade
                old = x[i] if self._before == RAW else notched[self._before][i]
                new = old + weight * (new - old)
            if self._filled == self._n:
                self._decide()
                self._filled = 0
            x[i] = new if isfinite(new) else NAN

    def get_state(self):
        """Return the state as bytes (JSON inside), for ``set_state`` of an equal notch."""
        return save(
            "notch",
            self._fingerprint(),
            at_50=self._at_50.get_state().decode(),
            at_60=self._at_60.get_state().decode(),
            window=[self._ring[i] for i in range(self._filled)],
            counts=[self._hits[0], self._hits[1], self._misses[0], self._misses[1]],
            source=self._source,
            before=self._before,
            faded=self._faded,
        )

    def set_state(self, raw):
        """Take up a state of ``get_state``; StateError where it is not this notch's."""
        cdef Py_ssize_t i
        saved = restore(raw, "notch", self._fingerprint())
        filters = nested(saved, "at_50"), nested(saved, "at_60")
        source, before = whole(saved, "source", RAW), whole(saved, "before", RAW)
        faded, counts = whole(saved, "faded", self._fade), numbers(saved, "counts", 4)
        window = listed(saved, "window", self._n - 1)
        self._at_50.set_state(filters[0])
        self._at_60.set_state(filters[1])
        for i in range(2):
            self._hits[i] = <int>counts[i]
            self._misses[i] = <int>counts[2 + i]
        for i in range(len(window)):
            self._ring[i] = window[i]
        self._filled, self._faded = len(window), faded
        self._source, self._before = source, before

    def _fingerprint(self):
        return fingerprint(self.fs, self.mains, self.q, self.harmonics)
