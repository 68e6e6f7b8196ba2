"""Some weeks of summaries: a reading a day of each band, four a day of each room and counter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from vointi_contract.frame import Channel, ClockState, Frame, Quality
from vointi_contract.metrics import by_name

from .draw import Draw
from .plan import DAY_US, UNTIL_US, Device, Sample

#: Mean and spread between subjects, and from one reading to the next.
_USUAL: dict[str, tuple[float, float, float]] = {
    "heart_rate": (68, 7, 2.5),
    "rmssd": (28, 9, 5),
    "respiratory_rate": (15, 1.5, 0.7),
    "steps": (4800, 1900, 1200),
    "room_temperature": (22, 1, 0.5),
    "room_humidity": (35, 6, 3),
    "co2": (760, 130, 90),
    "people_in": (38, 12, 8),
    "people_out": (38, 12, 8),
}
#: Part of the days on which a band was not worn, or a sensor not heard.
_MISSED = 0.06
_SIX_HOURS_US = DAY_US // 4


@dataclass(frozen=True, slots=True)
class Summary:
    """One reading of a device: when it was made (UTC µs) and what each of its metrics was."""

    device: str
    seq: int
    t_us: int
    values: tuple[int, ...]


def summaries(sample: Sample, device: Device) -> Iterator[Summary]:
    """Every reading of a device, by time."""
    draw = Draw(sample.seed, "readings", device.device)
    usual = [draw.near(*_USUAL[metric][:2]) for metric in device.metrics]
    step_us = DAY_US if device.person else _SIX_HOURS_US
    first_us, end_us = max(device.from_us, sample.start_us), device.to_us or UNTIL_US
    seq = 0
    for t_us in range(sample.start_us + step_us, end_us + 1, step_us):
        if t_us - step_us < first_us or draw.chance(_MISSED):
            continue
        seq += 1
        values = [
            max(0, round(draw.near(mean, _USUAL[metric][2])))
            for metric, mean in zip(device.metrics, usual, strict=True)
        ]
        yield Summary(device.device, seq, t_us, tuple(values))


def frame(sample: Sample, device: Device, summary: Summary) -> Frame:
    """The reading as an edge would have sent it."""
    channels = tuple(
        Channel(by_name(metric).code, np.asarray([value], np.int32))
        for metric, value in zip(device.metrics, summary.values, strict=True)
    )
    return Frame(
        device=device.device.partition(".")[2],
        stream="summary",
        boot=sample.seed + 1,
        seq=summary.seq,
        mono_us=summary.t_us - sample.start_us,
        wall_us=summary.t_us,
        clock=ClockState.NTP,
        uncertainty_us=1000,
        rate_hz=0.0,
        dev_ts_ns=None,
        channels=channels,
        offsets_us=None,
        quality=Quality.OK,
    )
