"""Second-order sections for detectors that keep all their state in one C struct."""

cdef inline double cascade(
    const double *c, double *z, int sections, double v
) noexcept nogil:
    """Run one sample through ``sections`` of (b0, b1, b2, a1, a2), transposed direct form II."""
    cdef int i
    cdef double y
    for i in range(sections):
        y = c[0] * v + z[0]
        z[0] = c[1] * v - c[3] * y + z[1]
        z[1] = c[2] * v - c[4] * y
        v = y
        c += 5
        z += 2
    return v


cdef inline void settle(const double *c, double *z, int sections, double v) noexcept nogil:
    """Set the state to that after a constant ``v`` for ever, so that a start makes no step."""
    cdef int i
    cdef double y
    for i in range(sections):
        y = v * (c[0] + c[1] + c[2]) / (1.0 + c[3] + c[4])
        z[0] = y - c[0] * v
        z[1] = c[2] * v - c[4] * y
        v = y
        c += 5
        z += 2


cdef inline int take_sections(object sos, double *c) except -1:
    """Copy sections as (b0, b1, b2, 1, a1, a2) to where ``cascade`` reads them."""
    for b0, b1, b2, _, a1, a2 in sos:
        c[0], c[1], c[2], c[3], c[4] = b0, b1, b2, a1, a2
        c += 5
    return 0
