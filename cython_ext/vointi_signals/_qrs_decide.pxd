"""Which maxima of the energy are beats."""

from libc.stdlib cimport realloc
from libc.string cimport memset

from vointi_signals._qrs_place cimport place, samples_in
from vointi_signals._qrs_types cimport (
    VO_BACK, VO_BACK_EVERY_S, VO_BACK_MARGIN_S, VO_BACK_MIN_S, VO_BACK_RR, VO_BACK_RR_MIN_S,
    VO_CANDS, VO_EARLY, VO_EARLY_RR, VO_FADE, VO_FAINT, VO_LARGER, VO_LEAN, VO_LEARN_MIN_S,
    VO_LEARN_S, VO_LEVEL, VO_MAX_WAIT_S, VO_NOISE_CAP, VO_NOISE_FACTOR, VO_NOISE_RATE, VO_PR_S,
    VO_QUIET_S, VO_RECENT, VO_REFRACTORY_S, VO_RISING, VO_RR_MAX_S, VO_RR_MIN_S, VO_STRONG,
    VO_T_SLOPE, VO_T_WAVE_S, VO_WAIT_S, VO_WARM_S,
    Candidate, Event, Memory, Setup, Sink, i64,
)


cdef inline double median(const double *recent, i64 count) noexcept nogil:
    """Return the median of the last ``VO_RECENT`` values; 0 when there is none."""
    cdef double t[VO_RECENT]
    cdef i64 n = count if count < VO_RECENT else VO_RECENT
    cdef i64 i, j
    if n == 0: return 0.0
    for i in range(n):
        j = i
        while j > 0 and t[j - 1] > recent[i]:
            t[j] = t[j - 1]
            j -= 1
        t[j] = recent[i]
    return t[n >> 1] if n & 1 else 0.5 * (t[n >> 1] + t[(n >> 1) - 1])


cdef inline double threshold(const Memory *m, double share) noexcept nogil:
    cdef double floor = VO_NOISE_CAP * m.signal, stands_out = VO_NOISE_FACTOR * m.noise
    if m.noise < floor: floor = m.noise
    if stands_out > m.signal: stands_out = m.signal
    floor += share * (m.signal - floor)
    return floor if floor > stands_out else stands_out


cdef inline int emit(const Setup *s, Memory *m, Sink *o, const Candidate *c, bint late) noexcept nogil:
    cdef Event *e
    cdef double clear = 1.0
    if o.n == o.room:
        e = <Event *>realloc(o.events, 2 * o.room * sizeof(Event))
        if e == NULL: return -1
        o.events = e
        o.room *= 2
    if c.height > 0: clear = 1.0 - VO_NOISE_FACTOR * m.noise / c.height
    e = &o.events[o.n]
    e.index = c.r
    e.time_s = c.r / s.fs
    e.amplitude = c.amplitude
    e.quality = <float>(clear if clear > 0 else 0.0)
    e.late = late
    e.after_gap = m.after_gap != 0
    m.after_gap = 0
    o.n += 1
    return 0


cdef inline int accept(const Setup *s, Memory *m, Sink *o, Candidate *c, bint late) noexcept nogil:
    cdef double rr = (c.r - m.last) / s.fs, wait
    if m.have_last and VO_RR_MIN_S < rr < VO_RR_MAX_S:
        m.rr[m.intervals & (VO_RECENT - 1)] = rr
        m.intervals += 1
        m.usual_rr_s = median(m.rr, m.intervals)
    m.heights[m.beats & (VO_RECENT - 1)] = c.height
    m.beats += 1
    m.signal = median(m.heights, m.beats)
    m.have_last = 1
    m.last = c.r
    m.last_slope = c.slope
    c.used = 1
    wait = VO_BACK_RR * m.usual_rr_s
    if wait < VO_BACK_RR_MIN_S: wait = VO_BACK_RR_MIN_S
    m.back_due = c.r + samples_in(s, wait + VO_BACK_MARGIN_S)
    return emit(s, m, o, c, late)


cdef inline int settle(const Setup *s, Memory *m, Sink *o) noexcept nogil:
    """Accept the candidate that waited."""
    cdef i64 i = m.pending & (VO_CANDS - 1)
    m.pending = -1
    return accept(s, m, o, &m.ring[i], m.pending_late != 0)


cdef inline int meet_pending(const Setup *s, Memory *m, Sink *o, Candidate *c) noexcept nogil:
    """Let a new candidate meet the waiting one; 1 when the new one is out."""
    cdef Candidate *p = &m.ring[m.pending & (VO_CANDS - 1)]
    cdef double apart = (c.r - p.r) / s.fs
    if apart < VO_PR_S and c.height > VO_LARGER * p.height:
        p.used = 1
        m.pending = -1
        return 0
    if apart < VO_REFRACTORY_S:
        c.used = 1
        return 1
    return settle(s, m, o)


cdef inline int judge(const Setup *s, Memory *m, Sink *o, i64 index, bint late) noexcept nogil:
    """Decide whether candidate ``index`` is a beat, waits, or belongs to the noise."""
    cdef Candidate *c = &m.ring[index & (VO_CANDS - 1)]
    cdef double apart, level, noise
    cdef int met
    if m.pending >= 0:
        met = meet_pending(s, m, o, c)
        if met: return -1 if met < 0 else 0
    level = threshold(m, VO_LEVEL)
    if m.have_last:
        apart = (c.r - m.last) / s.fs
        if apart < VO_REFRACTORY_S or (apart < VO_T_WAVE_S and c.slope < VO_T_SLOPE * m.last_slope):
            c.used = 1
            return 0
        if apart < VO_EARLY_RR * m.usual_rr_s:
            level *= 1.0 + VO_EARLY * (1.0 - apart / (VO_EARLY_RR * m.usual_rr_s))
    if c.height <= level:
        noise = c.height if c.height < m.signal else m.signal
        m.noise += VO_NOISE_RATE * (noise - m.noise)
        return 0
    if c.height > VO_STRONG * m.signal and not late:
        return accept(s, m, o, c, False)
    m.pending = index & (VO_CANDS - 1)
    m.pending_late = late
    return 0


cdef inline int search_back(const Setup *s, Memory *m, Sink *o) noexcept nogil:
    """Accept the largest candidates that an overlong interval holds, as late beats."""
    cdef Candidate *c
    cdef Candidate *best
    cdef double level
    cdef i64 i, first
    while m.n >= m.back_due:
        best = NULL
        level = threshold(m, VO_BACK)
        first = m.last + samples_in(s, VO_BACK_MIN_S)
        for i in range(VO_CANDS):
            c = &m.ring[i]
            if c.used or not c.placed or c.r <= first or c.height < level: continue
            if best == NULL or c.height > best.height: best = c
        if best == NULL:
            m.back_due = m.n + samples_in(s, VO_BACK_EVERY_S)
        elif accept(s, m, o, best, True) < 0:
            return -1
    return 0


cdef inline int finish_learning(const Setup *s, Memory *m, Sink *o) noexcept nogil:
    """Set the levels from the second largest candidate, then judge all of them in order."""
    cdef double largest = 0.0, second = 0.0, h
    cdef i64 n = m.candidates if m.candidates < VO_CANDS else VO_CANDS
    cdef i64 i
    for i in range(n):
        h = m.ring[i].height
        if h > largest:
            second = largest
            largest = h
        elif h > second:
            second = h
    if not second > 0.0:
        m.learn_end = m.n + samples_in(s, VO_LEARN_S)
        return 0
    m.learning = 0
    m.signal = second
    m.heights[0] = second
    m.beats = 1
    m.noise = 0.1 * second
    for i in range(m.candidates - n, m.candidates):
        if judge(s, m, o, i, True) < 0: return -1
    return 0


cdef inline int candidate(const Setup *s, Memory *m, Sink *o) noexcept nogil:
    """Take the maximum that stands as a candidate."""
    cdef i64 index = m.candidates
    cdef Candidate *c = &m.ring[index & (VO_CANDS - 1)]
    if m.pending == (index & (VO_CANDS - 1)): m.pending = -1
    memset(c, 0, sizeof(Candidate))
    c.r = m.start + (m.peak_tick + 1) * s.step - <i64>s.delay
    c.height = m.peak - VO_LEAN * m.peak_valley
    m.candidates += 1
    if m.learning or c.height > VO_FAINT * m.signal:
        place(s, m, c)
    return 0 if m.learning else judge(s, m, o, index, False)


cdef inline int settle_when_due(const Setup *s, Memory *m, Sink *o) noexcept nogil:
    cdef Candidate *p = &m.ring[m.pending & (VO_CANDS - 1)]
    cdef double waited = (m.n - p.r) / s.fs
    if waited <= VO_WAIT_S: return 0
    if m.rising and m.peak > VO_RISING * p.height and waited < VO_MAX_WAIT_S: return 0
    return settle(s, m, o)


cdef inline void fade(const Setup *s, Memory *m) noexcept nogil:
    """Let the signal level fall while nothing is found."""
    cdef i64 since = m.last if m.have_last else m.start
    cdef int i
    if m.n - since <= VO_QUIET_S * s.fs: return
    for i in range(VO_RECENT): m.heights[i] *= VO_FADE
    m.signal *= VO_FADE


cdef inline int decide(const Setup *s, Memory *m, Sink *o) noexcept nogil:
    """Do what is due at this tick apart from new candidates."""
    cdef int failed = 0
    if m.learning:
        return finish_learning(s, m, o) if m.n >= m.learn_end else 0
    if m.pending >= 0: failed = settle_when_due(s, m, o)
    if m.pending < 0 and m.have_last and m.intervals and m.n >= m.back_due and not failed:
        failed = search_back(s, m, o)
    if m.tick % s.second == 0: fade(s, m)
    return failed


cdef inline int close_segment(const Setup *s, Memory *m, Sink *o) noexcept nogil:
    """Decide what is open: nothing more comes."""
    cdef int failed = 0
    if m.rising:
        m.rising = 0
        failed = candidate(s, m, o)
    if m.learning and m.n - m.start >= VO_LEARN_MIN_S * s.fs and not failed:
        failed = finish_learning(s, m, o)
    if m.pending >= 0 and not failed: failed = settle(s, m, o)
    m.open = 0
    return failed


cdef inline void open_segment(const Setup *s, Memory *m, double first) noexcept nogil:
    """Start afresh behind a gap; levels and the usual interval are kept."""
    cdef int i
    m.open = 1
    m.start = m.n
    m.tick = 0
    m.phase = 0
    m.after_gap = 1
    m.rising = 0
    m.have_last = 0
    m.pending = -1
    m.origin = first
    m.sum1 = m.sum2 = m.flank = m.band = m.energy = m.peak = m.valley = 0.0
    m.warm = <i64>(VO_WARM_S * s.second)
    m.learn_end = m.n + samples_in(s, VO_LEARN_S)
    if m.learning: m.candidates = 0
    memset(m.z, 0, sizeof(m.z))
    memset(m.steps, 0, sizeof(m.steps))
    for i in range(VO_CANDS): m.ring[i].used = 1
