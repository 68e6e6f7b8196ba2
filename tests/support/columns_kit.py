"""Commits as the compiled reader leaves them: what it takes of loose readings becomes columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import vointi_codec
from vointi_contract.codec import pack
from vointi_contract.errors import ContractError
from vointi_contract.frame import Batch
from vointi_contract.metrics import by_code
from vointi_gateway.ingest.plain import _limits
from vointi_gateway.store.block import Agreed, Owner, Part, ReadingBlock, Readings
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import Commit, StoredReading


def in_columns(commit: Commit) -> Commit:
    """The same with the readings in columns, but for those that the compiled reader declines."""
    columns = vointi_codec.FrameColumns(*_limits())
    columns.limits(0, 2**53, 2**53)
    owners: list[Owner] = []
    parts: list[Part] = []
    loose: list[StoredReading] = []
    for reading in commit.readings:
        device = reading.frame.device
        owners.append(Owner(reading.pilot, reading.edge, device))
        first, number = len(columns), len(owners) - 1
        try:
            message = pack(Batch((reading.frame,)), device)
        except ContractError:  # what no edge can send
            loose.append(reading)
            continue
        took = columns.add(message, number, device.encode(), reading.received_us, True)
        if took is None:
            loose.append(reading)
            continue
        agreed = tuple(Agreed(n, reading.person, reading.purposes) for n in took[2])
        parts.append(Part(first, reading.received_us, agreed))
    if not parts:
        return commit
    return replace(commit, readings=Readings(loose, ReadingBlock(columns.take(), owners, parts)))


class SmallCommits(EmbeddedStore):
    """Keeps whatever it can as it came: its series have numbers before they are met."""

    kept = 0

    def commit(self, commit: Commit) -> None:
        """In columns."""
        for reading in commit.readings:
            for channel in reading.frame.channels:
                self._number(reading, by_code(channel.metric).name)
        super().commit(in_columns(commit))

    def _number(self, reading: StoredReading, metric: str) -> None:
        key = (reading.device, reading.frame.stream, metric)
        if key not in self._series:
            sid = len(self._series)
            row = [sid, reading.pilot, *key]
            self._writer().execute("INSERT INTO series VALUES (?, ?, ?, ?, ?)", row)
            self._know({key: sid})

    def _keep(self, commit: Commit, offsets: Any) -> bool:
        kept = super()._keep(commit, offsets)
        self.kept += kept
        return kept


def waiting(store: EmbeddedStore) -> int:
    """How many commits wait in the file to become rows."""
    return int(store._con.execute("SELECT count(*) FROM recent").fetchall()[0][0])


__all__ = ["SmallCommits", "in_columns", "waiting"]
