"""Small commits as they came, one row each, until rows of their tables are made of them together.

A transaction on the tables costs several milliseconds of processor time, whatever it holds; one row
of bytes costs a fifth of that.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from ...errors import StoreError
from ..block import BootOffset, Readings
from ..model import Commit, Counts, Outcome, Receipt
from ..receipts import merge_receipts
from .columns import of_list
from .numbered import Numbered, SeriesNumber, join, number

#: The table.
SCHEMA = pa.schema([("data", pa.binary())])
#: Samples of a commit that is worth rows at once.
SMALL = 20_000
#: Rows are made of what waits when it is so old: whoever asks makes them first, and a later commit
#: with them. Each second they would cost the disk three times what two straps say.
OLD_S = 10.0
#: When this many samples wait, rows are made as soon as it is a while since the last time: few rows
#: cost the log as much as 2,048.
FULL, WHILE_S = 16_000, 0.25
#: At the latest when so many do: a reading waits as long as that takes.
MOST_SAMPLES = 300_000
#: Commits of few samples: all of them are read again after a crash.
MOST = 256
_FORMAT = 1
#: Format, and the length of what describes the columns, as JSON.
_HEAD = struct.Struct("<BI")

Names = dict[int, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Small:
    """One commit: its readings' columns, if any, and its entries in the books."""

    numbered: Numbered | None
    receipts: tuple[Receipt, ...]
    tally: Mapping[str, Counts]


def small(commit: Commit, offset: BootOffset, series: SeriesNumber) -> Small:
    """Of a commit that `is_small`; `series` raises KeyError for what is new."""
    block = commit.readings.block if isinstance(commit.readings, Readings) else None
    numbered = number(block, offset, series) if block is not None else None
    return Small(numbered, commit.receipts, commit.tally)


def is_small(commit: Commit) -> bool:
    """Whether there is nothing in it but columns of few samples, receipts and counts."""
    readings = commit.readings
    if isinstance(readings, Readings) and not readings.loose and readings.block is not None:
        taken = readings.block.taken
        few = len(taken.waves) + len(taken.points) <= SMALL
    else:
        few = not readings
    rare = (commit.quarantined, commit.births, commit.anchors, commit.refused, commit.released)
    return few and not any(rare)


def row_of(found: Small) -> pa.Table:
    """The row of `recent`."""
    return pa.Table.from_arrays([of_list([pack(found)], pa.binary())], schema=SCHEMA)


def pack(found: Small) -> bytes:
    """The bytes of one commit."""
    columns = found.numbered or ()
    said = {
        "columns": [[len(column), _words(column.dtype)] for column in columns],
        "receipts": [[*_stream(r), r.first, r.last] for r in found.receipts],
        "tally": {edge: _five(counts) for edge, counts in found.tally.items()},
    }
    head = json.dumps(said, separators=(",", ":")).encode()
    return b"".join([_HEAD.pack(_FORMAT, len(head)), head, *(c.tobytes() for c in columns)])


def unpack(data: bytes) -> Small:
    """What `pack` was given. Raises StoreError for another format."""
    form, size = _HEAD.unpack_from(data)
    if form != _FORMAT:
        raise StoreError(
            f"data_dir: a commit has format {form}; start and stop the version that wrote it"
        )
    at = _HEAD.size + size
    said = json.loads(data[_HEAD.size : at])
    columns = []
    for n, words in said["columns"]:
        kind = np.lib.format.descr_to_dtype(json.loads(words))
        columns.append(np.frombuffer(data, kind, n, at))
        at += n * kind.itemsize
    return Small(
        Numbered(*columns) if columns else None,
        tuple(
            Receipt(e, d, b, first, last, Outcome(o))
            for e, d, b, o, first, last in said["receipts"]
        ),
        {edge: Counts(*five) for edge, five in said["tally"].items()},
    )


class RecentCommits:
    """What is in the table `recent`, in memory.

    Args:
        clock_s: monotonic seconds.

    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._held: list[Small] = []
        self._samples = 0
        self._since_s = 0.0
        #: Device (global id) and metric of the series that it has.
        self.names: Names = {}

    def __len__(self) -> int:
        return len(self._held)

    def has_room(self) -> bool:
        """Whether one more may wait with them."""
        if not self._held:
            return True
        age_s = self._clock_s() - self._since_s
        if age_s >= OLD_S or len(self._held) >= MOST or self._samples >= MOST_SAMPLES:
            return False
        return age_s < WHILE_S or self._samples < FULL

    def takes_books(self) -> bool:
        """Whether the books of a commit that becomes rows itself may wait with them."""
        return self.has_room() and all(held.numbered is None for held in self._held)

    def add(self, found: Small) -> None:
        """It is durable."""
        if not self._held:
            self._since_s = self._clock_s()
        self._held.append(found)
        if found.numbered is not None:
            self._samples += len(found.numbered.waves) + len(found.numbered.points)

    def clear(self) -> None:
        """Rows were made of all, or they are to be read anew."""
        self._held, self._samples, self.names = [], 0, {}

    def numbered(self) -> Numbered | None:
        """All their columns."""
        parts = [found.numbered for found in self._held if found.numbered is not None]
        return join(parts) if parts else None

    def receipts(self, more: Iterable[Receipt]) -> tuple[Receipt, ...]:
        """Their receipts and these."""
        found = [receipt for held in self._held for receipt in held.receipts]
        found = sorted([*found, *more], key=lambda receipt: (_stream(receipt), receipt.first))
        return tuple(merge_receipts(iter(found)))

    def tally(self, more: Mapping[str, Counts]) -> dict[str, Counts]:
        """Their counts and these."""
        total: dict[str, Counts] = {}
        for tally in (*(held.tally for held in self._held), more):
            for edge, counts in tally.items():
                total[edge] = total.get(edge, Counts()) + counts
        return total


def _stream(receipt: Receipt) -> tuple[str, str, int, str]:
    return receipt.edge, receipt.device, receipt.boot, receipt.outcome.value


def _five(counts: Counts) -> list[int]:
    return [counts.accepted, counts.stored, counts.duplicates, counts.quarantined, counts.lost]


@lru_cache(64)
def _words(kind: np.dtype[Any]) -> str:
    return json.dumps(np.lib.format.dtype_to_descr(kind))
