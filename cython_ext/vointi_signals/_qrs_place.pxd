"""Where the R peak is: on the raw signal, near the centre of the energy."""

from vointi_signals._qrs_types cimport (
    VO_BASE_S, VO_PLACE_S, VO_RAW, VO_REFINE_S, VO_SHARP_S, VO_SMOOTH_S, VO_TICKS, VO_UPWARD,
    Candidate, Memory, Setup, i64,
)


cdef inline double at(const Memory *m, i64 i) noexcept nogil:
    return m.raw[i & (VO_RAW - 1)]


cdef inline i64 samples_in(const Setup *s, double seconds) noexcept nogil:
    return <i64>(seconds * s.fs + 0.5)


cdef inline i64 sharpest(
    const Setup *s, const Memory *m, i64 centre, i64 low, i64 high, double base
) noexcept nogil:
    """Return where deflection and sharpness together are largest.

    The energy of a QRS that is cut by the segment's start has its centre behind R: all before it
    is looked at then.
    """
    cdef i64 reach = samples_in(s, VO_PLACE_S)
    cdef i64 off = samples_in(s, VO_SHARP_S)
    cdef i64 i, best_i = centre
    cdef i64 before = samples_in(s, VO_BASE_S) if low == m.start else reach
    cdef i64 first = centre - reach if centre - before > low else low
    cdef i64 last = centre + reach if centre + reach < high else high
    cdef double best = -1.0, v, bend
    for i in range(first, last + 1):
        v = at(m, i) - base
        bend = v
        if i - off >= low and i + off <= high:
            bend = at(m, i) - 0.5 * (at(m, i - off) + at(m, i + off))
        v += bend
        v = v * VO_UPWARD if v > 0 else -v
        if v > best:
            best = v
            best_i = i
    return best_i


cdef inline void place(const Setup *s, Memory *m, Candidate *c) noexcept nogil:
    """Move ``c.r`` from the energy's centre to the R peak and set its amplitude and slope."""
    cdef i64 low = m.start if m.start > m.n - VO_RAW else m.n - VO_RAW
    cdef i64 high = m.n - 1
    cdef i64 wide = samples_in(s, VO_BASE_S), fine = samples_in(s, VO_REFINE_S)
    cdef i64 near = samples_in(s, VO_SMOOTH_S)
    cdef i64 centre = c.r
    if centre > high: centre = high
    if centre < low: centre = low
    cdef i64 first = centre - wide if centre - wide > low else low
    cdef i64 last = centre + wide if centre + wide < high else high
    cdef i64 i, j
    cdef double base = 0.0, sign, best = -1e300, v
    for i in range(first, last + 1):
        base += at(m, i)
    base /= last - first + 1
    i = sharpest(s, m, centre, low, high, base)
    sign = 1.0 if at(m, i) > base else -1.0
    first = i - fine if i - fine > low + near else low + near
    last = i + fine if i + fine < high - near else high - near
    c.r = i
    for j in range(first, last + 1):
        v = sign * (2.0 * at(m, j) + at(m, j - near) + at(m, j + near))
        if v > best:
            best = v
            c.r = j
    c.amplitude = <float>(at(m, c.r) - base)
    c.placed = 1
    c.slope = 0.0
    for i in range(s.window):
        v = m.steps[(m.peak_tick - i) & (VO_TICKS - 1)]
        if v > c.slope: c.slope = v
