"""What the gateway asks of a store. A backend keeps every promise below, or it is no backend.

`tests/gateway/store_conformance.py` is this contract as tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from .model import (
    Check,
    Commit,
    Counts,
    Daily,
    DeviceDay,
    ErasedRows,
    Expired,
    ExportMark,
    Latest,
    Limit,
    Point,
    Quarantined,
    Receipt,
    Refused,
    Samples,
    SeriesQuery,
    Windows,
    WornSpan,
)


class Store(Protocol):
    """Readings, the receipts that make them exactly-once, and the counts.

    One thread calls `open`, `commit`, `compact`, `erase`, `copy_to`, `reopen` and `close`; any
    thread may read.
    """

    name: str
    #: What a copy of it is called in a backup.
    file_name: str

    def open(self) -> None:
        """Make ready. Raises StoreLockedError when another process holds it, else StoreError."""

    def close(self) -> None:
        """Release everything. May be called twice."""

    def reopen(self) -> None:
        """Recover after a StoreError: afterwards the store shows what is durable, and only that."""

    def commit(self, commit: Commit) -> None:
        """Make all of `commit` durable in one transaction. Raises StoreError: nothing was kept.

        UnstorableError says that the data are at fault and not the store.
        """

    def compact(self) -> None:
        """Merge receipts and counts; no answer changes."""

    def erase(self, spans: Sequence[WornSpan]) -> ErasedRows:
        """Remove what was made in the spans, so that no byte of it is left in any file.

        Of readings whose time is unknown, all of the device go. Counts and receipts stay: they say
        how many there were, and keep a second delivery from coming back. Raises StoreError: what
        was removed by then stays removed, and it may be called again.
        """

    def copy_to(self, path: Path) -> None:
        """A consistent copy of everything in a new file. Raises StoreError."""

    def receipts(self) -> Iterator[Receipt]:
        """Every settled range. Ranges may touch, overlap only STORED with others (it wins)."""

    def counts(self) -> Mapping[str, Counts]:
        """Counts per edge, of everything ever committed."""

    def refused(self) -> tuple[Refused, ...]:
        """Readings that were counted as quarantined and not kept, merged by device and reason."""

    def digests(self) -> set[bytes]:
        """Digests of what is in quarantine."""

    def quarantined(self) -> tuple[Quarantined, ...]:
        """Everything that is in quarantine, in the order of arrival."""

    def births(self) -> Mapping[str, str]:
        """The newest birth document of every edge, as it was committed."""

    def latest(self) -> Mapping[str, Mapping[str, Latest]]:
        """Device (global id) → metric name → newest sample; kept in memory."""

    def series(self, device: str) -> tuple[tuple[str, str, int, int], ...]:
        """(stream, metric, first UTC µs, last UTC µs) of all that is placed in time of a device."""

    def count_samples(self, query: SeriesQuery) -> int:
        """Upper bound of the samples in the span, cheaply. Raises UnknownSeriesError."""

    def samples(self, query: SeriesQuery) -> Samples:
        """Samples in the span, by time, then sequence. Raises UnknownSeriesError."""

    def windows(self, query: SeriesQuery, window_us: int) -> Windows:
        """Summaries in windows from multiples of `window_us` on. Raises UnknownSeriesError."""


class Alone(Protocol):
    """Does something with a store when nobody else writes to it, and gives what came of it."""

    def __call__(self, work: Callable[[Store], Any]) -> Any:
        """Wait for the turn, then for the result. Raises what `work` raises."""


@runtime_checkable
class ExpiringStore(Protocol):
    """A store that removes what a pilot keeps no longer, by class of data."""

    def expire(self, limits: Sequence[Limit]) -> tuple[Expired, ...]:
        """Remove what is older than the limits, wherever it is; for each what was removed.

        Readings without a time age from when they were first met here. Called by `alone`.
        """


@runtime_checkable
class ApartStore(Protocol):
    """A store whose values are not all in what `copy_to` makes."""

    def copy_archive(self, folder: Path) -> None:
        """Copy the rest below `folder`; goes with `copy_to`, after it. Raises StoreError."""


@runtime_checkable
class KeepingStore(ExpiringStore, ApartStore, Protocol):
    """A store that keeps summaries, moves old days away, and removes what is too old, by itself.

    No answer of `Store` changes by `summarise` and `archive`. One thread, any, calls these.
    """

    def summarise(self) -> int:
        """Bring the summaries by minute up to date; how many rows were taken in."""

    def archive(self, before_us: int, alone: Alone) -> int:
        """Move whole UTC days before `before_us` to cheaper files; how many rows.

        What must not meet a commit is done by `alone`; nothing is dropped before its copy was
        read back and compared. Raises StoreError: nothing was moved.
        """

    def daily(self, from_us: int, to_us: int) -> tuple[Daily, ...]:
        """Each metric of each pilot by UTC day, of whole days within [from, to), by day."""

    def device_days(self, metric: str, from_us: int, to_us: int) -> tuple[DeviceDay, ...]:
        """One metric of each device by UTC day, of whole days within [from, to)."""

    def summarised(self, device: str) -> tuple[tuple[str, str, int, int], ...]:
        """(stream, metric, from, to in UTC µs) that hold all kept summaries of a device."""

    def check(self) -> tuple[Check, ...]:
        """What is wrong, if anything."""


class ExportSource(Protocol):
    """A store that others copy from, in the order of arrival. Any one thread."""

    def export(self, after: ExportMark, limit: int) -> tuple[list[Point], ExportMark]:
        """Points of at most `limit` rows of each table, and the mark after them.

        Scalars come as they are, waveforms as one-second summaries: a second that got more samples
        comes again, whole. Readings without a wall time are left out.
        """

    def export_mark(self, name: str) -> ExportMark:
        """How far the copy `name` came; the beginning when it is new."""

    def save_export_mark(self, name: str, mark: ExportMark) -> None:
        """Remember it durably."""
