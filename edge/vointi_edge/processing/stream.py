"""One pipeline on one stream: gaps bridged, results placed in time, memory kept over restarts."""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from vointi_contract.frame import Quality
from vointi_signals.errors import SignalError
from vointi_signals.pipeline import build

from vointi_edge.pipelines import PipelineSpec
from vointi_edge.processing.axis import Axis, time_ns
from vointi_edge.processing.outputs import Output, make_output
from vointi_edge.reading import Reading

log = logging.getLogger(__name__)

# Longer without a sample, the person may be another and the electrodes lie elsewhere.
_KEEP_S = 600.0
# A rate this far off is another setting of the device, not its quartz.
_OTHER_RATE = 0.02
_DEVICE = "device"
_LOST = 0.5
_FLAGS = {
    "lead_off": Quality.LEAD_OFF,
    "saturated": Quality.SATURATED,
    "noisy": Quality.NOISY,
}


class _Chain:
    """What is built for one sampling rate."""

    def __init__(self, name: tuple[str, str], spec: PipelineSpec, fs: float, channels: int):
        self.fs = fs
        self.main = build(spec.stages, fs, channels)
        self.quality = build(spec.quality, fs, channels) if spec.quality else None
        shift_s, gives = self.main.shift_s, self.main.gives
        self.output: Output = make_output(name, spec, fs, shift_s, gives)
        self.axis = Axis()
        self.flags = Quality.OK

    def rate(self, rows: np.ndarray[Any, Any]) -> None:
        """Take the newest judgement of the samples; of a window that was lost there is none."""
        for told in rows[rows["missing"] <= _LOST][-1:]:
            self.flags = Quality.OK
            for name, flag in _FLAGS.items():
                self.flags |= flag if told[name] else Quality.OK

    def gap(self, missing: int) -> list[Reading]:
        """Count samples that never came; return what is decided for it."""
        rows = self.main.gap(missing)
        if self.quality is not None:
            self.rate(self.quality.gap(missing))
        self.axis.skip(missing)
        return self.output.take(rows, self.axis, 0)

    def state(self) -> dict[str, Any]:
        """Return what must outlive a restart, as JSON."""
        return {
            "fs": self.fs,
            "next": self.axis.next,
            "end_ns": self.axis.end_ns,
            "stages": b64encode(self.main.get_state()).decode(),
            "quality": self.quality and b64encode(self.quality.get_state()).decode(),
            "output": self.output.state(),
        }

    def recall(self, saved: Mapping[str, Any]) -> None:
        """Go on from `state`; SignalError, KeyError, TypeError or ValueError when it is none."""
        self.main.set_state(b64decode(saved["stages"]))
        if self.quality is not None:
            self.quality.set_state(b64decode(saved["quality"]))
        self.output.restore(saved["output"])
        self.axis = Axis(int(saved["next"]))
        self.axis.end_ns = int(saved["end_ns"])


class StreamPipeline:
    """Runs `spec` on the readings of one device's stream.

    `saved` is what `state` returned before a restart. `boot` names the time since which the
    machine's own clock has been running: a memory is dated by it where the device has no clock.
    """

    def __init__(
        self, device: str, spec: PipelineSpec, boot: str, saved: Mapping[str, Any] | None = None
    ) -> None:
        self._name = (device, spec.output)
        self._spec = spec
        self._boot = boot
        self._saved = saved
        self._chain: _Chain | None = None
        self._refused_hz = 0.0

    def push(self, reading: Reading) -> list[Reading]:
        """Take the next samples; return what is known by now."""
        fs = float(round(reading.rate_hz))
        if fs <= 0 or fs == self._refused_hz:
            return []
        made = self._bridge(reading, fs)
        chain = self._chain
        if chain is None:
            return made
        columns = [channel.physical() for channel in reading.channels]
        x = columns[0] if len(columns) == 1 else np.column_stack(columns)
        chain.axis.add(reading)
        if chain.quality is not None:
            chain.rate(chain.quality.push(x))
        made += chain.output.take(chain.main.push(x), chain.axis, len(x))
        return [replace(each, quality=each.quality | chain.flags) for each in made]

    def forget(self) -> None:
        """Forget all that was seen, before a restart too."""
        self._chain = self._saved = None

    def state(self) -> dict[str, Any] | None:
        """Return what must outlive a restart, as JSON; None before the first sample."""
        chain = self._chain
        if chain is None:
            return dict(self._saved) if self._saved is not None else None
        clock = _DEVICE if chain.axis.device_clock else self._boot
        return {"clock": clock, **chain.state()}

    def _bridge(self, reading: Reading, fs: float) -> list[Reading]:
        """Make the chain ready for this reading: anew, or told of the samples that are missing."""
        if self._chain is None or abs(reading.rate_hz / self._chain.fs - 1) > _OTHER_RATE:
            self._chain = self._begin(reading, fs)
            return []
        missing = _missing(reading, self._chain.axis)
        if not 0 <= missing <= _KEEP_S * fs:
            self._chain = self._begin(reading, fs)
            return []
        return self._chain.gap(missing) if missing else []

    def _begin(self, reading: Reading, fs: float) -> _Chain | None:
        """Build for a rate, with the memory of before the restart if there is one that fits."""
        saved, self._saved = self._saved, None
        try:
            chain = _Chain(self._name, self._spec, fs, len(reading.channels))
            if saved is not None and not self._recall(chain, saved, reading):
                chain = _Chain(self._name, self._spec, fs, len(reading.channels))
        except SignalError as error:
            log.warning("%s/%s: not computed: %s", *self._name, error)
            self._refused_hz = fs
            return None
        return chain

    def _recall(self, chain: _Chain, saved: Mapping[str, Any], reading: Reading) -> bool:
        """Give a new chain an earlier memory; False, told in one line, when it does not fit."""
        try:
            _check_origin(saved, chain.fs, self._clock(reading))
            chain.recall(saved)
            missing = _missing(reading, chain.axis)
            _check_age(missing / chain.fs)
        except (SignalError, KeyError, TypeError, ValueError) as error:
            log.warning("%s/%s: learns anew, its saved state does not fit: %s", *self._name, error)
            return False
        # What is decided for the gap may have been told before the edge went down.
        chain.gap(missing)
        return True

    def _clock(self, reading: Reading) -> str:
        return self._boot if reading.dev_ts_ns is None else _DEVICE


def _check_age(age_s: float) -> None:
    if not 0 <= age_s <= _KEEP_S:
        raise ValueError(f"it ends {age_s:.0f} s before the first sample")


def _check_origin(saved: Mapping[str, Any], fs: float, clock: str) -> None:
    if saved["fs"] != fs:
        raise ValueError(f"saved at {saved['fs']} Hz, now {fs} Hz")
    if saved["clock"] != clock:
        raise ValueError("the machine was started anew, so its age is not known")


def _missing(reading: Reading, axis: Axis) -> int:
    """Return how many samples are missing before a reading; below 0 when time went back."""
    missing = round((time_ns(reading) - axis.end_ns) * 1e-9 * reading.rate_hz)
    if reading.quality & Quality.GAP_BEFORE:
        return missing or 1
    # Without a clock of its own, a device's frames come when the radio likes.
    slack = max(1, len(reading.channels[0].values) // 2)
    return missing if reading.dev_ts_ns is not None and abs(missing) > slack else 0
