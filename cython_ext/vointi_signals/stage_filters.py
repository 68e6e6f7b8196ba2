"""Stages of a pipeline that are made of a filter and its design, and one adapter.

Each function takes what a pipeline knows (``fs``, ``channels``) and the keys of the stage. In a
pipeline a filter starts from its first sample (``settle``) unless told otherwise: a device's
offset must not ring through the first seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vointi_signals._checks import checked_window
from vointi_signals.design import Band, butter_sos
from vointi_signals.errors import ParameterError
from vointi_signals.fir import FirFilter
from vointi_signals.median import MovingMedian
from vointi_signals.rate import RateCorrector
from vointi_signals.resample import Decimator
from vointi_signals.rr import RrCleaner
from vointi_signals.sos import SosFilter

Edges = float | Sequence[float]


def _butter(btype: Band, fs: float, channels: int, shape: tuple[int, Edges, bool]) -> SosFilter:
    order, cutoff_hz, settle = shape
    return SosFilter(butter_sos(order, cutoff_hz, fs, btype), channels, settle=settle)


def lowpass(
    fs: float, channels: int, order: int, cutoff_hz: float, settle: bool = True
) -> SosFilter:
    """Butterworth low-pass."""
    return _butter("lowpass", fs, channels, (order, cutoff_hz, settle))


def highpass(
    fs: float, channels: int, order: int, cutoff_hz: float, settle: bool = True
) -> SosFilter:
    """Butterworth high-pass."""
    return _butter("highpass", fs, channels, (order, cutoff_hz, settle))


def bandpass(
    fs: float, channels: int, order: int, cutoff_hz: Sequence[float], settle: bool = True
) -> SosFilter:
    """Butterworth band-pass of 2 ``order`` poles."""
    return _butter("bandpass", fs, channels, (order, cutoff_hz, settle))


def bandstop(
    fs: float, channels: int, order: int, cutoff_hz: Sequence[float], settle: bool = True
) -> SosFilter:
    """Butterworth band-stop of 2 ``order`` poles."""
    return _butter("bandstop", fs, channels, (order, cutoff_hz, settle))


def sections(
    fs: float, channels: int, sos: Sequence[Sequence[float]], settle: bool = True
) -> SosFilter:
    """Sections designed elsewhere, for the very ``fs`` that the pipeline runs at."""
    return SosFilter(sos, channels, settle=settle)


def fir(fs: float, channels: int, taps: Sequence[float], settle: bool = True) -> FirFilter:
    """Taps designed elsewhere."""
    return FirFilter(taps, channels, settle=settle)


def median(fs: float, channels: int, window_s: float) -> MovingMedian:
    """Moving median over an odd number of samples."""
    if not 0 < window_s <= 600:
        raise ParameterError("window_s", f"{window_s!r}", "use a time from 0 to 600 s")
    return MovingMedian(checked_window(2 * round(window_s * fs / 2) + 1, "window_s"), channels)


def decimate(fs: float, channels: int, factor: int, settle: bool = True) -> Decimator:
    """Every ``factor``-th sample behind a low-pass."""
    return Decimator(factor, channels=channels, settle=settle)


def resample(fs: float, channels: int, rate_hz: float, settle: bool = True) -> RateCorrector:
    """To an exact rate, from whatever the device really runs at."""
    try:
        return RateCorrector(fs, rate_hz, channels, settle=settle)
    except ParameterError as error:
        raise ParameterError("rate_hz", error.problem, error.fix) from None


class BeatIntervals(RrCleaner):
    """Takes beats instead of times: ``RrCleaner`` behind a detector."""

    def push(self, events: NDArray[np.void]) -> NDArray[np.void]:  # type: ignore[override]
        """Take a detector's events; return marked intervals."""
        return super().push(events["time_s"], events["after_gap"])
