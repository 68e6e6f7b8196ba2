"""Figures of groups of people that were told once, and are told the same ever after.

Two answers about one day between which one person's consent changed tell of that person by
subtraction (differencing: Hundepool et al., Statistical Disclosure Control, Wiley 2012). So there
is one answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from .database import Database

#: Begin of the UTC day in µs, and pilot.
DayOf: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Figure:
    """How many people, rounded, and their mean, rounded."""

    people: int
    mean: float


class Published:
    """The table of them in the registry, which several gateways may share."""

    def __init__(self, registry: Database) -> None:
        self._registry = registry

    def told(self, purpose: str, metric: str, first_us: int, end_us: int) -> dict[DayOf, Figure]:
        """What was told of the days within [first, end)."""
        sql = (
            "SELECT day_us, pilot, people, mean FROM published"
            " WHERE purpose = ? AND metric = ? AND day_us >= ? AND day_us < ?"
        )
        rows = self._registry.rows(sql, purpose, metric, first_us, end_us)
        return {(row["day_us"], row["pilot"]): Figure(row["people"], row["mean"]) for row in rows}

    def tell(self, purpose: str, metric: str, figures: Mapping[DayOf, Figure]) -> None:
        """Write figures down. Of what was told before, maybe a moment ago, nothing changes."""
        if not figures:
            return
        sql = "INSERT OR IGNORE INTO published VALUES (?, ?, ?, ?, ?, ?)"
        with self._registry.write() as con:
            con.executemany(
                sql, [(purpose, metric, *of, f.people, f.mean) for of, f in figures.items()]
            )
