"""Streaming signal processing for wearable sensors."""

from vointi_signals.errors import (
    InputError,
    ParameterError,
    PipelineError,
    SignalError,
    StateError,
)

__all__ = [
    "InputError",
    "ParameterError",
    "PipelineError",
    "SignalError",
    "StateError",
]
