"""Rows of a pipeline become readings: one class for each way in which they do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from vointi_contract.frame import Channel, Quality
from vointi_contract.metrics import by_name
from vointi_signals.middle import middle

from vointi_edge.decoders.values import channel
from vointi_edge.pipelines import PipelineSpec
from vointi_edge.processing.axis import Axis
from vointi_edge.reading import Reading

Rows = np.ndarray[Any, Any]

# Columns of the rows of each routine that tells values now and then.
_COLUMNS: dict[str, dict[str, str]] = {
    "hrv": {"heart_rate": "mean_hr", "rmssd": "rmssd_ms", "sdnn": "sdnn_ms"},
    "respiration": {"respiratory_rate": "breaths_per_min"},
    "oximetry": {"spo2": "spo2", "perfusion_index": "perfusion_index"},
}
# A hundredth of any of these units is finer than the measures are right.
_SCALE = 0.01
_FEWEST_STEPS = 8  # between fewer, one stumble is the cadence
_LONGEST_STEP_S = 1.6  # beyond it somebody stood still
_WHOLE = 0.98


class Output(Protocol):
    """Makes readings of rows; `state` is what must outlive a restart, as JSON."""

    def take(self, rows: Rows, axis: Axis, seen: int) -> list[Reading]:
        """Take what the last stage gave for the `seen` samples that came last on `axis`."""

    def state(self) -> dict[str, Any]:
        """Return what is remembered."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; KeyError, TypeError or ValueError when it is none."""


class Beats:
    """Beats with the RR intervals (ms) that end in the last of them, at the samples' own times.

    The intervals come from the device's clock, so they are exact however far its rate is from
    the nominal one. None spans a gap.
    """

    def __init__(self, name: tuple[str, str], spec: PipelineSpec, fs: float, shift_s: float):
        self._name, self._metrics = name, spec.metrics
        self._fs, self._shift_s = fs, shift_s
        self._last_ns: int | None = None

    def take(self, rows: Rows, axis: Axis, seen: int) -> list[Reading]:
        """Return one reading of all beats."""
        if not len(rows):
            return []
        rows = np.sort(rows, order="index")
        places = _places(rows, self._fs, self._shift_s)
        channels = [channel("beat", np.rint(rows["amplitude"]))]
        intervals_us = self._intervals_us([axis.time_ns(p) for p in places], rows["after_gap"])
        if intervals_us:
            channels.append(channel("rr_interval", intervals_us, 0.001))
        wanted = tuple(c for c in channels if c.metric in map(_code, self._metrics))
        quality = Quality.LATE if bool(rows["late"].any()) else Quality.OK
        return [axis.reading(self._name, places, wanted, quality)] if wanted else []

    def _intervals_us(self, times_ns: list[int], after_gap: Rows) -> list[int]:
        metric = by_name("rr_interval")
        intervals: list[int] = []
        for time_ns, cut in zip(times_ns, after_gap, strict=True):
            last_ns, self._last_ns = self._last_ns, time_ns
            interval_us = 0 if last_ns is None or cut else round((time_ns - last_ns) / 1000)
            if metric.accepts(interval_us / 1000):
                intervals.append(interval_us)
            else:
                intervals.clear()
        return intervals

    def state(self) -> dict[str, Any]:
        """Return nothing: no interval spans a restart."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Need nothing."""


class Measures:
    """Values of a window, at its end; what the routine could not tell is left out."""

    def __init__(
        self, name: tuple[str, str], spec: PipelineSpec, fs: float, shift_s: float, gives: str
    ) -> None:
        self._name = name
        self._fs, self._shift_s = fs, shift_s
        self._columns = {metric: _COLUMNS[gives][metric] for metric in spec.metrics}

    def take(self, rows: Rows, axis: Axis, seen: int) -> list[Reading]:
        """Return a reading for each row that tells anything."""
        places = _places(rows, self._fs, self._shift_s)
        made = []
        for place, row in zip(places, rows, strict=True):
            channels = tuple(
                channel(metric, [round(value / _SCALE)], _SCALE)
                for metric, column in self._columns.items()
                if by_name(metric).accepts(value := float(row[column]))
            )
            if channels:
                made.append(axis.reading(self._name, [place], channels, Quality.OK))
        return made

    def state(self) -> dict[str, Any]:
        """Return nothing: the routine keeps its own window."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Need nothing."""


class Steps:
    """Steps that became certain within each `every_s` seconds of samples, and their cadence.

    Marked GAP_BEFORE when samples are missing; of an epoch that was hardly seen and holds no
    step nothing is said. Cadence is left out when nobody walked.
    """

    def __init__(self, name: tuple[str, str], spec: PipelineSpec, fs: float) -> None:
        self._name, self._metrics = name, spec.metrics
        self._size = round(spec.every_s * fs)
        self._due = self._size
        self._seen = 0
        self._times_s: list[float] = []

    def take(self, rows: Rows, axis: Axis, seen: int) -> list[Reading]:
        """Return the reading of an epoch that has ended with these samples."""
        self._times_s += rows["time_s"].tolist() if len(rows) else []
        self._seen += seen
        if axis.next < self._due:
            return []
        made = []
        if self._times_s or 2 * self._seen >= self._size:
            quality = Quality.OK if self._seen >= _WHOLE * self._size else Quality.GAP_BEFORE
            place = min(self._due, axis.next) - 1
            made = [axis.reading(self._name, [place], self._channels(), quality)]
        self._due += self._size * math.ceil((axis.next + 1 - self._due) / self._size)
        self._seen, self._times_s = 0, []
        return made

    def _channels(self) -> tuple[Channel, ...]:
        channels = []
        if "steps" in self._metrics:
            channels.append(channel("steps", [len(self._times_s)]))
        strides = np.diff(np.sort(self._times_s))
        strides = strides[strides <= _LONGEST_STEP_S]
        if "cadence" in self._metrics and len(strides) >= _FEWEST_STEPS:
            cadence = 60.0 / middle(strides)
            channels.append(channel("cadence", [round(cadence / _SCALE)], _SCALE))
        return tuple(channels)

    def state(self) -> dict[str, Any]:
        """Return the open epoch."""
        return {"due": self._due, "seen": self._seen, "times_s": self._times_s}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the open epoch."""
        due, seen = int(state["due"]), int(state["seen"])
        times_s = [float(time) for time in state["times_s"]]
        self._due, self._seen, self._times_s = due, seen, times_s


def make_output(
    name: tuple[str, str], spec: PipelineSpec, fs: float, shift_s: float, gives: str
) -> Output:
    """Build the output of stream `name` for what the last stage gives."""
    if gives == "beats":
        return Beats(name, spec, fs, shift_s)
    if gives == "steps":
        return Steps(name, spec, fs)
    return Measures(name, spec, fs, shift_s, gives)


def _places(rows: Rows, fs: float, shift_s: float) -> list[float]:
    """Return where rows belong, in samples of the input."""
    return [] if not len(rows) else ((rows["time_s"] - shift_s) * fs).round(6).tolist()


def _code(metric: str) -> int:
    return by_name(metric).code
