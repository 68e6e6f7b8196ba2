"""From a pipeline's description to its routines, every mistake named by its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from vointi_signals._checks import checked_channels, checked_rate
from vointi_signals.errors import ParameterError, PipelineError
from vointi_signals.stages import BY_NAME, CHANNELS, SIGNALS, Flow, Param, StageSpec

MAX_STAGES = 32


@dataclass(frozen=True, slots=True)
class Planned:
    """A stage in its place: its routine and the rates before and after it."""

    name: str
    routine: Any
    channels: int
    fs_in: float
    fs_out: float
    gives: Flow
    takes_samples: bool

    @property
    def latency_s(self) -> float:
        """The routine's own delay, asked at its rate where it knows none."""
        latency = getattr(self.routine, "latency_s", 0.0)
        return float(latency(self.fs_in) if callable(latency) else latency)

    @property
    def shift_s(self) -> float:
        """By how much the samples that come out lag behind their own times."""
        # A rate corrector gives every sample its own time, however late it is told.
        if self.gives not in SIGNALS or self.name == "resample":
            return 0.0
        return self.latency_s


def plan(spec: Sequence[Mapping[str, Any]], fs: float, channels: int) -> list[Planned]:
    """Check a description and construct its routines."""
    if isinstance(spec, (str, bytes, Mapping)) or not isinstance(spec, Sequence):
        raise PipelineError("stages", f"a {type(spec).__name__}", "pass a list of tables")
    if not 1 <= len(spec) <= MAX_STAGES:
        raise PipelineError("stages", f"{len(spec)} stages", f"name 1 to {MAX_STAGES}")
    rate, width = checked_rate(fs), checked_channels(channels)
    flow: Flow = "signal"
    planned: list[Planned] = []
    for i, table in enumerate(spec):
        stage, keys = _keys(f"stages[{i}]", table)
        _check_flow(f"stages[{i}].stage", stage, flow, width, planned)
        routine = _construct(f"stages[{i}]", stage, keys, rate, width)
        after = _rate_after(routine, rate)
        flow = flow if stage.gives == "signal" else stage.gives
        takes = stage.takes in SIGNALS
        planned.append(Planned(stage.name, routine, width, rate, after, flow, takes))
        rate = after
    return planned


def _keys(path: str, table: object) -> tuple[StageSpec, dict[str, Any]]:
    """Return the stage that a table names and its keys, each known and of the right type."""
    if not isinstance(table, Mapping):
        raise PipelineError(path, f"a {type(table).__name__}", 'pass a table with "stage"')
    name = table.get("stage")
    if not isinstance(name, str):
        raise PipelineError(f"{path}.stage", "missing" if name is None else "not a text")
    stage = BY_NAME.get(name)
    if stage is None:
        raise PipelineError(f"{path}.stage", f"no stage {name!r}", _meant(name, sorted(BY_NAME)))
    params = {param.name: param for param in stage.params}
    keys = {str(key): value for key, value in table.items() if key != "stage"}
    for key in keys:
        if key not in params:
            raise PipelineError(f"{path}.{key}", "unknown key", _meant(key, sorted(params)))
    for param in stage.params:
        if param.name in keys:
            _check_type(f"{path}.{param.name}", param, keys[param.name])
        elif param.required:
            raise PipelineError(f"{path}.{param.name}", "missing", f"{name} needs it")
    return stage, keys


def _meant(word: str, words: Sequence[str]) -> str:
    near = get_close_matches(word, words, 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"use one of {', '.join(words)}" if words else "it takes none"


def _check_type(path: str, param: Param, value: object) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    good = {
        "number": number,
        "integer": isinstance(value, int) and number,
        "text": isinstance(value, str),
        "flag": isinstance(value, bool),
        "numbers": isinstance(value, Sequence) and not isinstance(value, (str, bytes)),
        "mains": value == "auto" or number,
    }[param.type]
    if not good:
        raise PipelineError(path, f"{value!r} is not {_ARTICLE[param.type]}")


_ARTICLE = {
    "number": "a number",
    "integer": "a whole number",
    "text": "a text",
    "flag": "true or false",
    "numbers": "a list of numbers",
    "mains": '"auto", 50 or 60',
}


def _check_flow(
    path: str, stage: StageSpec, flow: Flow, channels: int, before: list[Planned]
) -> None:
    """Raise PipelineError where a stage cannot take what the one before it gives."""
    given = flow in SIGNALS
    if (stage.takes in SIGNALS) != given or (not given and stage.takes != flow):
        what = f"{before[-1].name} gives {flow}" if before else "a pipeline begins with samples"
        raise PipelineError(path, f"{stage.name} takes {stage.takes}, but {what}")
    wanted = CHANNELS.get(stage.takes)
    if wanted is not None and wanted != channels:
        raise PipelineError(path, f"{stage.name} takes {wanted} channels, the input has {channels}")


def _construct(path: str, stage: StageSpec, keys: dict[str, Any], fs: float, channels: int) -> Any:
    known = {"fs": fs, "channels": channels}
    module, _, name = stage.target.partition(":")
    make = getattr(import_module(module), name)
    try:
        return make(**{key: known[key] for key in stage.told}, **keys)
    except ParameterError as error:
        raise PipelineError(f"{path}.{error.field}", error.problem, error.fix) from None


def _rate_after(routine: Any, fs: float) -> float:
    if hasattr(routine, "fs_out"):
        return float(routine.fs_out)
    if hasattr(routine, "down"):
        return fs * float(routine.up) / float(routine.down)
    return fs
