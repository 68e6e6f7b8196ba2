"""The `[[pipeline]]` tables of a catalogue file: what is computed from which stream, and checks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vointi_signals.errors import SignalError
from vointi_signals.pipeline import build

from vointi_edge.tables import Table

# What the last stage gives → the metrics that can be made of its rows.
COMPUTED: dict[str, tuple[str, ...]] = {
    "beats": ("beat", "rr_interval"),
    "hrv": ("heart_rate", "rmssd", "sdnn"),
    "respiration": ("respiratory_rate",),
    "oximetry": ("spo2", "perfusion_index"),
    "steps": ("steps", "cadence"),
}
QUALITY = "ecg_quality"
_INDEX = re.compile(r"\[(\d+)\]")

Stages = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A stream that the edge computes from another one.

    `stages` is what `vointi_signals.pipeline.build` takes; `quality`, often empty, a second chain
    beside it that ends in `ecg_quality` and marks what the first one gives. Counts (steps) are
    told every `every_s` seconds.
    """

    input: str
    output: str
    stages: Stages
    quality: Stages
    every_s: float
    metrics: tuple[str, ...]
    class_: str


@dataclass(frozen=True, slots=True)
class Samples:
    """What a pipeline is given: channels at a rate."""

    rate_hz: float
    channels: int


def check_pipeline(table: Table, spec: PipelineSpec, given: Samples) -> None:
    """Note on `table` everything that keeps the edge from running `spec` on `given`."""
    if not given.rate_hz:
        table.problem("input", f'"{spec.input}" has no rate_hz; give the stream one')
        return
    gives = _built(table, "stages", spec.stages, given)
    if gives is not None:
        _check_metrics(table, spec, gives)
    if spec.quality:
        rates = _built(table, "quality", spec.quality, given)
        if rates not in (None, QUALITY):
            table.problem("quality", f"ends in {rates}; end it with stage {QUALITY}")


def _built(table: Table, key: str, stages: Sequence[Mapping[str, Any]], given: Samples) -> Any:
    """Build the stages as the edge will; return what they give, None after noting a problem."""
    try:
        return build(stages, given.rate_hz, given.channels).gives
    except SignalError as error:
        field = error.field.replace("stages", key, 1) if "stages" in error.field else key
        said = error.problem if field != key else f"{error.field}: {error.problem}"
        table.problem(_from_one(field), f"{said}; {error.fix}" if error.fix else said)
        return None


def _from_one(field: str) -> str:
    """Count tables from one, as every other line about a file does."""
    return _INDEX.sub(lambda found: f"[{int(found[1]) + 1}]", field)


def _check_metrics(table: Table, spec: PipelineSpec, gives: str) -> None:
    known = COMPUTED.get(gives)
    if known is None:
        ends = ", ".join(sorted(COMPUTED))
        table.problem("stages", f"give {gives}, which has no metric; end them in one of {ends}")
        return
    for name in spec.metrics:
        if name not in known:
            table.choice_problem("metrics", name, known)
