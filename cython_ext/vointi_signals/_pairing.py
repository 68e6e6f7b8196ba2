"""Zeros, poles and gain into second-order sections, in SciPy's order.

The pole nearest to the unit circle goes into the last section together with the zero nearest
to it, so that no section's gain peaks early in the cascade; the gain goes into the first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]

# Conjugates differ by rounding; a root this near to the real axis lies on it.
REAL = 100 * np.finfo(np.float64).eps


def pair_sections(zeros: Complexes, poles: Complexes, gain: float) -> Floats:
    """Return the cascade (sections, 6) of as many zeros as poles."""
    z, p = _halves(zeros), _halves(poles)
    count = (len(poles) + 1) // 2
    if len(poles) % 2:
        z.append(0j)
        p.append(0j)
    sos = np.zeros((count, 6))
    for row in range(count - 1, -1, -1):
        sos[row] = _section(z, p)
    sos[0, :3] *= gain
    return sos


def _halves(roots: Complexes) -> list[complex]:
    """Return one root of every conjugate pair, then the real roots."""
    scale = np.abs(roots)
    real = np.abs(roots.imag) <= REAL * scale
    upper = roots[~real & (roots.imag > 0)]
    order = np.lexsort((upper.imag, upper.real))
    singles = np.sort(roots[real].real)
    return [complex(v) for v in upper[order]] + [complex(v) for v in singles]


def _section(z: list[complex], p: list[complex]) -> Floats:
    """Take the worst pole, its partner and the zeros nearest to them out of both lists."""
    p1 = p.pop(_worst(p))
    if p1.imag == 0 and not any(v.imag == 0 for v in p):
        return _row(_take(z, p1, real=True), 0j, p1, 0j)
    p2 = p1.conjugate()
    if p1.imag == 0:
        reals = [i for i, v in enumerate(p) if v.imag == 0]
        p2 = p.pop(reals[_worst([p[i] for i in reals])])
    z1 = _take(z, p1, real=False)
    z2 = z1.conjugate() if z1.imag else _take(z, p1, real=True)
    return _row(z1, z2, p1, p2)


def _worst(poles: list[complex]) -> int:
    return int(np.argmin([abs(1 - abs(v)) for v in poles]))


def _take(roots: list[complex], near: complex, *, real: bool) -> complex:
    allowed = [i for i, v in enumerate(roots) if not real or v.imag == 0]
    best = min(allowed, key=lambda i: abs(roots[i] - near))
    return roots.pop(best)


def _row(z1: complex, z2: complex, p1: complex, p2: complex) -> Floats:
    b = [1.0, -(z1 + z2).real, (z1 * z2).real]
    a = [1.0, -(p1 + p2).real, (p1 * p2).real]
    return np.array(b + a)
