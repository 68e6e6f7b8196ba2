"""Which series there are, when they began and ended, and their newest values."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from vointi_contract.metrics import by_name

from ...errors import UnknownSeriesError
from ..model import Latest, SeriesQuery
from .ledger import Ledger
from .runs import Span, measurement_of

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one stream of one device; times are None while nothing of it has a time."""

    device: str
    stream: str
    metric: str
    pilot: str
    first_us: int | None = None
    last_us: int | None = None
    longest_us: int = 0
    last_value: float | None = None
    #: Samples before it were removed as too old.
    kept_us: int = -(2**63)

    @property
    def key(self) -> Key:
        """What it is known by."""
        return (self.device, self.stream, self.metric)

    @property
    def measurement(self) -> str:
        """Where InfluxDB keeps its samples."""
        return measurement_of(self.metric, by_name(self.metric).kind)

    def with_span(self, span: Span) -> Series:
        """The series with one more run."""
        first = span.first_us if self.first_us is None else min(self.first_us, span.first_us)
        longest = max(self.longest_us, span.last_us - span.first_us)
        grown = replace(self, first_us=first, longest_us=longest, pilot=span.pilot)
        if self.last_us is not None and span.last_us < self.last_us:
            return grown
        return replace(grown, last_us=span.last_us, last_value=span.last_value)


class Catalogue:
    """Every series; changed by `keep` once a commit is durable."""

    def __init__(self) -> None:
        self._series: dict[Key, Series] = {}

    def load(self, ledger: Ledger) -> None:
        """Read what the file holds."""
        found = (Series(*row) for row in ledger.rows("SELECT * FROM series"))
        self._series = {series.key: series for series in found}

    def grown(self, spans: Iterable[Span], waiting: Iterable[Series]) -> dict[Key, Series]:
        """What changes by these runs and by readings that have no time yet."""
        changed: dict[Key, Series] = {}
        for new in waiting:
            if new.key not in self._series:
                changed.setdefault(new.key, new)
        for span in spans:
            key = (span.device, span.stream, span.metric)
            known = changed.get(key) or self._series.get(key) or Series(*key, span.pilot)
            changed[key] = known.with_span(span)
        return changed

    def keep(self, changed: Mapping[Key, Series]) -> None:
        """Take over what is durable now."""
        self._series = {**self._series, **changed}

    def of(self, device: str) -> list[Series]:
        """Every series of a device."""
        return [s for s in self._series.values() if s.device == device]

    def kept(self, device: str) -> dict[tuple[str, str], int]:
        """(stream, metric) of a device → UTC µs before which its samples were removed."""
        return {(s.stream, s.metric): s.kept_us for s in self.of(device)}

    def get(self, key: Key) -> Series | None:
        """A series, if there is one."""
        return self._series.get(key)

    def find(self, query: SeriesQuery) -> list[Series]:
        """The series that a query is about. Raises UnknownSeriesError."""
        found = [
            s
            for s in self.of(query.device)
            if s.metric == query.metric and query.stream in (None, s.stream)
        ]
        if not found:
            raise UnknownSeriesError(query.device, query.metric)
        return found

    def latest(self) -> Mapping[str, Mapping[str, Latest]]:
        """Device → metric → newest sample of all its streams."""
        found: dict[str, dict[str, Latest]] = {}
        for s in self._series.values():
            if s.last_us is None or s.last_value is None:
                continue
            metrics = found.setdefault(s.device, {})
            known = metrics.get(s.metric)
            if known is None or s.last_us >= known.t_us:
                metrics[s.metric] = Latest(s.last_us, s.last_value)
        return found


def put_series(con: sqlite3.Connection, changed: Iterable[Series]) -> None:
    """Write what changed."""
    con.executemany(
        "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*s.key, s.pilot, s.first_us, s.last_us, s.longest_us, s.last_value, s.kept_us)
            for s in changed
        ],
    )
