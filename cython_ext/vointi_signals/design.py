"""Filter design with NumPy alone: the same coefficients as SciPy's, to about 1e-12.

Butterworth: poles on a circle, band transformation and bilinear transformation as in Oppenheim
and Schafer, Discrete-Time Signal Processing, ch. 7. Notch: Orfanidis, Introduction to Signal
Processing, sec. 11.3. FIR: windowed sinc with Kaiser's window.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vointi_signals._checks import MAX_TAPS, checked_cutoff, checked_rate, checked_sos
from vointi_signals._pairing import pair_sections
from vointi_signals.errors import ParameterError

Band = Literal["lowpass", "highpass", "bandpass", "bandstop"]
BANDS: tuple[Band, ...] = ("lowpass", "highpass", "bandpass", "bandstop")
MAX_ORDER = 24

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


def butter_sos(
    order: int, cutoff_hz: float | Sequence[float], fs: float, btype: Band = "lowpass"
) -> Floats:
    """Design a Butterworth filter as second-order sections, like ``scipy.signal.butter``.

    ``cutoff_hz`` is one frequency in Hz for low-pass and high-pass, two for band-pass and
    band-stop (of which ``order`` is half the number of poles). Returns (sections, 6).
    """
    if isinstance(order, bool) or not isinstance(order, int) or not 1 <= order <= MAX_ORDER:
        raise ParameterError("order", f"{order!r}", f"use a whole number from 1 to {MAX_ORDER}")
    if btype not in BANDS:
        raise ParameterError("btype", f"{btype!r}", f"use one of {', '.join(BANDS)}")
    rate = checked_rate(fs)
    # The bilinear transformation at a rate of 2 bends the frequencies; bend them back first.
    warped = [4.0 * np.tan(np.pi * f / rate) for f in _edges(cutoff_hz, rate, btype)]
    zeros, poles, gain = _analog(order, warped, btype)
    return pair_sections(*_bilinear(zeros, poles, gain))


def _edges(cutoff_hz: float | Sequence[float], fs: float, btype: Band) -> list[float]:
    values = np.atleast_1d(np.asarray(cutoff_hz, dtype=object)).tolist()
    wanted = 2 if btype.startswith("band") else 1
    if len(values) != wanted:
        raise ParameterError("cutoff_hz", f"{len(values)} values", f"{btype} takes {wanted}")
    edges = [checked_cutoff(value, fs) for value in values]
    if wanted == 2 and edges[0] >= edges[1]:
        raise ParameterError("cutoff_hz", f"{edges}", "give the lower edge first")
    return edges


def _analog(order: int, warped: list[float], btype: Band) -> tuple[Complexes, Complexes, float]:
    """Return zeros, poles and gain of the analogue filter at the warped edges."""
    index = np.arange(-order + 1, order, 2)
    prototype = -np.exp(1j * np.pi * index / (2 * order))
    none = np.zeros(0, complex)
    if btype == "lowpass":
        return none, warped[0] * prototype, warped[0] ** order
    if btype == "highpass":
        gain = float(np.real(1 / np.prod(-prototype)))
        return np.zeros(order, complex), warped[0] / prototype, gain
    width, centre = warped[1] - warped[0], np.sqrt(warped[0] * warped[1])
    half = prototype * width / 2 if btype == "bandpass" else width / 2 / prototype
    root = np.sqrt(half**2 - centre**2)
    poles = np.concatenate((half + root, half - root))
    if btype == "bandpass":
        return np.zeros(order, complex), poles, width**order
    zeros = np.concatenate((np.full(order, 1j * centre), np.full(order, -1j * centre)))
    return zeros, poles, float(np.real(1 / np.prod(-prototype)))


def _bilinear(
    zeros: Complexes, poles: Complexes, gain: float
) -> tuple[Complexes, Complexes, float]:
    """Carry an analogue filter over to the unit circle; zeros at infinity go to -1."""
    digital_zeros = (4.0 + zeros) / (4.0 - zeros)
    digital_poles = (4.0 + poles) / (4.0 - poles)
    gain *= float(np.real(np.prod(4.0 - zeros) / np.prod(4.0 - poles)))
    rest = np.full(len(poles) - len(zeros), -1.0 + 0j)
    return np.concatenate((digital_zeros, rest)), digital_poles, gain


def notch_sos(centre_hz: float, q: float, fs: float) -> Floats:
    """Design a notch of one section; ``centre_hz / q`` is its width in Hz at -3 dB."""
    rate = checked_rate(fs)
    centre = checked_cutoff(centre_hz, rate, "centre_hz")
    if isinstance(q, bool) or not isinstance(q, (int, float, np.number)) or not 0 < q < np.inf:
        raise ParameterError("q", f"{q!r}", "use a number above 0, 30 for a narrow notch")
    w = centre / (rate / 2)
    width = np.tan(w * np.pi / float(q) / 2)
    gain = 1.0 / (1.0 + width)
    cosine = -2.0 * np.cos(w * np.pi)
    return np.array([[gain, gain * cosine, gain, 1.0, gain * cosine, 2.0 * gain - 1.0]])


def mains_notch_sos(mains_hz: float, q: float, fs: float, harmonics: int = 1) -> Floats:
    """Design notches at a mains frequency and its harmonics below half the rate."""
    if isinstance(harmonics, bool) or not isinstance(harmonics, int) or not 1 <= harmonics <= 20:
        raise ParameterError("harmonics", f"{harmonics!r}", "use a whole number from 1 to 20")
    centres = [mains_hz * (i + 1) for i in range(harmonics)]
    # The same q, hence a width that grows with the number, as does the drift of a harmonic.
    rows = [notch_sos(hz, q, fs) for hz in centres if hz < 0.48 * fs]
    return np.concatenate(rows) if rows else notch_sos(mains_hz, q, fs)


def firwin(taps: int, cutoff_hz: float, fs: float, beta: float = 5.0) -> Floats:
    """Design a linear-phase low-pass: a sinc in Kaiser's window, gain 1 at rest.

    Equal to ``scipy.signal.firwin(taps, cutoff_hz, window=("kaiser", beta), fs=fs)``. The delay
    is (taps - 1) / 2 samples.
    """
    if isinstance(taps, bool) or not isinstance(taps, int) or not 1 <= taps <= MAX_TAPS:
        raise ParameterError("taps", f"{taps!r}", f"use a whole number from 1 to {MAX_TAPS}")
    rate = checked_rate(fs)
    edge = checked_cutoff(cutoff_hz, rate) / (rate / 2)
    n = np.arange(taps) - (taps - 1) / 2
    h = edge * np.sinc(edge * n) * np.kaiser(taps, beta)
    return np.asarray(h / h.sum(), np.float64)


def resampling_taps(up: int, down: int) -> Floats:
    """Return the low-pass for resampling by up / down: gain ``up``, edge at the lower rate."""
    longest = max(up, down)
    if longest == 1:
        return np.ones(1)
    if 20 * longest + 1 > MAX_TAPS:
        raise ParameterError("up", f"{up} over {down} needs too many taps", "use RateCorrector")
    return up * firwin(20 * longest + 1, 0.5 / longest, 1.0)


@lru_cache(maxsize=16)
def sinc_table(half: int, phases: int, edge: float) -> Floats:
    """Return taps (phases + 1, 2 half) that interpolate between samples; ``edge`` 1 is Nyquist.

    Row p holds the weights of samples -half + 1 ... half around a point p / phases after
    sample 0. Each row sums to 1, so that a constant stays what it is. Read only, shared.
    """
    offset = np.arange(phases + 1)[:, None] / phases
    distance = np.arange(-half + 1, half + 1)[None, :] - offset
    window = np.i0(8.0 * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, None)))
    taps = np.sinc(edge * distance) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float64)


def sos_rest(sos: ArrayLike) -> Floats:
    """Return the state (sections, 2) of a cascade that has seen a constant 1 for ever."""
    sections = checked_sos(sos)
    state = np.zeros((len(sections), 2))
    level = 1.0
    for i, (b0, b1, b2, _, a1, a2) in enumerate(sections):
        total = 1.0 + a1 + a2
        if total == 0.0:
            raise ParameterError("settle", f"section {i} integrates, it never settles")
        out = level * (b0 + b1 + b2) / total
        state[i] = out - b0 * level, b2 * level - a2 * out
        level = out
    return state


def response(sos: ArrayLike, hz: ArrayLike, fs: float) -> Any:
    """Return the complex response of a cascade at the frequencies ``hz``."""
    z = np.exp(-2j * np.pi * np.asarray(hz, np.float64) / checked_rate(fs))
    total = np.ones_like(z)
    for b0, b1, b2, _, a1, a2 in checked_sos(sos):
        total = total * (b0 + z * (b1 + z * b2)) / (1 + z * (a1 + z * a2))
    return total


def group_delay(sos: ArrayLike, fs: float, at_hz: float | None = None) -> float:
    """Return the delay in s of slow changes around ``at_hz``, or of the best passed frequency.

    Analytic: the derivative of the phase, summed over the sections.
    """
    rate = checked_rate(fs)
    sections = checked_sos(sos)
    if at_hz is None:
        grid = np.linspace(0, rate / 2, 2049)[:-1]
        gain = np.abs(response(sections, grid, rate))
        passed = grid[gain >= gain.max() * 0.999]
        at_hz = float(passed[len(passed) // 2])
    z = np.exp(-2j * np.pi * at_hz / rate)
    delay = 0.0
    for b0, b1, b2, _, a1, a2 in sections:
        delay += _slope(b0, b1, b2, z) - _slope(1.0, a1, a2, z)
    return delay / rate


def _slope(c0: float, c1: float, c2: float, z: complex) -> float:
    """Return the group delay in samples of c0 + c1 z + c2 z²; 0 on a zero of it."""
    value = c0 + z * (c1 + z * c2)
    if abs(value) < 1e-12:
        return 0.0
    return float(np.real((z * c1 + 2 * z * z * c2) / value))
