"""Where a strap's samples come from: a person, or a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vointi_sim.physiology import Person

# A Polar H10's crystal, measured on a real strap's timestamps: 130.045 Hz for a nominal 130.
CRYSTAL = 130.045 / 130.0
# One step of a Polar H10's 14-bit converter in µV.
_STEP_UV = 37_400 / 16_384
_CODE_LIMIT = 8_191


class EcgSource(Protocol):
    """Samples by number; sample n is taken at n / true_hz after the origin."""

    nominal_hz: int
    true_hz: float

    def origin_s(self, now_s: float) -> float:
        """Simulated time of sample 0 for a stream that is started now."""

    def first(self, now_s: float) -> int:
        """Number of the first sample of a stream that is started now."""

    def read(self, first: int, count: int) -> NDArray[np.int32]:
        """Samples in µV; shorter than `count` at the end, empty after it."""


def quantised_uv(microvolts: NDArray[np.float64]) -> NDArray[np.int32]:
    """What the converter makes of a voltage: trunc(k * 37400 / 16384) µV for a 14-bit code k."""
    codes = np.clip(np.rint(microvolts / _STEP_UV), -_CODE_LIMIT - 1, _CODE_LIMIT)
    return np.trunc(codes * 37_400 / 16_384).astype(np.int32)


@dataclass
class PersonEcg:
    """The ECG of a simulated person through a strap's converter, without end."""

    person: Person
    nominal_hz: int = 130
    true_hz: float = 130 * CRYSTAL

    def origin_s(self, now_s: float) -> float:
        """Samples are numbered from the start of the simulation, whoever listens."""
        del now_s
        return 0.0

    def first(self, now_s: float) -> int:
        """The next sample of the running converter."""
        return int(now_s * self.true_hz) + 1

    def read(self, first: int, count: int) -> NDArray[np.int32]:
        """Samples in µV."""
        times_s = np.arange(first, first + count) / self.true_hz
        return quantised_uv(self.person.heart.ecg_uv(times_s, first))


class RecordedEcg:
    """A recording: it starts at sample 0 whenever a stream is started, and it ends."""

    def __init__(self, microvolts: NDArray[np.int32], rate_hz: float) -> None:
        self.microvolts = microvolts
        self.nominal_hz = round(rate_hz)
        self.true_hz = rate_hz

    def origin_s(self, now_s: float) -> float:
        """The recording's first sample is taken when the stream is started."""
        return now_s

    def first(self, now_s: float) -> int:
        """Always the recording's first sample."""
        del now_s
        return 0

    def read(self, first: int, count: int) -> NDArray[np.int32]:
        """Samples in µV as rounded from the recording."""
        return self.microvolts[first : first + count]
