"""Runs the catalogue's pipelines: for each device and stream, what is to be made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from vointi_edge.catalogue import Model, PipelineSpec
from vointi_edge.processing.beats import BeatFinder
from vointi_edge.reading import Reading


class Stage(Protocol):
    """A stage keeps its own state from reading to reading."""

    def push(self, reading: Reading) -> Reading | None:
        """Take the next reading; return what is now known."""


class Processor:
    """All pipelines of all devices; `models` maps device id to its catalogue model."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._stages: dict[tuple[str, str], list[Stage]] = {}
        for device, model in models.items():
            for spec in model.pipelines:
                self._stages.setdefault((device, spec.input), []).append(_stage(spec))

    def push(self, reading: Reading) -> list[Reading]:
        """Return the readings that follow from this one."""
        made = (stage.push(reading) for stage in self._stages.get(_key(reading), ()))
        return [reading for reading in made if reading is not None]


def _key(reading: Reading) -> tuple[str, str]:
    return reading.device, reading.stream


def _stage(spec: PipelineSpec) -> Stage:
    """Build what a pipeline names; the catalogue has checked the names."""
    return BeatFinder(spec.output)
