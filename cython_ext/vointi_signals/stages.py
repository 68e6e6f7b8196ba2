"""The table of stages that a pipeline can be built from.

A routine becomes available to device catalogues by one line here; its module is imported when a
pipeline names it, not before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# What flows between stages: samples of one channel, of the three axes, of red and infrared light,
# of any number of channels ("signal"), or rows of the routine that is named.
Flow = Literal[
    "signal",
    "samples",
    "axes",
    "red_infrared",
    "beats",
    "rr",
    "hrv",
    "ecg_quality",
    "respiration",
    "pulses",
    "oximetry",
    "steps",
    "epochs",
    "posture",
    "wear",
    "sleep",
    "falls",
]
Type = Literal["number", "integer", "text", "flag", "numbers", "mains"]

SIGNALS: tuple[Flow, ...] = ("signal", "samples", "axes", "red_infrared")
CHANNELS: dict[Flow, int] = {"samples": 1, "axes": 3, "red_infrared": 2}


@dataclass(frozen=True, slots=True)
class Param:
    """A key of a stage; the routine itself checks the range of its value."""

    name: str
    type: Type
    required: bool = False


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage: where its routine lives, what it is told, what it takes and gives."""

    name: str
    target: str
    takes: Flow
    gives: Flow
    params: tuple[Param, ...] = ()
    told: tuple[Literal["fs", "channels"], ...] = ("fs",)


_FS_CHANNELS: tuple[Literal["fs", "channels"], ...] = ("fs", "channels")
_UNIT = Param("unit", "text")
_SETTLE = Param("settle", "flag")
_ORDER = Param("order", "integer", required=True)
_EDGE = Param("cutoff_hz", "number", required=True)
_EDGES = Param("cutoff_hz", "numbers", required=True)
_EPOCHS = "vointi_signals.motion:MotionEpochs"
_MAKE = "vointi_signals.stage_filters:"


def _filter(name: str, target: str, *params: Param) -> StageSpec:
    return StageSpec(name, _MAKE + target, "signal", "signal", params, _FS_CHANNELS)


STAGES: tuple[StageSpec, ...] = (
    _filter("lowpass", "lowpass", _ORDER, _EDGE, _SETTLE),
    _filter("highpass", "highpass", _ORDER, _EDGE, _SETTLE),
    _filter("bandpass", "bandpass", _ORDER, _EDGES, _SETTLE),
    _filter("bandstop", "bandstop", _ORDER, _EDGES, _SETTLE),
    _filter("sos", "sections", Param("sos", "numbers", required=True), _SETTLE),
    _filter("fir", "fir", Param("taps", "numbers", required=True), _SETTLE),
    _filter("median", "median", Param("window_s", "number", required=True)),
    _filter("decimate", "decimate", Param("factor", "integer", required=True), _SETTLE),
    _filter("resample", "resample", Param("rate_hz", "number", required=True), _SETTLE),
    StageSpec(
        "notch",
        "vointi_signals.notch:MainsNotch",
        "samples",
        "samples",
        (Param("mains", "mains"), Param("q", "number"), Param("harmonics", "integer")),
    ),
    StageSpec(
        "baseline",
        "vointi_signals.baseline:Baseline",
        "samples",
        "samples",
        (Param("windows_s", "numbers"),),
    ),
    StageSpec("qrs", "vointi_signals.qrs:QrsDetector", "samples", "beats"),
    StageSpec(
        "ecg_quality",
        "vointi_signals.ecg_quality:EcgQuality",
        "samples",
        "ecg_quality",
        (Param("window_s", "number"),),
    ),
    StageSpec(
        "rr_clean",
        "vointi_signals.stage_filters:BeatIntervals",
        "beats",
        "rr",
        (Param("limit", "number"),),
        (),
    ),
    StageSpec(
        "hrv",
        "vointi_signals.hrv:HrvWindow",
        "rr",
        "hrv",
        (Param("window_s", "number"), Param("step_s", "number"), Param("min_coverage", "number")),
        (),
    ),
    StageSpec(
        "ecg_respiration",
        "vointi_signals.edr:EcgRespiration",
        "beats",
        "respiration",
        (Param("window_s", "number"), Param("step_s", "number")),
        (),
    ),
    StageSpec(
        "ppg_beats",
        "vointi_signals.ppg:PpgBeats",
        "samples",
        "beats",
        (Param("inverted", "flag"),),
    ),
    StageSpec(
        "ppg_respiration",
        "vointi_signals.ppg_respiration:PpgRespiration",
        "beats",
        "respiration",
        (Param("window_s", "number"), Param("step_s", "number")),
        (),
    ),
    StageSpec("spo2", "vointi_signals.oximetry:PulseOximeter", "red_infrared", "oximetry"),
    StageSpec("steps", "vointi_signals.steps:StepCounter", "axes", "steps", (_UNIT,)),
    StageSpec("epochs", _EPOCHS, "axes", "epochs", (Param("epoch_s", "number"), _UNIT)),
    StageSpec("mad", _EPOCHS, "axes", "epochs", (Param("epoch_s", "number"), _UNIT)),
    StageSpec("enmo", _EPOCHS, "axes", "epochs", (Param("epoch_s", "number"), _UNIT)),
    StageSpec(
        "falls",
        "vointi_signals.falls:FallCandidates",
        "axes",
        "falls",
        (_UNIT, Param("enabled", "flag")),
    ),
    StageSpec("posture", "vointi_signals.posture:PostureTracker", "epochs", "posture", (), ()),
    StageSpec(
        "wear",
        "vointi_signals.wear:WearDetector",
        "epochs",
        "wear",
        (Param("epoch_s", "number"),),
        (),
    ),
    StageSpec(
        "sleep",
        "vointi_signals.sleep:SleepWake",
        "epochs",
        "sleep",
        (Param("epoch_s", "number"), Param("method", "text")),
        (),
    ),
)
BY_NAME = {stage.name: stage for stage in STAGES}
