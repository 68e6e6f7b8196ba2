"""Pipelines as data: a list of stages, each a dict with its name and its keys, becomes a chain.

    build([{"stage": "bandpass", "order": 2, "cutoff_hz": [5, 15]}, {"stage": "qrs"}], fs=130)

Errors name the key: ``stages[0].cutof_hz: unknown key; did you mean cutoff_hz?``
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vointi_signals._pipeline_spec import Planned, plan
from vointi_signals._state import fingerprint, restore, save
from vointi_signals.errors import StateError
from vointi_signals.stages import Flow

Rows = NDArray[Any]


class Pipeline:
    """Stages in a row: what one gives, the next takes.

    ``push`` takes samples, (n,) for one channel and (n, channels) for several, and returns what
    the last stage gives: filtered samples or rows of a detector. The result does not depend on
    how the input is cut.
    """

    def __init__(self, planned: Sequence[Planned], fs: float, of: int) -> None:
        self._stages = tuple(planned)
        self.fs = fs
        self.channels = planned[0].channels
        self._of = of

    @property
    def gives(self) -> Flow:
        """What comes out."""
        return self._stages[-1].gives

    @property
    def stages(self) -> tuple[Any, ...]:
        """The routines, for what they tell beside their output (``detected``, ``gaps`` ...)."""
        return tuple(stage.routine for stage in self._stages)

    @property
    def rate_hz(self) -> float:
        """Rate of the samples that come out, or of those that the first detector takes."""
        return self._stages[-1].fs_out

    @property
    def latency_s(self) -> float:
        """Sum of the stages' delays in seconds."""
        return sum(stage.latency_s for stage in self._stages)

    @property
    def shift_s(self) -> float:
        """By how much the times in a detector's rows are late: the delay of the filters before."""
        return sum(stage.shift_s for stage in self._stages)

    def push(self, x: ArrayLike) -> Rows:
        """Take samples; return what the last stage has for them."""
        flow: Any = x
        for stage in self._stages:
            flow = stage.routine.push(flow)
        return np.asarray(flow)

    def flush(self) -> Rows:
        """Let every stage give what it holds back, through the stages after it."""
        held: Rows | None = None
        for stage in self._stages:
            parts = [] if held is None or not len(held) else [stage.routine.push(held)]
            if hasattr(stage.routine, "flush"):
                parts.append(stage.routine.flush())
            held = _joined(parts)
        return np.zeros(0) if held is None else held

    def gap(self, n_missing: int) -> Rows:
        """Say that ``n_missing`` samples never arrived; return what was decided for it."""
        held: Rows | None = None
        for stage in self._stages:
            parts = [] if held is None or not len(held) else [stage.routine.push(held)]
            if stage.takes_samples:
                missing = round(n_missing * stage.fs_in / self.fs)
                answer = stage.routine.gap(missing)
                parts += [] if answer is None else [answer]
            held = _joined(parts)
        return np.zeros(0) if held is None else held

    def reset(self) -> None:
        """Forget everything, as after building."""
        for stage in self._stages:
            stage.routine.reset()

    def get_state(self) -> bytes:
        """Return every stage's state as bytes, for ``set_state`` of an equal pipeline."""
        states = [b64encode(stage.routine.get_state()).decode() for stage in self._stages]
        return save("pipeline", self._of, stages=states)

    def set_state(self, raw: bytes) -> None:
        """Go on from ``get_state``; on StateError the pipeline is as after ``reset``."""
        saved = restore(raw, "pipeline", self._of)
        try:
            states = [b64decode(text, validate=True) for text in saved["stages"]]
        except (KeyError, TypeError, ValueError):
            raise StateError("stages", "missing or damaged", "reset instead") from None
        if len(states) != len(self._stages):
            raise StateError("stages", f"{len(states)} instead of {len(self._stages)}")
        try:
            for stage, state in zip(self._stages, states, strict=True):
                stage.routine.set_state(state)
        except StateError:
            self.reset()
            raise


def build(spec: Sequence[Mapping[str, Any]], fs: float, channels: int = 1) -> Pipeline:
    """Build a pipeline for samples at ``fs`` Hz; PipelineError names the key that is wrong."""
    planned = plan(spec, fs, channels)
    # A routine's own state is tied to its parameters; this ties the chain to the order of them.
    names = [stage.name for stage in planned]
    return Pipeline(planned, float(fs), fingerprint(names, float(fs), channels))


def _joined(parts: list[Rows]) -> Rows | None:
    parts = [part for part in parts if part is not None]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
