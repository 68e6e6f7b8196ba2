"""Streaming signal processing for wearable sensors."""

from vointi_signals.design import butter_sos, firwin, notch_sos
from vointi_signals.errors import (
    InputError,
    ParameterError,
    PipelineError,
    SignalError,
    StateError,
)
from vointi_signals.sos import SosFilter, sosfilt

__all__ = [
    "InputError",
    "ParameterError",
    "PipelineError",
    "SignalError",
    "SosFilter",
    "StateError",
    "butter_sos",
    "firwin",
    "notch_sos",
    "sosfilt",
]
