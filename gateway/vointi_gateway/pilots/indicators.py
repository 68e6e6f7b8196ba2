"""What groups of people measure by day, and never what one of them does.

One value a person and day; a group is told when it has at least ten people in at least two homes
and no two of them make up nine tenths of it (minimum frequency and dominance: Hundepool et al.,
Statistical Disclosure Control, Wiley 2012). What was told of a day is told the same ever after, and
all together is made of what is told: neither an earlier answer nor a total has more to subtract.
A mean is told in steps that one person among the others cannot move it by: of two days between
which one joined or left, subtraction leaves one bit of that person at most.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ..errors import UnknownSeriesError
from ..store.model import SeriesQuery
from ..store.port import Store
from .consent.state import Span
from .gate import Gate, overlap
from .published import DayOf, Figure, Published

DAY_US: Final = 86_400_000_000
MIN_PEOPLE: Final = 10
MIN_EDGES: Final = 2
#: How many people there were is told in steps.
ROUND_TO: Final = 5
#: A day is told for good when what homes without a connection kept back has arrived.
SETTLED_AFTER_US: Final = DAY_US
#: All pilots together.
TOGETHER: Final = "*"
_DOMINANT, _DOMINANT_PART = 2, 0.9

_Person: TypeAlias = tuple[str, str]


@dataclass(slots=True)
class _Group:
    """Who is in a group, with sum and number of each, and in which homes."""

    people: dict[_Person, list[float]] = field(default_factory=dict)
    edges: set[str] = field(default_factory=set)

    def add(self, person: _Person, edge: str, total: float, n: int) -> None:
        sums = self.people.setdefault(person, [0.0, 0.0])
        sums[0] += total
        sums[1] += n
        self.edges.add(edge)

    def values(self) -> list[float]:
        """One value a person, smallest first."""
        return sorted(total / n for total, n in self.people.values())

    @property
    def tells_of_one(self) -> bool:
        if len(self.people) < MIN_PEOPLE or len(self.edges) < MIN_EDGES:
            return True
        sizes = sorted(map(abs, self.values()))
        return sum(sizes[-_DOMINANT:]) > _DOMINANT_PART * sum(sizes) > 0

    def figure(self) -> Figure:
        """What is told of it."""
        values = self.values()
        people = len(values) // ROUND_TO * ROUND_TO
        return Figure(people, blunt(sum(values) / len(values), values[-1] - values[0], people))


@dataclass(frozen=True, slots=True)
class Cell:
    """A UTC day of one pilot, or of all TOGETHER: how many people, rounded, and their mean.

    Both are None where `suppressed` says why: "few" (also where there is nobody at all), or "open",
    because the day is not told yet.
    """

    day_us: int
    pilot: str
    people: int | None
    mean: float | None
    suppressed: str


class Indicators:
    """Groups of a gate's people.

    Args:
        store: read within what the gate opens.
        gate: who wore what and agreed to what; all loans of the pilots that are asked for.
        purpose: what is looked at for.
        now_us: UTC now, µs.
        published: what was told before.

    """

    def __init__(
        self,
        store: Store,
        gate: Gate,
        purpose: str,
        now_us: Callable[[], int],
        published: Published,
    ) -> None:
        self._store, self._gate, self._purpose, self._now_us = store, gate, purpose, now_us
        self._published = published

    def daily(self, metric: str, from_us: int, to_us: int, pilots: Sequence[str]) -> list[Cell]:
        """Cells of the whole UTC days within [from, to), by day, then pilot; all together last."""
        first, end = whole_days(from_us, to_us)
        settled = min(end, (self._now_us() - SETTLED_AFTER_US) // DAY_US * DAY_US)
        told = self._told(metric, first, settled, pilots)
        cells: list[Cell] = []
        for day_us in range(first, end, DAY_US):
            why = "few" if day_us < settled else "open"
            figures = {pilot: told.get((day_us, pilot)) for pilot in pilots}
            if len(pilots) > 1:
                figures[TOGETHER] = _together([one for one in figures.values() if one])
            cells += [_cell(day_us, name, one, why) for name, one in figures.items()]
        return cells

    def _told(
        self, metric: str, first: int, end: int, pilots: Sequence[str]
    ) -> Mapping[DayOf, Figure]:
        """What was told, and what is told from now on; of days of which something is untold."""
        told = self._published.told(self._purpose, metric, first, end)
        days = range(first, end, DAY_US)
        untold = {(day, pilot) for day in days for pilot in pilots} - told.keys()
        if not untold:
            return told
        groups = self._groups(metric, min(untold)[0], max(untold)[0] + DAY_US)
        figures = {
            (day, pilot): group.figure()
            for (pilot, day), group in groups.items()
            if (day, pilot) in untold and not group.tells_of_one
        }
        if not figures:
            return told
        self._published.tell(self._purpose, metric, figures)
        # another process may have been faster, and then its answer counts
        return self._published.told(self._purpose, metric, first, end)

    def _groups(self, metric: str, first: int, end: int) -> dict[tuple[str, int], _Group]:
        days = self._whole_days(metric, first, end)
        groups: dict[tuple[str, int], _Group] = defaultdict(_Group)
        now_us = self._now_us()
        for device, loans in self._gate.loans.items():
            for loan in loans:
                spans = self._gate.loan_spans(loan, self._purpose, metric, now_us)
                for span in overlap(spans, (first, end)):
                    for day_us, n, total in self._parts(device, metric, span, days):
                        person, edge = (loan.pilot, loan.person), device.partition(".")[0]
                        groups[loan.pilot, day_us].add(person, edge, total, n)
        return groups

    def _whole_days(
        self, metric: str, first: int, end: int
    ) -> Mapping[tuple[str, int], tuple[int, float]] | None:
        """Number and sum by (device, day), where the store has them at hand."""
        ask: Any = getattr(self._store, "device_days", None)
        if ask is None:
            return None
        return {(d.device, d.day_us): (d.n, d.mean * d.n) for d in ask(metric, first, end)}

    def _parts(
        self, device: str, metric: str, span: Span,
        days: Mapping[tuple[str, int], tuple[int, float]] | None,
    ) -> Iterable[tuple[int, int, float]]:  # fmt: skip
        """(day, number, sum) within a span."""
        if days is None:
            yield from self._asked(device, metric, span)
            return
        whole = (-(-span[0] // DAY_US) * DAY_US, span[1] // DAY_US * DAY_US)
        for day_us in range(*whole, DAY_US):
            if (device, day_us) in days:
                yield day_us, *days[device, day_us]
        # The days on which a consent or a loan begins or ends are counted to the minute.
        for part in ((span[0], min(whole[0], span[1])), (max(whole[1], whole[0]), span[1])):
            if part[0] < part[1] and (device, part[0] // DAY_US * DAY_US) in days:
                yield from self._asked(device, metric, part)

    def _asked(self, device: str, metric: str, span: Span) -> Iterable[tuple[int, int, float]]:
        try:
            found = self._store.windows(SeriesQuery(device, metric, *span, None), DAY_US)
        except UnknownSeriesError:
            return
        for day_us, n, mean in zip(found.t_us, found.n, found.mean, strict=True):
            yield int(day_us), int(n), float(mean * n)


def whole_days(from_us: int, to_us: int) -> tuple[int, int]:
    """Begin and end of the whole UTC days within [from, to)."""
    return -(-from_us // DAY_US) * DAY_US, to_us // DAY_US * DAY_US


def blunt(mean: float, spread: float, people: int) -> float:
    """A mean as it is told of people: in steps of 1, 2 or 5 times a power of ten.

    A step is at least the people's spread through their number as it is told: that is what one
    of them, anywhere among the others, can move the mean by.
    """
    least = spread / people
    if not least:
        return three_digits(mean)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= least)
    return three_digits(round(mean / step) * step)


def three_digits(value: float) -> float:
    """As a mean is told."""
    return float(f"{value:.3g}")


def _together(figures: Sequence[Figure]) -> Figure | None:
    """Of figures that are told, and of nothing else."""
    people = sum(one.people for one in figures)
    if not people:
        return None
    return Figure(people, three_digits(sum(f.people * f.mean for f in figures) / people))


def _cell(day_us: int, name: str, figure: Figure | None, why: str) -> Cell:
    if figure is None:
        return Cell(day_us, name, None, None, why)
    return Cell(day_us, name, figure.people, figure.mean, "")
