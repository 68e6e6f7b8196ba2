"""Steps and cadence from 3-axis acceleration of any wearing place: see docs/signals/steps.md."""

cimport numpy as cnp
from libc.math cimport NAN, fmax, fmin, isfinite, log, sqrt
from libc.string cimport memset

import numpy as np

from vointi_signals._biquad cimport cascade, settle, take_sections
from vointi_signals._buffers cimport BLOCK, Rows, fill, rows_of, samples
from vointi_signals._events cimport Detector, Event, Sink
from vointi_signals._state import fingerprint
from vointi_signals._checks import checked_missing, checked_rate
from vointi_signals.design import butter_sos, group_delay
from vointi_signals.errors import ParameterError
from vointi_signals.units import to_ms2

cnp.import_array()

# All decisions are made at one rate, so that a setting means the same on every device; 20 Hz
# holds the 6 Hz that a foot strike needs.
TICK_HZ = 20.0
cdef enum:
    RING = 128
    MASK = 127
    WINDOW = 100        # ticks, 5 s: four strides of a slow walk
    EVERY = 10          # ticks between two looks at the regularity
    PEND = 32           # candidates withheld until the walk is certain
    CHAIN = 10
    LAG_LOW = 13        # ticks: 0.65 s, the shortest stride of a runner
    LAG_HIGH = 46       # ticks: 2.3 s, the longest stride of a slow walk
    STEP_LOW = 6        # ticks: 0.3 s
    STEP_HIGH = 36

# Peaks below are no steps: the slowest walkers of the literature reach about 0.5 m/s2 at the
# trunk, and a quiet hand stays below 0.2 m/s2.
cdef double FLOOR = 0.35
cdef double FRACTION = 0.30      # of the usual peak
cdef double HOLD_LOW = 0.28      # s between two steps at least (running: 200 steps/min)
cdef double HOLD_HIGH = 0.36
cdef double HOLD_STEP = 0.55     # of the period of a step
cdef double STAY = 0.25          # likeness of one stride to the next that ends a walk
cdef double PROVE = 0.60         # and that ends it within its first PROVEN steps
cdef int PROVEN = 20             # a vehicle bounces evenly for ten steps, hardly ever longer

# What speaks for a walk adds up, in logarithms of odds: walks and rides overlap in every single
# measure, hardly in the sum. Each term is nothing where its measure speaks for neither.
cdef double LIKE = 0.70          # likeness of one stride to the next
cdef double UNEVEN_TIME = 0.10   # change of a foot's interval, relative
cdef double UNEVEN_PEAK = 0.35   # and of its peak
cdef double EVENEST = 0.01       # below, neither says more
cdef double SLOW_S = 0.60        # a vehicle bounces on its springs at 1 to 1.6 Hz, few walk so slowly
cdef double WEIGH_LIKE = 12.0
cdef double WEIGH_TIME = 3.0
cdef double WEIGH_PEAK = 2.0
cdef double WEIGH_SLOW = 18.0    # a second of interval beyond SLOW_S
cdef double ENOUGH = 1.0
cdef double RELAX = 1.5          # limits of both changes in a walk that was interrupted briefly
cdef int FIRST = 7               # intervals before a walk is believed
cdef int AGAIN = 4               # and after a brief interruption
cdef double WARM = 4.0           # s, what is brief
cdef double LONGEST = 1.6        # s between two steps, beyond it a new walk begins
cdef double SHORT_GAP = 0.5      # s of missing samples that are bridged

cdef struct State:
    double fs
    double scale
    double inc
    double delay
    double front[15]
    double fz[6]
    double narrow[10]
    double nz[4]
    double wide[RING]
    double band[RING]
    double pos            # samples until the next tick
    double held           # last good magnitude
    double before         # filtered value of the sample before
    double y1
    double y2
    double tick_at        # sample position of the newest tick
    double regular
    double period
    double level
    double usual          # usual interval, s
    double last_s         # last candidate committed
    double counted_s      # last step counted
    double cand_s
    double cand_h
    double gaps[CHAIN]
    double peaks[CHAIN]
    double pend_s[PEND]
    double pend_h[PEND]
    long long n
    long long total
    long long ticks       # since the last gap
    long long missing
    long long since_cold  # steps since a walk began anew
    int started
    int has_cand
    int walking
    int chain             # intervals in the chain, saturating at CHAIN
    int npend
    int after_gap


cdef void restart(State *q) noexcept nogil:
    """Forget the signal, keep the counts."""
    memset(q.wide, 0, sizeof(q.wide))
    memset(q.band, 0, sizeof(q.band))
    memset(q.nz, 0, sizeof(q.nz))
    q.pos = 0
    q.y1 = 0
    q.y2 = 0
    q.ticks = 0
    q.regular = 0
    q.period = 0
    q.started = 0
    q.has_cand = 0
    break_chain(q)
    q.level = 0
    q.last_s = -1e9


cdef void break_chain(State *q) noexcept nogil:
    q.walking = 0
    q.chain = 0
    q.npend = 0
    q.usual = 0


cdef double likeness(const double *x, const double *energy, int lag) noexcept nogil:
    """Correlation of a window of WINDOW values with itself ``lag`` later."""
    cdef double s = 0
    cdef int i
    for i in range(WINDOW - lag):
        s += x[i] * x[i + lag]
    cdef double e = energy[WINDOW - lag] * (energy[WINDOW] - energy[lag])
    return s / (sqrt(e) + 1e-9) if e > 0 else 0


cdef void window_of(const double *ring, long long ticks, double *x, double *e) noexcept nogil:
    """Copy the newest WINDOW values without their mean, and their running energy."""
    cdef int i
    cdef double mean = 0
    for i in range(WINDOW):
        x[i] = ring[(ticks - WINDOW + i) & MASK]
        mean += x[i]
    mean /= WINDOW
    e[0] = 0
    for i in range(WINDOW):
        x[i] -= mean
        e[i + 1] = e[i] + x[i] * x[i]


cdef void look(State *q) noexcept nogil:
    """Measure how alike the strides of the last 5 s are, and how long a step takes."""
    cdef double x[WINDOW]
    cdef double e[WINDOW + 1]
    cdef double r[STEP_HIGH + 1]
    cdef double top = 0
    cdef int lag
    q.regular = 0
    window_of(q.wide, q.ticks, x, e)
    for lag in range(LAG_LOW, LAG_HIGH):
        q.regular = fmax(q.regular, likeness(x, e, lag))
    window_of(q.band, q.ticks, x, e)
    for lag in range(STEP_LOW - 1, STEP_HIGH + 1):
        r[lag] = likeness(x, e, lag)
        if STEP_LOW <= lag < STEP_HIGH:
            top = fmax(top, r[lag])
    q.period = 0
    if top <= 0.3:
        return
    for lag in range(STEP_LOW, STEP_HIGH):
        if r[lag] > r[lag - 1] and r[lag] >= r[lag + 1] and r[lag] >= 0.85 * top:
            q.period = lag / 20.0
            break
    # From 0.8 s on it is a stride: nobody walks at less than 75 steps a minute evenly enough.
    if q.period >= 0.8:
        q.period /= 2


cdef void count(State *q, Sink out, double at_s, double peak, bint late) noexcept nogil:
    cdef Event e
    e.time_s = fmax(0.0, at_s - q.delay)
    e.index = <long long>(e.time_s * q.fs + 0.5)
    e.amplitude = <float>peak
    e.quality = <float>fmin(1.0, fmax(0.0, q.regular))
    e.late = late
    e.after_gap = q.after_gap
    q.after_gap = 0
    q.total += 1
    q.since_cold += 1
    q.counted_s = at_s
    out.add(e)


cdef double uneven(const double *v, int n) noexcept nogil:
    """Root mean square change from one foot's value to its next, relative to the mean."""
    cdef double s = 0
    cdef double mean = 0
    cdef int i
    for i in range(n):
        mean += v[i]
        if i >= 2:
            s += (v[i] - v[i - 2]) * (v[i] - v[i - 2])
    return sqrt(s / (n - 2)) / (mean / n + 1e-9) if n > 2 else 1e9


cdef void shift_in(double *v, int n, double x) noexcept nogil:
    """Append to a list of at most CHAIN values that holds ``n``."""
    cdef int i
    if n < CHAIN:
        v[n] = x
        return
    for i in range(CHAIN - 1):
        v[i] = v[i + 1]
    v[CHAIN - 1] = x


cdef bint is_warm(State *q) noexcept nogil:
    """Tell whether a walk ended briefly before the first candidate withheld."""
    return q.since_cold >= PROVEN and q.pend_s[0] - q.counted_s < WARM


cdef double evidence(State *q, double time, double peak, int n) noexcept nogil:
    """Weigh what speaks for a walk in the last ``n`` intervals."""
    cdef double interval = 0
    cdef int i
    for i in range(q.chain - n, q.chain):
        interval += q.gaps[i] / n
    return WEIGH_LIKE * (q.regular - LIKE) - WEIGH_SLOW * fmax(0.0, interval - SLOW_S) \
        + WEIGH_TIME * log(UNEVEN_TIME / fmax(time, EVENEST)) \
        + WEIGH_PEAK * log(UNEVEN_PEAK / fmax(peak, EVENEST))


cdef bint believable(State *q) noexcept nogil:
    """Tell whether the chain of candidates is a walk."""
    cdef bint warm = is_warm(q)
    cdef int n = q.chain if q.chain < FIRST + 2 else FIRST + 2
    cdef double time, peak
    if q.chain < (AGAIN if warm else FIRST):
        return False
    time = uneven(q.gaps + q.chain - n, n)
    peak = uneven(q.peaks + q.chain - n, n)
    if warm:
        return q.regular >= STAY and time < UNEVEN_TIME * RELAX and peak < UNEVEN_PEAK * RELAX
    return evidence(q, time, peak, n) > ENOUGH


cdef void withhold(State *q, double at_s, double peak) noexcept nogil:
    cdef int i
    if q.npend == PEND:
        for i in range(PEND - 1):
            q.pend_s[i] = q.pend_s[i + 1]
            q.pend_h[i] = q.pend_h[i + 1]
        q.npend -= 1
    q.pend_s[q.npend] = at_s
    q.pend_h[q.npend] = peak
    q.npend += 1


cdef void commit(State *q, Sink out, double at_s, double peak) noexcept nogil:
    """Take a candidate into the chain; count it, or all withheld ones, once it is a walk."""
    cdef double gap = at_s - q.last_s
    cdef bint in_step = gap < LONGEST and (
        q.usual == 0 or 0.5 * q.usual <= gap <= 1.8 * q.usual
    )
    cdef int i
    # One missed step does not end a walk.
    if q.walking and gap < fmin(2.4 * q.usual, 1.8):
        in_step = True
    if gap >= LONGEST:
        q.level = 0
    q.last_s = at_s
    q.level = peak if q.level == 0 else q.level + 0.2 * (peak - q.level)
    if in_step:
        q.usual = gap if q.usual == 0 else q.usual + 0.25 * (gap - q.usual)
        shift_in(q.gaps, q.chain, gap)
        shift_in(q.peaks, q.chain, peak)
        q.chain = q.chain + 1 if q.chain < CHAIN else CHAIN
    else:
        break_chain(q)
    if q.walking:
        count(q, out, at_s, peak, False)
        return
    withhold(q, at_s, peak)
    if believable(q):
        q.walking = 1
        if not is_warm(q):
            q.since_cold = 0
        for i in range(q.npend):
            count(q, out, q.pend_s[i], q.pend_h[i], i < q.npend - 1)
        q.npend = 0


cdef void tick(State *q, Sink out, double v) noexcept nogil:
    """Work on one value of the band-passed magnitude at 20 Hz."""
    cdef double y = cascade(q.narrow, q.nz, 2, v)
    cdef double hold, bend, at_s, now_s = q.tick_at / q.fs
    cdef bint done = False
    cdef double done_s = 0
    cdef double done_h = 0
    q.wide[q.ticks & MASK] = v
    q.band[q.ticks & MASK] = y
    q.ticks += 1
    if q.ticks % EVERY == 0 and q.ticks >= WINDOW:
        look(q)
        if q.walking and q.regular < (PROVE if q.since_cold < PROVEN else STAY):
            break_chain(q)
    hold = fmin(HOLD_HIGH, fmax(HOLD_LOW, HOLD_STEP * q.period))
    if q.ticks > 2 and q.y1 > q.y2 and q.y1 >= y and q.y1 > fmax(FLOOR, FRACTION * q.level):
        bend = q.y2 - 2 * q.y1 + y
        at_s = now_s + (0.5 * (q.y2 - y) / bend - 1.0) / 20.0
        if not q.has_cand or at_s - q.cand_s >= hold:
            done = q.has_cand
            done_s = q.cand_s
            done_h = q.cand_h
            q.has_cand = 1
            q.cand_s = at_s
            q.cand_h = q.y1
        elif q.y1 > q.cand_h:
            q.cand_s = at_s
            q.cand_h = q.y1
    if not done and q.has_cand and now_s - q.cand_s >= 0.4:
        done = True
        done_s = q.cand_s
        done_h = q.cand_h
        q.has_cand = 0
    q.y2 = q.y1
    q.y1 = y
    if done:
        commit(q, out, done_s, done_h)
    elif now_s - q.last_s > 2.0:
        if q.walking:
            break_chain(q)
        q.level = 0


cdef void take_one(State *q, Sink out, double m) noexcept nogil:
    """Take the magnitude of one sample, NaN where it is missing."""
    cdef double v
    if not isfinite(m):
        q.missing += 1
        if q.missing > SHORT_GAP * q.fs:
            if q.started:
                restart(q)
                q.after_gap = 1
            q.n += 1
            return
        if not q.started:
            q.n += 1
            return
        m = q.held
    else:
        q.missing = 0
    if not q.started:
        settle(q.front, q.fz, 3, m)
        q.started = 1
        q.before = 0
        q.pos = 0
    q.held = m
    v = cascade(q.front, q.fz, 3, m)
    q.n += 1
    q.pos -= 1
    while q.pos <= 0:
        # Between the sample before (at -1) and this one (at 0).
        q.tick_at = <double>(q.n - 1) + q.pos
        tick(q, out, v + q.pos * (v - q.before))
        q.pos += q.inc
    q.before = v


cdef class StepCounter(Detector):
    """Counts steps in acceleration of any orientation, 20 to 400 Hz.

    ``push`` takes (n, 3) in ``unit``: ``"g"``, ``"mg"`` or ``"m/s2"``. It returns the steps that
    became certain: ``amplitude`` is the peak of the band-passed magnitude in m/s2, ``quality``
    the likeness of strides, 0 to 1. The first steps of a walk are withheld until eight in a row
    are even, then come at once with ``late`` set. NaN rows are missing samples: 0.5 s of them
    are bridged, more ends the walk and sets ``after_gap`` on the next step.
    """

    cdef State q
    cdef Sink out
    cdef readonly str unit

    def __init__(self, fs, unit="m/s2"):
        self.fs = checked_rate(fs)
        if not 20 <= self.fs <= 400:
            raise ParameterError("fs", f"{fs} Hz", "use 20 to 400 Hz, resample first")
        self.unit = unit
        self.out = Sink()
        self._keep(&self.q, sizeof(State), b"VSTP", fingerprint("steps", self.fs, unit))
        self._setup(to_ms2(unit))

    def _setup(self, double scale):
        cdef State *q = &self.q
        memset(q, 0, sizeof(State))
        high, low = butter_sos(1, 0.5, self.fs, "highpass"), butter_sos(4, 6.0, self.fs)
        narrow = butter_sos(4, 3.5, TICK_HZ)
        front = np.vstack([high, low])
        take_sections(front, q.front)
        take_sections(narrow, q.narrow)
        q.fs = self.fs
        q.scale = scale
        q.inc = self.fs / TICK_HZ
        q.delay = group_delay(front, self.fs, 1.8) + group_delay(narrow, TICK_HZ, 1.8)
        restart(q)

    @property
    def latency_s(self):
        """Delay in s from a step to its event in the midst of a walk."""
        return self.q.delay + 0.6

    @property
    def steps(self):
        """Steps counted since the last reset."""
        return self.q.total

    @property
    def cadence(self):
        """Steps a minute now, 0 when not walking."""
        return 60.0 / self.q.usual if self.q.walking and self.q.usual > 0 else 0.0

    def push(self, x):
        """Return the steps that became certain with these samples, shape (n, 3)."""
        cdef cnp.ndarray a = samples(x, 3)
        cdef double block[3 * BLOCK]
        cdef Rows rows = rows_of(a)
        cdef Py_ssize_t i, m
        cdef double s = self.q.scale
        with nogil:
            m = fill(&rows, block)
            while m > 0:
                for i in range(m):
                    take_one(&self.q, self.out, s * sqrt(
                        block[3 * i] * block[3 * i] + block[3 * i + 1] * block[3 * i + 1]
                        + block[3 * i + 2] * block[3 * i + 2]
                    ))
                m = fill(&rows, block)
        return self.out.take()

    def gap(self, n_missing):
        """Say that ``n_missing`` samples are missing here; same as pushing as many NaN rows."""
        cdef long long n = checked_missing(n_missing)
        cdef long long bridged = min(n, <long long>(SHORT_GAP * self.fs) + 2)
        cdef long long i
        for i in range(bridged):
            take_one(&self.q, self.out, NAN)
        self.q.n += n - bridged
        self.q.missing += n - bridged
        return self.out.take()

    def flush(self):
        """Decide about the last candidate as if the signal had ended."""
        if self.q.has_cand:
            self.q.has_cand = 0
            commit(&self.q, self.out, self.q.cand_s, self.q.cand_h)
        return self.out.take()

    def reset(self):
        """Forget everything, the count of steps too."""
        self._setup(self.q.scale)

    cdef bint _sound(self, const char *saved) noexcept:
        cdef const State *q = <const State *>saved
        # The only values that are used as sizes; the ring is indexed through a mask.
        return (
            0 <= q.chain <= CHAIN and 0 <= q.npend <= PEND and q.ticks >= 0
            and q.inc == self.q.inc and 0 <= q.pos <= q.inc
        )
