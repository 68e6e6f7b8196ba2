"""Every streaming filter under one roof, for the promises that all of them make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import vointi_signals as vs
from hypothesis import strategies as st

FS = 130.0
SOS = vs.butter_sos(4, [0.5, 40.0], FS, "bandpass")
TAPS = vs.firwin(65, 20.0, FS)

MAKERS: dict[str, Callable[[], Any]] = {
    "sos": lambda: vs.SosFilter(SOS),
    "sos settled": lambda: vs.SosFilter(SOS, settle=True),
    "sos three sections": lambda: vs.SosFilter(SOS[:3]),
    "sos nine sections": lambda: vs.SosFilter(np.tile(vs.notch_sos(50, 30, FS), (9, 1))),
    "sos float32": lambda: vs.SosFilter(SOS, dtype=np.float32),
    "fir": lambda: vs.FirFilter(TAPS),
    "fir settled": lambda: vs.FirFilter(TAPS, settle=True),
    "fir float32": lambda: vs.FirFilter(TAPS, dtype=np.float32),
    "median": lambda: vs.MovingMedian(27),
    "median even": lambda: vs.MovingMedian(4),
    "baseline": lambda: vs.Baseline(FS),
    "notch auto": lambda: vs.MainsNotch(FS),
    "notch 50": lambda: vs.MainsNotch(FS, 50),
    "decimator": lambda: vs.Decimator(4),
    "resampler 3/2": lambda: vs.RationalResampler(3, 2),
    "resampler settled": lambda: vs.RationalResampler(2, 5, settle=True),
    "resampler float32": lambda: vs.RationalResampler(3, 2, dtype=np.float32),
    "rate": lambda: vs.RateCorrector(130.045, FS),
    "rate up": lambda: vs.RateCorrector(FS, 250.0, settle=False),
    "rate down": lambda: vs.RateCorrector(FS, 50.0, dtype=np.float32),
}
WIDE: dict[str, Callable[[int], Any]] = {
    "sos": lambda c: vs.SosFilter(SOS, c),
    "sos settled": lambda c: vs.SosFilter(SOS, c, settle=True),
    "fir": lambda c: vs.FirFilter(TAPS, c),
    "median": lambda c: vs.MovingMedian(9, c),
    "resampler": lambda c: vs.RationalResampler(3, 2, channels=c),
    "rate": lambda c: vs.RateCorrector(130.045, FS, c),
}


@st.composite
def signals(draw: st.DrawFn) -> np.ndarray:
    """A few hundred samples: noise, hum, an offset, and sometimes gaps."""
    n = draw(st.integers(1, 1500))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    t = np.arange(n) / FS
    hum = draw(st.sampled_from([0.0, 30.0, 3000.0])) * np.sin(2 * np.pi * 50 * t)
    x = draw(st.sampled_from([0.0, 500.0, -1e6])) + 20 * rng.standard_normal(n) + hum
    for _ in range(draw(st.integers(0, 3))):
        first = draw(st.integers(0, n - 1))
        x[first : first + draw(st.integers(1, 40))] = draw(
            st.sampled_from([np.nan, np.inf, -np.inf])
        )
    return x


cuts = st.lists(st.integers(0, 1500), max_size=12)


def in_chunks(stream: Any, x: np.ndarray, at: list[int]) -> np.ndarray:
    """Push a signal cut at these places, then flush."""
    parts = [stream.process(part) for part in np.split(x, sorted(min(i, len(x)) for i in at))]
    return np.concatenate([*parts, stream.flush()])
