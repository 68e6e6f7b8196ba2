"""What the person does: sitting, walking, resting, and how hard it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from vointi_sim.physiology.timeline import Timeline, generator

# The heart follows effort with a time constant of about half a minute, on and off
# (Åstrand & Rodahl, Textbook of Work Physiology, oxygen kinetics in moderate work).
_TAU_S = 30.0


class Doing(StrEnum):
    """What the person is doing."""

    SITTING = "sitting"
    WALKING = "walking"
    RESTING = "resting"


_EFFORT = {Doing.SITTING: 0.12, Doing.WALKING: 0.62, Doing.RESTING: 0.0}
# Short enough that somebody who watches a page for two minutes sees the heart answer.
_LENGTH_S = {Doing.SITTING: (35.0, 80.0), Doing.WALKING: (30.0, 60.0), Doing.RESTING: (40.0, 90.0)}
_NEXT = {
    Doing.SITTING: (Doing.WALKING, Doing.RESTING),
    Doing.WALKING: (Doing.SITTING, Doing.RESTING),
    Doing.RESTING: (Doing.SITTING, Doing.WALKING),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of doing one thing; `exertion0` is how worked up the person was at its start."""

    time_s: float
    length_s: float
    doing: Doing
    exertion0: float

    def exertion(self, at_s: float) -> float:
        """Felt effort, 0 (asleep) … 1 (all out), approaching this segment's own level."""
        goal = _EFFORT[self.doing]
        return goal + (self.exertion0 - goal) * math.exp(-(at_s - self.time_s) / _TAU_S)


class Activity:
    """The day of one person, decided by the seed."""

    def __init__(self, seed: int) -> None:
        self._segments: Timeline[Segment] = Timeline(_segments(seed))

    def segment(self, at_s: float) -> Segment:
        """What is being done at `at_s`."""
        return self._segments.last(at_s)

    def exertion(self, at_s: float) -> float:
        """Felt effort at `at_s`, 0 … 1."""
        return self._segments.last(at_s).exertion(at_s)


def _segments(seed: int) -> Iterator[Segment]:
    random = generator(seed, "activity")
    doing, time_s, exertion = Doing.SITTING, 0.0, _EFFORT[Doing.SITTING]
    while True:
        segment = Segment(time_s, float(random.uniform(*_LENGTH_S[doing])), doing, exertion)
        yield segment
        time_s += segment.length_s
        exertion = segment.exertion(time_s)
        doing = _NEXT[doing][int(random.random() < 0.5)]
