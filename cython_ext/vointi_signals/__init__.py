"""Streaming signal processing for wearable sensors.

Every public name can be taken from here; its module is imported when it is first asked for, so
that a process pays for what it uses.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vointi_signals._events import EVENT_DTYPE
    from vointi_signals.baseline import Baseline
    from vointi_signals.design import butter_sos, firwin, mains_notch_sos, notch_sos
    from vointi_signals.ecg_quality import QUALITY_DTYPE, EcgQuality
    from vointi_signals.edr import EDR_DTYPE, EcgRespiration
    from vointi_signals.errors import (
        InputError,
        ParameterError,
        PipelineError,
        SignalError,
        StateError,
    )
    from vointi_signals.falls import FallCandidates
    from vointi_signals.fir import FirFilter
    from vointi_signals.hrv import HRV_DTYPE, HrvWindow, measure_hrv
    from vointi_signals.intensity import Intensity, classify
    from vointi_signals.median import MovingMedian
    from vointi_signals.motion import EPOCH_DTYPE, MotionEpochs
    from vointi_signals.notch import MainsNotch
    from vointi_signals.oximetry import OXIMETRY_DTYPE, PulseOximeter
    from vointi_signals.pipeline import Pipeline, build
    from vointi_signals.posture import Posture, PostureTracker
    from vointi_signals.ppg import PpgBeats
    from vointi_signals.ppg_respiration import PpgRespiration
    from vointi_signals.qrs import QrsDetector, detect_qrs
    from vointi_signals.rate import RateCorrector
    from vointi_signals.resample import Decimator, RationalResampler
    from vointi_signals.rr import RR_DTYPE, RrCleaner, RrMark, clean_rr
    from vointi_signals.sleep import SLEEP_DTYPE, SleepWake
    from vointi_signals.sos import SosFilter, sosfilt
    from vointi_signals.steps import StepCounter
    from vointi_signals.wear import WEAR_DTYPE, WearDetector

_HOMES = {
    "_events": ("EVENT_DTYPE",),
    "baseline": ("Baseline",),
    "design": ("butter_sos", "firwin", "mains_notch_sos", "notch_sos"),
    "ecg_quality": ("EcgQuality", "QUALITY_DTYPE"),
    "edr": ("EDR_DTYPE", "EcgRespiration"),
    "errors": ("InputError", "ParameterError", "PipelineError", "SignalError", "StateError"),
    "falls": ("FallCandidates",),
    "fir": ("FirFilter",),
    "hrv": ("HRV_DTYPE", "HrvWindow", "measure_hrv"),
    "intensity": ("Intensity", "classify"),
    "median": ("MovingMedian",),
    "motion": ("EPOCH_DTYPE", "MotionEpochs"),
    "notch": ("MainsNotch",),
    "oximetry": ("OXIMETRY_DTYPE", "PulseOximeter"),
    "pipeline": ("Pipeline", "build"),
    "posture": ("Posture", "PostureTracker"),
    "ppg": ("PpgBeats",),
    "ppg_respiration": ("PpgRespiration",),
    "qrs": ("QrsDetector", "detect_qrs"),
    "rate": ("RateCorrector",),
    "resample": ("Decimator", "RationalResampler"),
    "rr": ("RR_DTYPE", "RrCleaner", "RrMark", "clean_rr"),
    "sleep": ("SLEEP_DTYPE", "SleepWake"),
    "sos": ("SosFilter", "sosfilt"),
    "steps": ("StepCounter",),
    "wear": ("WEAR_DTYPE", "WearDetector"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "EDR_DTYPE",
    "EPOCH_DTYPE",
    "EVENT_DTYPE",
    "HRV_DTYPE",
    "OXIMETRY_DTYPE",
    "QUALITY_DTYPE",
    "RR_DTYPE",
    "SLEEP_DTYPE",
    "WEAR_DTYPE",
    "Baseline",
    "Decimator",
    "EcgQuality",
    "EcgRespiration",
    "FallCandidates",
    "FirFilter",
    "HrvWindow",
    "InputError",
    "Intensity",
    "MainsNotch",
    "MotionEpochs",
    "MovingMedian",
    "ParameterError",
    "Pipeline",
    "PipelineError",
    "Posture",
    "PostureTracker",
    "PpgBeats",
    "PpgRespiration",
    "PulseOximeter",
    "QrsDetector",
    "RateCorrector",
    "RationalResampler",
    "RrCleaner",
    "RrMark",
    "SignalError",
    "SleepWake",
    "SosFilter",
    "StateError",
    "StepCounter",
    "WearDetector",
    "build",
    "butter_sos",
    "classify",
    "clean_rr",
    "detect_qrs",
    "firwin",
    "mains_notch_sos",
    "measure_hrv",
    "notch_sos",
    "sosfilt",
]


def __getattr__(name: str) -> object:
    """Import a public name's module (PEP 562); what is not public is an AttributeError."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what is here and what can be."""
    return sorted({*globals(), *__all__})
