"""What the gateway asks of a store. A backend keeps every promise below, or it is no backend.

`tests/gateway/store_conformance.py` is this contract as tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from .model import (
    Commit,
    Counts,
    ErasedRows,
    ExportMark,
    Latest,
    Point,
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
        """Every settled range. Ranges may touch, overlap only LOST with STORED (stored wins)."""

    def counts(self) -> Mapping[str, Counts]:
        """Counts per edge, of everything ever committed."""

    def refused(self) -> tuple[Refused, ...]:
        """Readings that were counted as quarantined and not kept, merged by device and reason."""

    def digests(self) -> set[bytes]:
        """Digests of what is in quarantine."""

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
