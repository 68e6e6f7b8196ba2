"""What the store holds about a person, as CSV files in an archive."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from vointi_contract.metrics import by_name

from ..progress import Told
from ..store.model import Samples, SeriesQuery, Windows
from ..store.port import KeepingStore
from .consent.receipts import utc
from .gate import Loan

MINUTE_US = 60_000_000
_HOUR_US = 60 * MINUTE_US
_DAY_US = 24 * _HOUR_US
#: Samples read at a time: a day of heart rates, half an hour of ECG.
_SAMPLES = 250_000
#: Windows read at a time.
_WINDOWS = 10_000


class Measurements(Protocol):
    """What is asked of the store."""

    def series(self, device: str) -> tuple[tuple[str, str, int, int], ...]:
        """(stream, metric, first UTC µs, last UTC µs) of everything of a device."""

    def count_samples(self, query: SeriesQuery) -> int:
        """Upper bound of the samples in a span."""

    def samples(self, query: SeriesQuery) -> Samples:
        """Samples in a span."""

    def windows(self, query: SeriesQuery, window_us: int) -> Windows:
        """Summaries in a span."""


@dataclass(frozen=True, slots=True)
class _File:
    """One CSV file: what it is of."""

    query: SeriesQuery
    window_us: int | None

    @property
    def name(self) -> str:
        kind = "data" if self.window_us is None else "summaries"
        q = self.query
        return f"{kind}/{q.device}/{q.stream}-{q.metric}-{q.from_us}.csv"


def write_measurements(
    archive: zipfile.ZipFile,
    store: Measurements,
    loans: Iterable[Loan],
    window_us: int | None,
    told: Told,
) -> list[dict[str, Any]]:
    """Write the files of all loans; an index that says what each was read from.

    Without `window_us` every sample, and the summaries by minute that the store keeps: they may
    outlive the samples. With it, summaries by that window alone.
    """
    index = []
    files = [file for loan in loans for file in _files(store, loan, window_us)]
    for number, file in enumerate(files):
        told(number, len(files), file.name)
        source = _write(archive, store, file)
        index.append(
            {
                "file": file.name,
                "from": utc(file.query.from_us),
                "to": utc(file.query.to_us),
                "resolution": "raw" if file.window_us is None else _seconds(file.window_us),
                "source": source,
            }
        )
    return index


def _files(store: Measurements, loan: Loan, window_us: int | None) -> Iterator[_File]:
    raw = [(s, m, a, b + 1) for s, m, a, b in store.series(loan.device)]
    kept = store.summarised(loan.device) if isinstance(store, KeepingStore) else ()
    if window_us is None:
        yield from _cut(loan, raw, None)
        yield from _cut(loan, kept, MINUTE_US)
    else:
        yield from _cut(loan, _together([*raw, *kept]), window_us)


def _together(
    spans: Iterable[tuple[str, str, int, int]],
) -> list[tuple[str, str, int, int]]:
    """One span a series."""
    ends: dict[tuple[str, str], tuple[int, int]] = {}
    for stream, metric, first, end in spans:
        known = ends.get((stream, metric), (first, end))
        ends[stream, metric] = (min(first, known[0]), max(end, known[1]))
    return [(*series, *span) for series, span in ends.items()]


def _cut(
    loan: Loan, spans: Iterable[tuple[str, str, int, int]], window_us: int | None
) -> Iterator[_File]:
    for stream, metric, first_us, end_us in spans:
        from_us, to_us = max(first_us, loan.from_us), min(end_us, loan.to_us)
        if from_us < to_us:
            yield _File(SeriesQuery(loan.device, metric, from_us, to_us, stream), window_us)


def _write(archive: zipfile.ZipFile, store: Measurements, wanted: _File) -> str:
    unit = by_name(wanted.query.metric).unit
    sources = set()
    with archive.open(wanted.name, "w", force_zip64=True) as file:
        if wanted.window_us is None:
            file.write(f"t_us,value [{unit}],quality,seq\r\n".encode())
            for samples in _samples(store, wanted.query):
                file.write(_rows(samples, ("t_us", "value", "quality", "seq")))
            return "raw"
        file.write(f"t_us,n,mean [{unit}],min [{unit}],max [{unit}]\r\n".encode())
        for windows in _windows(store, wanted.query, wanted.window_us):
            sources.add(windows.source)
            file.write(_rows(windows, ("t_us", "n", "mean", "low", "high")))
    return sources.pop() if len(sources) == 1 else "mixed"


def _samples(store: Measurements, query: SeriesQuery) -> Iterator[Samples]:
    for day in _pieces(query, _DAY_US):
        many = store.count_samples(day) > _SAMPLES
        for piece in _pieces(day, _HOUR_US) if many else (day,):
            yield store.samples(piece)


def _windows(store: Measurements, query: SeriesQuery, window_us: int) -> Iterator[Windows]:
    for piece in _pieces(query, _WINDOWS * window_us):
        yield store.windows(piece, window_us)


def _pieces(query: SeriesQuery, step_us: int) -> Iterator[SeriesQuery]:
    """The span, cut at multiples of a step: no window lies in two pieces."""
    start = query.from_us
    while start < query.to_us:
        end = min((start // step_us + 1) * step_us, query.to_us)
        yield SeriesQuery(query.device, query.metric, start, end, query.stream)
        start = end


def _rows(columns: object, names: tuple[str, ...]) -> bytes:
    lines = zip(*(getattr(columns, name).tolist() for name in names), strict=True)
    out = _Lines()
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return "".join(out.parts).encode()


def _seconds(window_us: int) -> str:
    return f"{window_us // 1_000_000}s"


class _Lines:
    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)
