"""Pulse beats in a photoplethysmogram, sample by sample: see docs/signals/ppg.md."""

cimport numpy as cnp
from libc.math cimport NAN, fabs, fmax, fmin, isfinite, sqrt
from libc.string cimport memmove, memset

import numpy as np

from vointi_signals._biquad cimport cascade, settle, take_sections
from vointi_signals._buffers cimport BLOCK, Rows, fill, rows_of, samples
from vointi_signals._events cimport Detector, Event, Sink
from vointi_signals._state import fingerprint
from vointi_signals._checks import checked_missing, checked_rate
from vointi_signals.design import butter_sos, group_delay
from vointi_signals.errors import ParameterError

cnp.import_array()

cdef enum:
    SHAPE = 24          # points of a pulse's shape
    TICKS = 512         # ring of the band-passed signal at 50 to 100 Hz, 5 s
    MASK = 511
    FAINTS = 8          # faint crests kept for search-back
    RAW = 64            # ring of the signal as it came, at the same rate
    RAW_MASK = 63
    LEARN = 8           # rises kept while learning
    RECENT = 8          # intervals
    CROWD = 4           # full pulses out of time, after which the usual interval is doubted

# Crests are sought below 3 Hz: it removes the dicrotic wave of most people, and the crest of
# the slow part varies less from beat to beat than the foot or the steepest point do.
# 0.5 Hz: the baseline is back within a beat after a step of the light.
cdef double LOW_HZ = 0.5
cdef double HIGH_HZ = 3.0
cdef double FRACTION = 0.40      # of the usual rise that makes a beat
cdef double FAINT = 0.15         # of the usual rise, when a beat is overdue
cdef double DUE = 1.2            # intervals after which the demand falls
cdef double OVERDUE = 1.8        # and has fallen to FAINT
cdef double SHORTEST = 0.28      # s between two beats (214/min)
cdef double PART = 0.55          # of the usual interval, the shortest one believed
cdef double LEARN_S = 3.0
cdef double LEARNT = 0.15        # weight of a new rise in the usual one
cdef double SHORT_GAP = 0.15     # s of missing samples that are bridged
cdef double SHAPE_S = 0.48       # s around the crest that are compared, 2/3 of them before it
cdef double TRACE = 0.03         # of the usual rise, the least that search-back takes
cdef double BACK = 1.45          # intervals of silence that start a search-back
cdef double NEAR = 0.28          # of an interval around the time where a beat was due
# The filters start from one sample, noise and all; 1.5 time constants of 0.5 Hz forget most of it.
cdef double SETTLE_S = 0.5
cdef double STEP_S = 0.05         # s; the fastest ejection of blood takes twice that
cdef double RISE_S = 0.4          # s before a crest, which hold its rise
cdef double JUMP = 0.8            # share of a rise that makes it a step
cdef double LARGE = 2.0           # of the usual rise: above, and below FRACTION, steps are sought
cdef double UNEVEN = 0.2          # deviation of an interval, above which a rhythm is none
cdef double FULL = 0.7            # of the usual rise: surely a pulse, even out of time
cdef double SILENCE_S = 3.0      # s without a beat, after which the level is learnt anew

cdef struct State:
    double fs
    double sign
    double delay
    double front[15]
    double z[6]
    double ring[TICKS]
    double shape[SHAPE]
    double raw[RAW]
    double sum            # of the samples since the last ring value
    double held
    double y1
    double y2
    double low            # last trough
    double low_s
    double usual
    double period
    double last_s
    double cand_s
    double cand_rise
    double faint_s[FAINTS]
    double faint_rise[FAINTS]
    double learn_rise[LEARN]
    double learn_s[LEARN]
    double gaps[RECENT]
    long long n
    long long since       # first sample of this segment
    long long begun       # first sample that the filters know
    long long missing
    int every             # samples a ring value
    int phase
    int head
    int started
    int learning
    int nlearn
    int nfaint
    int ngaps
    int has_cand
    int has_shape
    int after_gap
    int crowded           # full pulses that came too early, in intervals that follow each other
    int crowded_before


cdef void restart(State *q) noexcept nogil:
    """Forget the signal and the last beat, keep what was learnt about beats."""
    memset(q.ring, 0, sizeof(q.ring))
    q.phase = 0
    q.y1 = 0
    q.y2 = 0
    q.low = 0
    q.low_s = -1e9
    q.sum = 0
    q.started = 0
    q.has_cand = 0
    q.nfaint = 0
    q.last_s = -1e9


cdef void learn_anew(State *q) noexcept nogil:
    q.learning = 1
    q.last_s = -1e9     # the silence is no interval
    q.usual = 0
    q.period = 0
    q.ngaps = 0
    q.has_shape = 0


cdef double median_of(const double *v, int n) noexcept nogil:
    """Median of at most RECENT values."""
    cdef double s[RECENT]
    cdef double t
    cdef int i, j
    for i in range(n):
        t = v[i]
        j = i
        while j > 0 and s[j - 1] > t:
            s[j] = s[j - 1]
            j -= 1
        s[j] = t
    return s[n // 2] if n % 2 else 0.5 * (s[n // 2 - 1] + s[n // 2])


cdef double compare(State *q, double at_s, bint learn) noexcept nogil:
    """Likeness (correlation) of the pulse around ``at_s`` to the usual one, which it updates."""
    cdef double x[SHAPE]
    cdef double mean = 0, xx = 0, xs = 0, ss = 0, back, frac, r
    cdef int i, k
    cdef double step = SHAPE_S * q.fs / q.every / SHAPE
    cdef double newest = (q.n - 1 - q.phase) / q.fs
    back = (newest - at_s) * q.fs / q.every + step * SHAPE * 2 / 3
    for i in range(SHAPE):
        r = fmin(fmax(back - i * step, 0.0), TICKS - 2.0)
        k = <int>r
        frac = r - k
        x[i] = q.ring[(q.head - k) & MASK] * (1 - frac) + q.ring[(q.head - k - 1) & MASK] * frac
        mean += x[i]
    mean /= SHAPE
    for i in range(SHAPE):
        x[i] -= mean
        xx += x[i] * x[i]
    if xx <= 0:
        return 0
    xx = sqrt(xx)
    if not q.has_shape:
        for i in range(SHAPE):
            q.shape[i] = x[i] / xx
        q.has_shape = 1
        return 1
    for i in range(SHAPE):
        xs += x[i] / xx * q.shape[i]
        ss += q.shape[i] * q.shape[i]
    r = xs / sqrt(ss) if ss > 0 else 0
    if learn:
        for i in range(SHAPE):
            q.shape[i] += 0.1 * (x[i] / xx - q.shape[i])
    return r


cdef void report(State *q, Sink out, double at_s, double rise, bint late) noexcept nogil:
    cdef Event e
    cdef double gap = at_s - q.last_s
    cdef double size = fmin(rise, q.usual) / fmax(fmax(rise, q.usual), 1e-300)
    cdef double like = compare(q, at_s, rise > FRACTION * q.usual)
    e.time_s = fmax(0.0, at_s - q.delay)
    e.index = <long long>(e.time_s * q.fs + 0.5)
    e.amplitude = <float>rise
    # A pulse of half or twice the usual size is no fault, one of a tenth is.
    e.quality = <float>(fmax(0.0, like) * fmin(1.0, 2 * size))
    e.late = late
    e.after_gap = q.after_gap
    q.after_gap = 0
    out.add(e)
    if 0.25 < gap < 2.2 and (q.period == 0 or 0.5 * q.period < gap < 1.7 * q.period):
        if q.ngaps == RECENT:
            memmove(q.gaps, &q.gaps[1], (RECENT - 1) * sizeof(double))
            q.ngaps -= 1
        q.gaps[q.ngaps] = gap
        q.ngaps += 1
        q.period = median_of(q.gaps, q.ngaps)
    if rise > 0.3 * q.usual:
        q.usual += LEARNT * (fmin(rise, 2 * q.usual) - q.usual)
    q.last_s = at_s
    if q.crowded == q.crowded_before:
        q.crowded = 0
    q.crowded_before = q.crowded
    drop_faint(q, at_s)


cdef void drop_faint(State *q, double before_s) noexcept nogil:
    cdef int i, n = 0
    for i in range(q.nfaint):
        if q.faint_s[i] > before_s:
            q.faint_s[n] = q.faint_s[i]
            q.faint_rise[n] = q.faint_rise[i]
            n += 1
    q.nfaint = n
    if q.learning:
        return
    n = 0
    for i in range(q.nlearn):
        if q.learn_s[i] > before_s:
            q.learn_s[n] = q.learn_s[i]
            q.learn_rise[n] = q.learn_rise[i]
            n += 1
    q.nlearn = n


cdef double demanded(State *q, double at_s) noexcept nogil:
    """The rise that a beat must have now."""
    cdef double late
    if q.period <= 0:
        return FRACTION * q.usual
    late = ((at_s - q.last_s) / q.period - DUE) / (OVERDUE - DUE)
    late = fmin(1.0, fmax(0.0, late))
    return q.usual * (FRACTION + late * (FAINT - FRACTION))


cdef void keep_faint(State *q, double at_s, double rise) noexcept nogil:
    if rise < TRACE * q.usual:
        return
    if q.nfaint == FAINTS:
        memmove(q.faint_s, &q.faint_s[1], (FAINTS - 1) * sizeof(double))
        memmove(q.faint_rise, &q.faint_rise[1], (FAINTS - 1) * sizeof(double))
        q.nfaint -= 1
    q.faint_s[q.nfaint] = at_s
    q.faint_rise[q.nfaint] = rise
    q.nfaint += 1


cdef bint search_back(State *q, Sink out, double now_s) noexcept nogil:
    """Where no beat came, take the largest faint crest near the time where one was due."""
    cdef double due = q.last_s + q.period
    cdef int i, best = -1
    if q.has_cand or q.ngaps < 3 or now_s - q.last_s < BACK * q.period:
        return False
    for i in range(q.nfaint):
        if fabs(q.faint_s[i] - due) <= NEAR * q.period and (
            best < 0 or q.faint_rise[i] > q.faint_rise[best]
        ):
            best = i
    if best < 0:
        return False
    report(q, out, q.faint_s[best], q.faint_rise[best], True)
    return True


cdef void settle_candidate(State *q, Sink out) noexcept nogil:
    q.has_cand = 0
    report(q, out, q.cand_s, q.cand_rise, False)


cdef void note_crowd(State *q, double gap, double rise) noexcept nogil:
    """Doubt the usual interval when full pulses keep coming within what it allows one for."""
    if gap < SHORTEST or rise < FULL * q.usual:
        return
    q.crowded += 1
    if q.crowded >= CROWD:
        q.period = 0
        q.ngaps = 0
        q.crowded = 0


cdef void consider(State *q, Sink out, double at_s, double rise) noexcept nogil:
    """Decide about a crest after the learning phase."""
    cdef double hold = fmax(SHORTEST, PART * q.period)
    if q.has_cand and at_s - q.cand_s >= hold:
        settle_candidate(q, out)
    if rise < demanded(q, at_s) or rise <= 0:
        keep_faint(q, at_s, rise)
        return
    if q.has_cand:
        note_crowd(q, at_s - q.cand_s, rise)
        if rise > q.cand_rise:
            q.cand_s = at_s
            q.cand_rise = rise
    elif at_s - q.last_s >= hold:
        q.has_cand = 1
        q.cand_s = at_s
        q.cand_rise = rise
    else:
        note_crowd(q, at_s - q.last_s, rise)


cdef bint is_settling(State *q) noexcept nogil:
    """Whether nothing is known yet that tells a pulse from the start of the filters."""
    return q.learning and q.n - q.begun < SETTLE_S * q.fs


cdef bint is_drift(State *q, double at_s) noexcept nogil:
    """Whether the crest was reached more slowly than beats follow each other."""
    return q.period > 0 and at_s - q.low_s > q.period


cdef bint is_step(State *q, double rise) noexcept nogil:
    """Whether the rise to the newest crest is a jump: light or gain, not blood."""
    cdef double tick = q.every / q.fs
    cdef int reach = <int>(STEP_S / tick), late = <int>(q.delay / tick), i
    cdef double low = 1e300, high = -1e300, jump = 0, one
    if reach < 2 or FRACTION * q.usual < rise < LARGE * q.usual:
        return False
    for i in range(late + <int>(RISE_S / tick)):
        one = q.raw[(q.head - i) & RAW_MASK]
        low = fmin(low, one)
        high = fmax(high, one)
        jump = fmax(jump, one - q.raw[(q.head - i - reach) & RAW_MASK])
    return jump > JUMP * (high - low)


cdef void finish_learning(State *q, Sink out) noexcept nogil:
    """Take the median of the large rises as usual, and report the beats among them as late."""
    cdef double top = 0
    cdef double s[RECENT]
    cdef double last = -1e9
    cdef int i, n = 0
    for i in range(q.nlearn):
        top = fmax(top, q.learn_rise[i])
    for i in range(q.nlearn):
        if q.learn_rise[i] > 0.4 * top:
            s[n] = q.learn_rise[i]
            n += 1
    if n == 0:
        q.nlearn = 0
        return
    q.usual = median_of(s, n)
    # The newest beat sets the shape that the others are compared to.
    for i in range(q.nlearn - 1, -1, -1):
        if q.learn_rise[i] > FRACTION * q.usual:
            compare(q, q.learn_s[i], True)
            break
    for i in range(q.nlearn):
        if q.learn_rise[i] > FRACTION * q.usual and q.learn_s[i] - last >= SHORTEST:
            report(q, out, q.learn_s[i], q.learn_rise[i], True)
            last = q.learn_s[i]
    q.learning = 0
    q.nlearn = 0


cdef bint evenly(State *q) noexcept nogil:
    """Whether the large crests of a silence follow each other like beats that became smaller."""
    cdef double gaps[RECENT]
    cdef double top = 0, last = -1, usual
    cdef int i, n = 0
    for i in range(q.nlearn):
        top = fmax(top, q.learn_rise[i])
    for i in range(q.nlearn):
        if q.learn_rise[i] > FRACTION * top:
            if last >= 0:
                gaps[n] = q.learn_s[i] - last
                n += 1
            last = q.learn_s[i]
    if n < 2:
        return False
    usual = median_of(gaps, n)
    for i in range(n):
        if not 0.25 < gaps[i] < 2.2 or fabs(gaps[i] - usual) > UNEVEN * usual:
            return False
    return True


cdef void learn(State *q, double at_s, double rise) noexcept nogil:
    """Keep the LEARN largest rises in the order of time."""
    cdef int i, least = 0
    if q.nlearn == LEARN:
        for i in range(1, LEARN):
            if q.learn_rise[i] < q.learn_rise[least]:
                least = i
        if rise <= q.learn_rise[least]:
            return
        for i in range(least, LEARN - 1):
            q.learn_rise[i] = q.learn_rise[i + 1]
            q.learn_s[i] = q.learn_s[i + 1]
        q.nlearn -= 1
    q.learn_rise[q.nlearn] = rise
    q.learn_s[q.nlearn] = at_s
    q.nlearn += 1


cdef void take_one(State *q, Sink out, double v) noexcept nogil:
    """Take one sample, NaN where it is missing."""
    cdef double y, bend, now_s, at_s
    cdef int i
    if not isfinite(v):
        q.missing += 1
        q.n += 1
        if not q.started:
            return
        if q.missing > SHORT_GAP * q.fs:
            if q.has_cand:
                settle_candidate(q, out)
            restart(q)
            q.nlearn = 0
            q.after_gap = 1
            return
        v = q.held
    else:
        q.missing = 0
        q.n += 1
        v *= q.sign
    if not q.started:
        settle(q.front, q.z, 3, v)
        for i in range(RAW):
            q.raw[i] = v
        q.started = 1
        q.since = q.n - 1
        q.begun = q.n - 1
    q.held = v
    y = cascade(q.front, q.z, 3, v)
    now_s = (q.n - 1) / q.fs
    q.sum += v
    q.phase += 1
    if q.phase == q.every:
        q.phase = 0
        q.head += 1
        if q.head == TICKS:
            q.head = 0
        q.ring[q.head] = y
        q.raw[q.head & RAW_MASK] = q.sum / q.every
        q.sum = 0
    if q.y1 < q.y2 and q.y1 <= y:
        q.low = q.y1
        q.low_s = now_s - 1 / q.fs
    elif q.y1 > q.y2 and q.y1 >= y and q.n - q.since > 2:
        bend = q.y2 - 2 * q.y1 + y
        at_s = now_s + (0.5 * (q.y2 - y) / bend - 1.0) / q.fs
        if not (is_settling(q) or is_drift(q, at_s) or is_step(q, q.y1 - q.low)):
            learn(q, at_s, q.y1 - q.low)
            if not q.learning:
                consider(q, out, at_s, q.y1 - q.low)
    q.y2 = q.y1
    q.y1 = y
    if q.learning and q.nlearn and q.n - q.since >= LEARN_S * q.fs \
            and now_s - q.learn_s[q.nlearn - 1] > 0.3:
        finish_learning(q, out)
    elif q.has_cand and now_s - q.cand_s >= fmax(SHORTEST, PART * q.period):
        settle_candidate(q, out)
    elif q.learning or q.has_cand or q.last_s < 0 or search_back(q, out, now_s):
        pass
    elif now_s - q.last_s > SILENCE_S:
        learn_anew(q)
        q.since = q.n
        if evenly(q):
            finish_learning(q, out)


cdef class PpgBeats(Detector):
    """Finds pulse beats in one PPG channel, 20 to 1000 Hz, in any unit.

    ``inverted`` says that the samples are raw light, which falls when blood comes in. ``push``
    returns beats: ``time_s`` and ``index`` are the crest of the pulse below 3 Hz (between
    samples), ``amplitude`` is its rise in the unit of the input, ``quality`` is its likeness to
    the usual pulse, 0 to 1. Beats of the learning phase (3 s) come at once with ``late`` set.
    NaN is a missing sample: 0.15 s of them are bridged, after more the next beat has
    ``after_gap`` set, and no interval spans the gap.
    """

    cdef State q
    cdef Sink out
    cdef readonly bint inverted

    def __init__(self, fs, *, inverted=False):
        self.fs = checked_rate(fs)
        if not 20 <= self.fs <= 1000:
            raise ParameterError("fs", f"{fs} Hz", "use 20 to 1000 Hz, resample first")
        self.inverted = bool(inverted)
        self.out = Sink()
        self._keep(&self.q, sizeof(State), b"VPPG", fingerprint("ppg", self.fs, self.inverted))
        self._setup()

    cdef _setup(self):
        cdef State *q = &self.q
        memset(q, 0, sizeof(State))
        low = butter_sos(2, HIGH_HZ, self.fs)
        front = np.vstack([butter_sos(1, LOW_HZ, self.fs, "highpass"), low])
        # The third section is empty: unity.
        front = np.vstack([front, [[1.0, 0, 0, 1.0, 0, 0]]])
        take_sections(front, q.front)
        q.fs = self.fs
        q.sign = -1.0 if self.inverted else 1.0
        q.every = max(1, int(self.fs / 50))
        q.delay = group_delay(low, self.fs, 1.5)
        restart(q)
        learn_anew(q)

    @property
    def latency_s(self):
        """Longest usual delay in s from a crest to its event, at the present heart rate."""
        return self.q.delay + max(SHORTEST, PART * (self.q.period or 1.0)) + 1 / self.fs

    @property
    def pulse_rate(self):
        """Beats a minute, from the median of the last eight intervals; 0 before the third."""
        return 60.0 / self.q.period if self.q.ngaps > 1 else 0.0

    def push(self, x):
        """Return the beats that became certain with these samples, shape (n,)."""
        cdef cnp.ndarray a = samples(x, 1)
        cdef double block[BLOCK]
        cdef Rows rows = rows_of(a)
        cdef Py_ssize_t i, m
        with nogil:
            m = fill(&rows, block)
            while m > 0:
                for i in range(m):
                    take_one(&self.q, self.out, block[i])
                m = fill(&rows, block)
        return self.out.take()

    def gap(self, n_missing):
        """Say that ``n_missing`` samples are missing here; same as pushing as many NaN."""
        cdef long long n = checked_missing(n_missing)
        cdef long long bridged = min(n, <long long>(SHORT_GAP * self.fs) + 2)
        cdef long long i
        for i in range(bridged):
            take_one(&self.q, self.out, NAN)
        self.q.n += n - bridged
        self.q.missing += n - bridged
        return self.out.take()

    def flush(self):
        """Report what is pending as if the signal had ended."""
        if self.q.learning and self.q.nlearn:
            finish_learning(&self.q, self.out)
        if self.q.has_cand:
            settle_candidate(&self.q, self.out)
        return self.out.take()

    def reset(self):
        """Forget everything."""
        self._setup()

    cdef bint _sound(self, const char *saved) noexcept:
        cdef const State *q = <const State *>saved
        # The only values that are used as sizes and places.
        return (
            0 <= q.nlearn <= LEARN and 0 <= q.ngaps <= RECENT and 0 <= q.head < TICKS
            and 0 <= q.nfaint <= FAINTS and q.every == self.q.every
            and q.fs == self.q.fs and q.delay == self.q.delay
        )
