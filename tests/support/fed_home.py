"""What the devices of a simulated home say, as readings in order of time: no radio between."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from vointi_contract.frame import Channel, ClockState, Quality
from vointi_contract.metrics import by_name
from vointi_edge.clock import SystemClock
from vointi_edge.reading import Reading
from vointi_sim.physiology import Person
from vointi_sim.wearables.sources import CRYSTAL, PersonEcg
from vointi_sim.wearables.strap import ACC_SAMPLES, ECG_SAMPLES

# Far from 0 however long the outage: an edge's clock counts from its boot.
_SHIFT_US = 30 * 86_400_000_000
_ACC_HZ = 50 * CRYSTAL
_AIR_S = 10.0

#: Makes the reading, given the time now in µs on the edge's clock.
Make: TypeAlias = Callable[[int], Reading]


@dataclass
class FedClock:
    """The real clock, `behind_us` late; or standing at `at_us` while it is set."""

    behind_us: int = 0
    at_us: int | None = None
    state: ClockState = ClockState.SYSTEM
    uncertainty_us: int = 1000

    def __post_init__(self) -> None:
        self._system = SystemClock()
        self._offset_us = self._system.wall_offset() - _SHIFT_US

    def boottime_us(self) -> int:
        if self.at_us is not None:
            return self.at_us
        return self._system.boottime_us() + _SHIFT_US - self.behind_us

    def wall_us(self) -> int:
        return self.boottime_us() + self._offset_us

    def wall_offset(self) -> int:
        return self._offset_us


class FedHome:
    """A strap with raw ECG and acceleration, an oximeter, a room sensor; time 0 is `origin_us`."""

    def __init__(self, seed: int, origin_us: int, offset_us: int) -> None:
        self._person = Person(seed)
        self._ecg_source = PersonEcg(self._person)
        self._origin_us = origin_us
        self._offset_us = offset_us

    def since(self, start_s: float) -> Iterator[tuple[float, Make]]:
        """(when it is complete, how to make it) for ever, in order of time."""
        streams = (
            self._ecg(start_s),
            self._acc(start_s),
            self._every(1.0, start_s, self._heart_rate),
            self._every(1.0, start_s + 0.37, self._oxygen),
            self._every(_AIR_S, start_s, self._air),
        )
        return heapq.merge(*streams, key=lambda one: one[0])

    def _ecg(self, start_s: float) -> Iterator[tuple[float, Make]]:
        hz = self._ecg_source.true_hz
        for first in itertools.count(math.ceil(start_s * hz), ECG_SAMPLES):

            def make(_now_us: int, first: int = first) -> Reading:
                values = self._ecg_source.read(first, ECG_SAMPLES)
                return self._waveform("ecg", hz, first, (_channel("ecg", values),))

            yield (first + ECG_SAMPLES) / hz, make

    def _acc(self, start_s: float) -> Iterator[tuple[float, Make]]:
        for first in itertools.count(math.ceil(start_s * _ACC_HZ), ACC_SAMPLES):

            def make(_now_us: int, first: int = first) -> Reading:
                times_s = np.arange(first, first + ACC_SAMPLES) / _ACC_HZ
                felt = np.rint(self._person.motion.acceleration_mg(times_s, first))
                names = ("acc_x", "acc_y", "acc_z")
                axes = tuple(_channel(n, felt[:, i]) for i, n in enumerate(names))
                return self._waveform("acc", _ACC_HZ, first, axes)

            yield (first + ACC_SAMPLES) / _ACC_HZ, make

    def _every(
        self, period_s: float, start_s: float, say: Callable[[float, int], Reading]
    ) -> Iterator[tuple[float, Make]]:
        for number in itertools.count(1):
            at_s = start_s + number * period_s
            yield at_s, lambda now_us, at_s=at_s: say(at_s, now_us)  # type: ignore[misc]

    def _heart_rate(self, at_s: float, now_us: int) -> Reading:
        beats = self._person.heart.beats(at_s - 1.25, at_s - 0.25)
        rr = [round(beat.rr_s * 1024) for beat in beats]
        said = [_channel("heart_rate", [round(self._person.heart.rate_per_min(at_s))])]
        if rr:
            said.append(_channel("rr_interval", rr, 1000 / 1024))
        return self._spot("strap-1", "hr", now_us, *said, _channel("hr_contact", [1]))

    def _oxygen(self, at_s: float, now_us: int) -> Reading:
        pulse = self._person.pulse
        return self._spot(
            "oximeter-1", "spo2", now_us,
            _channel("spo2", [round(pulse.spo2_pct(at_s))]),
            _channel("pulse_rate", [round(pulse.rate_per_min(at_s))]),
            _channel("perfusion_index", [round(pulse.perfusion_index_pct(at_s) * 10)], 0.1),
        )  # fmt: skip

    def _air(self, at_s: float, now_us: int) -> Reading:
        return self._spot(
            "bedroom-air", "air", now_us,
            _channel("room_temperature", [4_200 + round(at_s / 60) % 400], 0.005),
            _channel("room_humidity", [16_000], 0.0025),
            _channel("air_pressure", [101_325], 0.01),
        )  # fmt: skip

    def _waveform(
        self, stream: str, hz: float, first: int, channels: tuple[Channel, ...]
    ) -> Reading:
        at_us = self._origin_us + round(first / hz * 1e6)
        stamp_ns = 800_000_000_000_000_000 + round(first / hz * 1e9)
        wall_us = at_us + self._offset_us
        return Reading(
            "strap-1", stream, at_us, wall_us, round(hz, 6), stamp_ns, channels, None, Quality.OK
        )

    def _spot(self, device: str, stream: str, now_us: int, *channels: Channel) -> Reading:
        wall_us = now_us + self._offset_us
        return Reading(device, stream, now_us, wall_us, 0.0, None, channels, None, Quality.OK)


def _channel(name: str, values: object, scale: float = 1.0) -> Channel:
    return Channel(by_name(name).code, np.asarray(values, np.int32), scale)
