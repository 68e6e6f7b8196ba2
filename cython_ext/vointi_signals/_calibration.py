"""The curve from the ratio of ratios to SpO2, which is data of a sensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vointi_signals.errors import ParameterError

Curve = tuple[tuple[float, float], ...]

# SpO2 = 110 - 25 R, the textbook line (Webster, Design of Pulse Oximeters, 1997, ch. 4), cut at
# 100 %. It stands for no sensor in particular: a device model that is calibrated brings its own.
TEXTBOOK: Curve = ((0.2, 100.0), (0.4, 100.0), (1.6, 70.0), (2.0, 60.0))


def checked_curve(curve: Sequence[tuple[float, float]] | None, most: int) -> Curve:
    """Return a calibration with rising ratios and SpO2 from 0 to 100, or raise ParameterError."""
    if curve is None:
        return TEXTBOOK
    try:
        points = np.array(curve, np.float64)
    except (TypeError, ValueError):
        raise ParameterError("calibration", "not pairs of numbers") from None
    if points.ndim != 2 or points.shape[1] != 2 or not 2 <= len(points) <= most:
        raise ParameterError("calibration", f"shape {points.shape}", f"pass 2 to {most} pairs")
    ratio, spo2 = points.T
    if not np.isfinite(points).all() or (np.diff(ratio) <= 0).any():
        raise ParameterError("calibration", "ratios do not rise", "sort the pairs by ratio")
    if (spo2 < 0).any() or (spo2 > 100).any():
        raise ParameterError("calibration", "SpO2 outside 0 to 100 %")
    return tuple((float(r), float(s)) for r, s in points)
