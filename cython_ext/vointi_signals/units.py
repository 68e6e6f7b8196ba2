"""Units of acceleration that movement routines take."""

from __future__ import annotations

from vointi_signals.errors import ParameterError

G_MS2 = 9.80665
"""Standard gravity in m/s2 (CGPM 1901)."""

_IN_MS2 = {"m/s2": 1.0, "g": G_MS2, "mg": G_MS2 / 1000}


def to_ms2(unit: object) -> float:
    """Return what one ``unit`` is in m/s2; ParameterError names the units that are known."""
    factor = _IN_MS2.get(unit) if isinstance(unit, str) else None
    if factor is None:
        raise ParameterError("unit", f"{unit!r}", f"use one of {', '.join(_IN_MS2)}")
    return factor
