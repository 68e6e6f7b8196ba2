"""Report on change: a slow sensor's reading is told when it moved, and at each heartbeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vointi_contract.frame import Quality
from vointi_contract.metrics import by_code

from vointi_edge.catalogue import Model
from vointi_edge.catalogue_wired import Report
from vointi_edge.reading import Reading


@dataclass(frozen=True, slots=True)
class _Told:
    mono_us: int
    values: Mapping[int, tuple[float, ...]]
    quality: Quality


class OnChange:
    """Decides for every stream whose catalogue entry has a heartbeat; the others are all told.

    Compared is with what was told last, so that a slow drift is not overlooked.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._reports = {
            (device, spec.id): spec.report
            for device, model in models.items()
            for spec in model.streams
            if spec.report.heartbeat_s
        }
        self._told: dict[tuple[str, str], _Told] = {}

    def tells(self, reading: Reading) -> bool:
        """Say whether this reading is worth keeping; if so, the next is compared with it."""
        key = reading.device, reading.stream
        report = self._reports.get(key)
        if report is None:
            return True
        values = {one.metric: tuple(map(float, one.physical())) for one in reading.channels}
        now = _Told(reading.mono_us, values, reading.quality)
        last = self._told.get(key)
        if last is not None and not _differs(now, last, report):
            return False
        self._told[key] = now
        return True


def _differs(now: _Told, last: _Told, report: Report) -> bool:
    if now.quality != last.quality or now.values.keys() != last.values.keys():
        return True
    # A clock that went back says nothing of how long ago the last one was.
    if not 0 <= now.mono_us - last.mono_us < report.heartbeat_s * 1e6:
        return True
    return any(
        _moved(values, last.values[metric], report.change.get(by_code(metric).name, 0.0))
        for metric, values in now.values.items()
    )


def _moved(now: tuple[float, ...], last: tuple[float, ...], least: float) -> bool:
    if len(now) != len(last):
        return True
    # A change of exactly that much counts, though its floats differ by a hair.
    least *= 1 - 1e-9
    return any(a != b and abs(a - b) >= least for a, b in zip(now, last, strict=True))
