"""Where a strap's samples and beats come from: a person, or a recording."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vointi_sim.physiology import Person
from vointi_sim.physiology.heart import Beat

# A Polar H10's crystal, measured on a real strap's timestamps: 130.045 Hz for a nominal 130.
CRYSTAL = 130.045 / 130.0
# One step of a Polar H10's 14-bit converter in µV.
_STEP_UV = 37_400 / 16_384
_CODE_LIMIT = 8_191
# A strap shows the mean over its last handful of beats.
_MEAN_OVER_S = 6.0


class Rhythm(Protocol):
    """The beats that a strap detects, in simulated time."""

    def beats(self, from_s: float, to_s: float) -> Sequence[Beat]:
        """Beats with from_s <= R peak < to_s."""

    def rate_per_min(self, at_s: float) -> float:
        """Mean rate of the last beats, 0 when there are none."""


class Acceleration(Protocol):
    """What a strap's accelerometer feels."""

    def acceleration_mg(self, times_s: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Milli-g, shape (samples, 3), at ascending times; `first` is the first one's number."""


class EcgSource(Protocol):
    """Samples by number; sample n is taken at origin + n / true_hz."""

    nominal_hz: int
    true_hz: float

    def begin(self, now_s: float) -> tuple[float, int]:
        """Origin (simulated s) and first sample number of a stream that is started now."""

    def read(self, first: int, count: int) -> NDArray[np.int32]:
        """Samples in µV; shorter than `count` at the end, empty after it."""

    def sent(self, upto: int) -> None:
        """Samples before `upto` have been handed to the radio."""

    def rewind(self) -> None:
        """The client asked to stop."""

    @property
    def over(self) -> bool:
        """Whether there is nothing left to start."""


def quantised_uv(microvolts: NDArray[np.float64]) -> NDArray[np.int32]:
    """What the converter makes of a voltage: trunc(k * 37400 / 16384) µV for a 14-bit code k."""
    codes = np.clip(np.rint(microvolts / _STEP_UV), -_CODE_LIMIT - 1, _CODE_LIMIT)
    return np.trunc(codes * 37_400 / 16_384).astype(np.int32)


class PersonEcg:
    """The ECG of a simulated person through a strap's converter, without end.

    Samples are numbered from the start of the simulation, whoever listens.
    """

    nominal_hz = 130
    true_hz = 130 * CRYSTAL
    over = False

    def __init__(self, person: Person) -> None:
        self._person = person

    def begin(self, now_s: float) -> tuple[float, int]:
        """The next sample of the running converter."""
        return 0.0, int(now_s * self.true_hz) + 1

    def read(self, first: int, count: int) -> NDArray[np.int32]:
        """Samples in µV."""
        times_s = np.arange(first, first + count) / self.true_hz
        return quantised_uv(self._person.heart.ecg_uv(times_s, first))

    def sent(self, upto: int) -> None:
        """Nothing to keep."""

    def rewind(self) -> None:
        """A heart does not rewind."""


class RecordedEcg:
    """A recording through a strap: once, from its first sample to its last.

    After a lost link the recording waits and goes on where it was; after a stop it begins anew;
    after its end it cannot be started again. It is its own rhythm: `peaks_s` are the moments of
    its beats from its start.
    """

    def __init__(
        self, microvolts: NDArray[np.int32], rate_hz: float, peaks_s: Sequence[float] = ()
    ) -> None:
        self.microvolts = microvolts
        self.nominal_hz = round(rate_hz)
        self.true_hz = rate_hz
        self.position = 0
        self._peaks_s = list(peaks_s)
        self._origin_s: float | None = None

    @property
    def over(self) -> bool:
        """Whether the last sample has been sent."""
        return self.position >= len(self.microvolts)

    def begin(self, now_s: float) -> tuple[float, int]:
        """Where the recording waits; its time is joined to the device's running clock."""
        self._origin_s = now_s - self.position / self.true_hz
        return self._origin_s, self.position

    def read(self, first: int, count: int) -> NDArray[np.int32]:
        """Samples in µV as rounded from the recording."""
        return self.microvolts[first : first + count]

    def sent(self, upto: int) -> None:
        """Remember where to go on."""
        self.position = upto

    def rewind(self) -> None:
        """Begin anew with the next start, unless it has been played to its end."""
        if not self.over:
            self.position = 0
            self._origin_s = None

    def beats(self, from_s: float, to_s: float) -> Sequence[Beat]:
        """Beats of the recording while it plays."""
        if self._origin_s is None:
            return []
        first = bisect_left(self._peaks_s, from_s - self._origin_s)
        last = bisect_left(self._peaks_s, to_s - self._origin_s)
        # The first beat of a recording has no interval.
        pairs = [(self._peaks_s[i - 1], self._peaks_s[i]) for i in range(max(1, first), last)]
        return [Beat(self._origin_s + peak, peak - before) for before, peak in pairs]

    def rate_per_min(self, at_s: float) -> float:
        """Mean rate of the last beats, 0 when there are none."""
        beats = self.beats(at_s - _MEAN_OVER_S, at_s)
        return 60.0 * len(beats) / sum(beat.rr_s for beat in beats) if beats else 0.0
