"""Who looked at whose data: counted by the hour, for the person to see."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .database import Database

_HOUR_US = 3_600_000_000
_Key = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class View:
    """`n` looks of one asker at one person's data in the hour from `hour_us` (UTC µs)."""

    pilot: str
    person: str
    who: str
    purpose: str
    hour_us: int
    n: int


class Views:
    """Looks are counted in memory and saved now and then: a page looks many times a second.

    Args:
        registry: the file.
        wall_us: UTC now, µs.

    """

    def __init__(self, registry: Database, wall_us: Callable[[], int]) -> None:
        self._registry, self._wall_us = registry, wall_us
        self._lock = threading.Lock()
        self._counts: Counter[_Key] = Counter()

    def note(self, who: str, purpose: str, owners: Iterable[tuple[str, str]]) -> None:
        """Somebody looked at data of these (pilot, person)."""
        hour_us = self._wall_us() // _HOUR_US * _HOUR_US
        with self._lock:
            self._counts.update((*owner, who, purpose, hour_us) for owner in owners)

    def save(self) -> None:
        """Write what was counted since."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        with self._registry.write() as con:
            con.executemany(
                "INSERT INTO viewed VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET n = n + excluded.n",
                [(*key, n) for key, n in counts.items()],
            )

    def forget(self, pilot: str, person: str) -> None:
        """Drop what was counted and not yet saved of one person."""
        with self._lock:
            for key in [k for k in self._counts if k[:2] == (pilot, person)]:
                del self._counts[key]

    def of(self, pilot: str, person: str) -> tuple[View, ...]:
        """Every look at one person's data, by time."""
        self.save()
        rows = self._registry.rows(
            "SELECT * FROM viewed WHERE pilot = ? AND person = ? ORDER BY hour_us, who",
            pilot,
            person,
        )
        return tuple(View(*row) for row in rows)
