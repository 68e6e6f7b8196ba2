"""Streaming signal processing for wearable sensors."""

from vointi_signals.baseline import Baseline
from vointi_signals.design import butter_sos, firwin, mains_notch_sos, notch_sos
from vointi_signals.errors import (
    InputError,
    ParameterError,
    PipelineError,
    SignalError,
    StateError,
)
from vointi_signals.fir import FirFilter
from vointi_signals.median import MovingMedian
from vointi_signals.notch import MainsNotch
from vointi_signals.rate import RateCorrector
from vointi_signals.resample import Decimator, RationalResampler
from vointi_signals.sos import SosFilter, sosfilt

__all__ = [
    "Baseline",
    "Decimator",
    "FirFilter",
    "InputError",
    "MainsNotch",
    "MovingMedian",
    "ParameterError",
    "PipelineError",
    "RateCorrector",
    "RationalResampler",
    "SignalError",
    "SosFilter",
    "StateError",
    "butter_sos",
    "firwin",
    "mains_notch_sos",
    "notch_sos",
    "sosfilt",
]
