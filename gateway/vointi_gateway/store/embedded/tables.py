"""What a commit puts into each table besides readings: series, receipts, counts, quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ...errors import UnstorableError
from ..model import Commit, Counts, Quarantined, Receipt, Refused
from . import columns
from .opening import line_of
from .rows import RowBuilder

#: (device, stream, metric).
SeriesKey = tuple[str, str, str]
#: The columns of the books that nearly every commit fills.
BOOKS = {
    "receipt": pa.schema(
        [
            ("edge", pa.string()),
            ("device", pa.string()),
            ("boot", pa.uint64()),
            ("first", pa.int64()),
            ("last", pa.int64()),
            ("outcome", pa.string()),
        ]
    ),
    "tally": pa.schema(
        [
            ("edge", pa.string()),
            ("accepted", pa.int64()),
            ("stored", pa.int64()),
            ("duplicates", pa.int64()),
            ("quarantined", pa.int64()),
            ("lost", pa.int64()),
        ]
    ),
}


def tables_of(
    commit: Commit, rows: RowBuilder, new: dict[SeriesKey, tuple[int, str]]
) -> dict[str, pa.Table | None]:
    """What goes into each table; `new` is filled with the series that are met first here.

    Raises UnstorableError.
    """
    try:
        rows.extend(commit.readings)
        return {
            "segment": rows.segments(),
            "scalar": rows.scalars(),
            "series": _series(new),
            "receipt": receipt_table(commit.receipts),
            "tally": tally_table(commit.tally),
            "quarantine": _quarantine(commit.quarantined),
            "refused": refused_table(commit.refused),
        }
    except (ArithmeticError, ValueError, pa.ArrowException) as exc:
        raise UnstorableError(f"the store cannot hold a value: {line_of(exc)}") from exc


def receipt_table(receipts: tuple[Receipt, ...]) -> pa.Table | None:
    """Settled ranges."""
    rows = [(r.edge, r.device, r.boot, r.first, r.last, r.outcome.value) for r in receipts]
    return _columns(rows, BOOKS["receipt"])


def tally_table(tally: Mapping[str, Counts]) -> pa.Table | None:
    """Counts per edge."""
    rows = [
        (edge, c.accepted, c.stored, c.duplicates, c.quarantined, c.lost)
        for edge, c in tally.items()
    ]
    return _columns(rows, BOOKS["tally"])


def refused_table(refused: tuple[Refused, ...]) -> pa.Table | None:
    """What was only counted."""
    rows = [(r.edge, r.device, r.reason, r.n) for r in refused]
    names, kinds = ["edge", "device", "reason", "n"], [*[pa.string()] * 3, pa.int64()]
    return _columns(rows, _schema(names, kinds))


def _series(new: dict[SeriesKey, tuple[int, str]]) -> pa.Table | None:
    names = ["sid", "pilot", "device", "stream", "metric"]
    rows = [(sid, pilot, *key) for key, (sid, pilot) in new.items()]
    kinds = [pa.int32(), pa.string(), pa.string(), pa.string(), pa.string()]
    return _columns(rows, _schema(names, kinds))


def _quarantine(quarantined: tuple[Quarantined, ...]) -> pa.Table | None:
    names = ["received_us", "edge", "topic", "field", "fix", "digest", "payload"]
    kinds = [pa.int64(), *[pa.string()] * 4, pa.binary(), pa.binary()]
    rows = [
        (q.received_us, q.edge, q.topic, q.field, q.fix, q.digest, q.payload) for q in quarantined
    ]
    return _columns(rows, _schema(names, kinds))


def _schema(names: list[str], kinds: list[pa.DataType]) -> pa.Schema:
    return pa.schema(list(zip(names, kinds, strict=True)))


def _columns(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table | None:
    return columns.of_rows(rows, schema) if rows else None
