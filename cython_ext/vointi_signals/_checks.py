"""Parameters as they come in, checked once: a value that can be used, or ParameterError."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vointi_signals.errors import ParameterError

MAX_SECTIONS = 64
MAX_TAPS = 8192
MAINS = (50.0, 60.0)

Floats = NDArray[np.float64]


def checked_rate(fs: object, field: str = "fs") -> float:
    """Return a sampling rate in Hz, or raise ParameterError."""
    if isinstance(fs, bool) or not isinstance(fs, (int, float, np.number)):
        raise ParameterError(field, f"{fs!r} is not a number", "pass the rate in Hz")
    if not np.isfinite(fs) or not 0 < fs <= 1e9:
        raise ParameterError(field, f"{fs!r} is not a rate", "pass a rate in Hz above 0")
    return float(fs)


def checked_cutoff(value: object, fs: float, field: str = "cutoff_hz") -> float:
    """Return a frequency in Hz between 0 and half the rate, both excluded."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ParameterError(field, f"{value!r} is not a number", "pass a frequency in Hz")
    if not np.isfinite(value) or not 0 < value < fs / 2:
        raise ParameterError(field, f"{value!r}", f"use a frequency between 0 and {fs / 2:g} Hz")
    return float(value)


def checked_channels(channels: object) -> int:
    """Return a number of channels from 1 to 64."""
    if isinstance(channels, bool) or not isinstance(channels, int) or not 1 <= channels <= 64:
        raise ParameterError("channels", f"{channels!r}", "use a whole number from 1 to 64")
    return channels


def checked_window(window: object, field: str = "window") -> int:
    """Return a window length from 1 to 100000 samples."""
    if isinstance(window, bool) or not isinstance(window, int) or not 1 <= window <= 100_000:
        raise ParameterError(field, f"{window!r}", "use a whole number of samples to 100000")
    return window


def checked_taps(taps: ArrayLike) -> Floats:
    """Return FIR taps as a new array (n,), or raise ParameterError."""
    try:
        array = np.array(taps, np.float64, order="C")
    except (TypeError, ValueError):
        raise ParameterError("taps", "not an array of numbers") from None
    if array.ndim != 1 or not 1 <= len(array) <= MAX_TAPS:
        raise ParameterError("taps", f"shape {array.shape}", f"pass 1 to {MAX_TAPS} numbers")
    if not np.isfinite(array).all():
        raise ParameterError("taps", "values that are not finite")
    return array


def checked_sos(sos: ArrayLike) -> Floats:
    """Return second-order sections as a new (sections, 6) array, or raise ParameterError."""
    try:
        array = np.array(sos, np.float64, order="C")
    except (TypeError, ValueError):
        raise ParameterError("sos", "not an array of numbers") from None
    if array.ndim != 2 or array.shape[1] != 6:
        raise ParameterError("sos", f"shape {array.shape}", "pass shape (sections, 6)")
    if not 1 <= len(array) <= MAX_SECTIONS:
        raise ParameterError("sos", f"{len(array)} sections", f"use 1 to {MAX_SECTIONS}")
    if not np.isfinite(array).all():
        raise ParameterError("sos", "values that are not finite")
    if not (array[:, 3] == 1.0).all():
        raise ParameterError("sos", "a0 (column 3) is not 1", "divide every section by its a0")
    return array


def checked_mains(mains: object, fs: float) -> tuple[str | int, tuple[bool, bool]]:
    """Return the mains setting, and whether 50 and 60 Hz can be treated at this rate."""
    # The bins around the candidate must stay clear of half the rate.
    usable = (fs > 2 * MAINS[0] + 4, fs > 2 * MAINS[1] + 4)
    if mains == "auto":
        if not usable[0]:
            raise ParameterError("fs", f"{fs:g} Hz", "mains needs more than 104 Hz")
        return "auto", usable
    if isinstance(mains, bool) or mains not in MAINS:
        raise ParameterError("mains", f"{mains!r}", 'use "auto", 50 or 60')
    hz = 50 if mains == MAINS[0] else 60
    if not usable[hz == 60]:
        raise ParameterError("fs", f"{fs:g} Hz", f"mains {hz} needs more than {2 * hz + 4} Hz")
    return hz, usable


def checked_ratio(up: object, down: object) -> tuple[int, int]:
    """Return a ratio of whole numbers from 1 to 1000, in lowest terms."""
    over, under = checked_factor("up", up), checked_factor("down", down)
    common = gcd(over, under)
    return over // common, under // common


def checked_factor(field: str, value: object) -> int:
    """Return a whole number from 1 to 1000."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise ParameterError(field, f"{value!r}", "use a whole number from 1 to 1000")
    return value


def checked_missing(n_missing: object, most: int = 1 << 40) -> int:
    """Return a number of missing samples from 0 to ``most``."""
    whole = isinstance(n_missing, (int, np.integer)) and not isinstance(n_missing, bool)
    if not whole or not 0 <= n_missing <= most:  # type: ignore[operator]
        raise ParameterError("n_missing", f"{n_missing!r}", f"pass 0 to {most} samples, or reset")
    return int(n_missing)  # type: ignore[call-overload, no-any-return]
