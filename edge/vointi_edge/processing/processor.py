"""Runs the catalogue's pipelines: for each device and stream, what is to be made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vointi_edge.catalogue import Model
from vointi_edge.processing.stream import StreamPipeline
from vointi_edge.reading import Reading


class Processor:
    """All pipelines of all devices.

    `models` maps device id to its catalogue model; `boot` is the machine's boot id; `saved` is
    what `states` returned before a restart.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        boot: str,
        saved: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._by_input: dict[tuple[str, str], list[StreamPipeline]] = {}
        self._by_name: dict[str, StreamPipeline] = {}
        self._models = models
        self._idle: set[StreamPipeline] = set()
        for device, model in models.items():
            for spec in model.pipelines:
                name = f"{device}/{spec.output}"
                made = StreamPipeline(device, spec, boot, (saved or {}).get(name))
                self._by_name[name] = made
                self._by_input.setdefault((device, spec.input), []).append(made)

    def push(self, reading: Reading) -> list[Reading]:
        """Return the readings that follow from this one."""
        pipelines = self._by_input.get((reading.device, reading.stream), ())
        active = (pipeline for pipeline in pipelines if pipeline not in self._idle)
        return [made for pipeline in active for made in pipeline.push(reading)]

    def allow(self, permits: Callable[[str, str, str], bool]) -> None:
        """Run only what `permits(device, stream, class)`; the rest forgets all that it has seen."""
        self._idle.clear()
        for device, model in self._models.items():
            for spec in model.pipelines:
                if not permits(device, spec.output, spec.class_):
                    pipeline = self._by_name[f"{device}/{spec.output}"]
                    pipeline.forget()
                    self._idle.add(pipeline)

    def states(self) -> dict[str, dict[str, Any]]:
        """Return what must outlive a restart, by "device/stream", as JSON."""
        states = ((name, pipeline.state()) for name, pipeline in self._by_name.items())
        return {name: state for name, state in states if state is not None}
