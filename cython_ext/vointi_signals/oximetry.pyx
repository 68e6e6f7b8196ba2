"""SpO2 and perfusion index from red and infrared light: see docs/signals/oximetry.md."""

cimport numpy as cnp
from libc.math cimport NAN, fmax, fmin, isfinite, sqrt
from libc.string cimport memset

import numpy as np

from vointi_signals._biquad cimport cascade, settle, take_sections
from vointi_signals._buffers cimport BLOCK, Rows, fill, rows_of, samples
from vointi_signals._calibration import checked_curve
from vointi_signals._events cimport Detector
from vointi_signals._state import fingerprint
from vointi_signals._checks import checked_missing, checked_rate
from vointi_signals.design import butter_sos
from vointi_signals.errors import ParameterError

cnp.import_array()

OXIMETRY_DTYPE = np.dtype(
    [
        ("index", "<i8"),
        ("time_s", "<f8"),
        ("spo2", "<f8"),
        ("ratio", "<f8"),
        ("perfusion_index", "<f8"),
        ("quality", "<f8"),
    ]
)

cdef enum:
    PARTS = 4           # of 1 s that make the window
    SETTLE = 2          # parts after a start that are left out, until the high-pass rests
    POINTS = 32         # of the calibration curve at most

# Below them nothing is said: two channels that do not beat together, or no pulse to speak of.
cdef double LEAST_QUALITY = 0.8
cdef double LEAST_PERFUSION = 0.02   # percent

cdef packed struct Estimate:
    long long index
    double time_s
    double spo2
    double ratio
    double perfusion_index
    double quality

cdef struct Part:
    double rr
    double ii
    double ri
    double red
    double infrared
    double low
    double high

cdef struct State:
    double fs
    double band[10]
    double zr[4]
    double zi[4]
    Part part[PARTS]
    long long n
    int size
    int filled          # samples in the newest part
    int parts           # whole parts since the start of this segment, saturating
    int at
    int missing
    int points
    double curve_ratio[POINTS]
    double curve_spo2[POINTS]


cdef void open_part(State *q) noexcept nogil:
    memset(&q.part[q.at], 0, sizeof(Part))
    q.part[q.at].low = 1e300
    q.part[q.at].high = -1e300
    q.filled = 0


cdef void restart(State *q) noexcept nogil:
    q.parts = -1
    q.at = 0
    open_part(q)


cdef double read_curve(const State *q, double ratio) noexcept nogil:
    """Interpolate the calibration; NaN outside of it."""
    cdef int i
    cdef double part
    if not (q.curve_ratio[0] <= ratio <= q.curve_ratio[q.points - 1]):
        return NAN
    for i in range(1, q.points):
        if ratio <= q.curve_ratio[i]:
            part = (ratio - q.curve_ratio[i - 1]) / (q.curve_ratio[i] - q.curve_ratio[i - 1])
            return q.curve_spo2[i - 1] + part * (q.curve_spo2[i] - q.curve_spo2[i - 1])
    return NAN


cdef void estimate(State *q, Estimate *e) noexcept nogil:
    """Join the parts of the window."""
    cdef Part s = q.part[0]
    cdef double dc_red, dc_infrared, n = <double>q.size * PARTS
    cdef int i
    for i in range(1, PARTS):
        s.rr += q.part[i].rr
        s.ii += q.part[i].ii
        s.ri += q.part[i].ri
        s.red += q.part[i].red
        s.infrared += q.part[i].infrared
        s.low = fmin(s.low, q.part[i].low)
        s.high = fmax(s.high, q.part[i].high)
    dc_red, dc_infrared = s.red / n, s.infrared / n
    e.index = q.n
    e.time_s = q.n / q.fs
    e.spo2 = e.ratio = NAN
    e.perfusion_index = NAN
    e.quality = 0
    # A dark, constant or negative channel carries no light that could be compared.
    if not (s.ii > 0 and s.rr > 0 and dc_red > 0 and dc_infrared > 0):
        return
    e.perfusion_index = 100 * (s.high - s.low) / dc_infrared
    e.quality = fmax(0.0, s.ri / sqrt(s.rr * s.ii))
    if e.quality < LEAST_QUALITY or e.perfusion_index < LEAST_PERFUSION:
        return
    # The slope of red over infrared uses the whole pulse, not two noisy extremes of it.
    e.ratio = (s.ri / s.ii) * (dc_infrared / dc_red)
    e.spo2 = read_curve(q, e.ratio)


cdef bint take_one(State *q, double red, double infrared, Estimate *e) noexcept nogil:
    """Take one pair of samples; True when an estimate was written."""
    cdef double r, i
    cdef Part *p
    q.n += 1
    if not (isfinite(red) and isfinite(infrared)):
        if q.parts >= 0:
            restart(q)
        return False
    if q.parts < 0:
        settle(q.band, q.zr, 2, red)
        settle(q.band, q.zi, 2, infrared)
        q.parts = 0
    r = cascade(q.band, q.zr, 2, red)
    i = cascade(q.band, q.zi, 2, infrared)
    p = &q.part[q.at]
    p.rr += r * r
    p.ii += i * i
    p.ri += r * i
    p.red += red
    p.infrared += infrared
    p.low = fmin(p.low, i)
    p.high = fmax(p.high, i)
    q.filled += 1
    if q.filled < q.size:
        return False
    if q.parts < PARTS + SETTLE:
        q.parts += 1
    q.at = (q.at + 1) % PARTS
    if q.parts == PARTS + SETTLE:
        estimate(q, e)
        open_part(q)
        return True
    open_part(q)
    return False


cdef class PulseOximeter(Detector):
    """SpO2 in percent, once a second from the last 4 s, by the ratio of ratios.

    ``push`` takes (n, 2), red and infrared light as the sensor counts it (it must not be
    inverted or made free of its mean), at 20 to 1000 Hz. ``calibration`` is a sequence of
    (ratio, SpO2) pairs with rising ratios: it belongs to the sensor, so every device model
    brings its own. An estimate is NaN, never a guess, where the channels do not beat together,
    the pulse is too weak or the ratio lies outside the calibration. A missing sample (NaN)
    starts the window anew.
    """

    cdef State q
    cdef object _curve

    def __init__(self, fs, calibration=None):
        self.fs = checked_rate(fs)
        if not 20 <= self.fs <= 1000:
            raise ParameterError("fs", f"{fs} Hz", "use 20 to 1000 Hz, resample first")
        self._curve = checked_curve(calibration, POINTS)
        self._keep(&self.q, sizeof(State), b"VOXI", fingerprint("oximetry", self.fs, self._curve))
        self._setup()

    cdef _setup(self):
        cdef State *q = &self.q
        memset(q, 0, sizeof(State))
        sos = np.vstack([
            butter_sos(1, 0.5, self.fs, "highpass"), butter_sos(2, 5.0, self.fs)
        ])
        take_sections(sos, q.band)
        for i, (ratio, spo2) in enumerate(self._curve):
            q.curve_ratio[i] = ratio
            q.curve_spo2[i] = spo2
        q.points = len(self._curve)
        q.fs = self.fs
        q.size = round(self.fs)
        restart(q)

    @property
    def latency_s(self):
        """Age in s of the middle of an estimate's window."""
        return PARTS / 2 * self.q.size / self.fs

    def push(self, x):
        """Return the estimates of the seconds that ended with these samples, shape (n, 2)."""
        cdef cnp.ndarray a = samples(x, 2)
        cdef Py_ssize_t n = cnp.PyArray_DIM(a, 0)
        cdef cnp.ndarray out = np.empty((self.q.filled + n) // self.q.size + 1, OXIMETRY_DTYPE)
        cdef Estimate *e = <Estimate *>cnp.PyArray_DATA(out)
        cdef double block[2 * BLOCK]
        cdef Rows rows = rows_of(a)
        cdef Py_ssize_t i, m, found = 0
        with nogil:
            m = fill(&rows, block)
            while m > 0:
                for i in range(m):
                    if take_one(&self.q, block[2 * i], block[2 * i + 1], e + found):
                        found += 1
                m = fill(&rows, block)
        return out[:found]

    def gap(self, n_missing):
        """Say that ``n_missing`` samples are missing here."""
        cdef long long n = checked_missing(n_missing)
        if n and self.q.parts >= 0:
            restart(&self.q)
        self.q.n += n
        return np.empty(0, OXIMETRY_DTYPE)

    def flush(self):
        """Return nothing: a second that did not end is no second."""
        return np.empty(0, OXIMETRY_DTYPE)

    def reset(self):
        """Forget everything."""
        self._setup()

    cdef bint _sound(self, const char *saved) noexcept:
        cdef const State *q = <const State *>saved
        return (
            q.size == self.q.size and 0 <= q.filled < q.size and 0 <= q.at < PARTS
            and q.points == self.q.points
        )
