"""People who come to a service point, stay, perhaps press a button, and leave."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vointi_sim.physiology.timeline import Timeline, generator

# A small counter in working hours, quick enough to be watched: somebody every 40 s for 4 minutes.
_BETWEEN_S = 40.0
_STAY_S = 240.0
_SHORTEST_STAY_S = 25.0
_AT_OPENING = 4
# A fire rule's limit for a room of this size.
_MOST = 15
# Feedback panels in public offices are pressed by about a third of the visitors, mostly happily.
_PRESS = 0.35
_BUTTONS = (0.55, 0.25, 0.12, 0.08)


@dataclass(frozen=True, slots=True)
class Passage:
    """Somebody at the door. The counts are cumulative; `button` is 1 … 4 or None."""

    time_s: float
    people_in: int
    people_out: int
    button: int | None

    @property
    def present(self) -> int:
        """How many are inside afterwards."""
        return self.people_in - self.people_out


class Visitors:
    """The people of one service point, decided by the seed."""

    def __init__(self, seed: int) -> None:
        self._passages: Timeline[Passage] = Timeline(_passages(seed))

    def between(self, from_s: float, to_s: float) -> list[Passage]:
        """Passages with from_s <= time < to_s."""
        return self._passages.between(from_s, to_s)

    def last(self, at_s: float) -> Passage:
        """The latest passage at or before `at_s`."""
        return self._passages.last(at_s)

    def present(self, at_s: float) -> int:
        """How many people are inside."""
        return self._passages.last(at_s).present


def _passages(seed: int) -> Iterator[Passage]:
    random = generator(seed, "visitors")
    leaving = [_stay_s(random) for _ in range(_AT_OPENING)]
    heapq.heapify(leaving)
    people_in, people_out = _AT_OPENING, 0
    yield Passage(0.0, people_in, people_out, None)
    arrival_s = float(random.exponential(_BETWEEN_S))
    while True:
        if leaving and leaving[0] <= arrival_s:
            time_s = heapq.heappop(leaving)
            people_out += 1
            yield Passage(time_s, people_in, people_out, _button(random))
            continue
        if len(leaving) < _MOST:
            heapq.heappush(leaving, arrival_s + _stay_s(random))
            people_in += 1
            yield Passage(arrival_s, people_in, people_out, None)
        arrival_s += float(random.exponential(_BETWEEN_S))


def _stay_s(random: np.random.Generator) -> float:
    return _SHORTEST_STAY_S + float(random.exponential(_STAY_S - _SHORTEST_STAY_S))


def _button(random: np.random.Generator) -> int | None:
    return int(random.choice(4, p=_BUTTONS)) + 1 if random.random() < _PRESS else None
