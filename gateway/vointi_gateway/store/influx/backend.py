"""InfluxDB as a store: values there, receipts in a file beside it.

A commit writes the values first, which is harmless to do twice, and the receipts after them, in one
transaction. Killed in between, the readings come again and land on the same points.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from vointi_contract.codec import decode, encode
from vointi_contract.errors import ContractError
from vointi_contract.frame import Batch
from vointi_contract.metrics import by_code

from ...errors import QueryError, StoreError, UnstorableError
from ..model import (
    Commit,
    Counts,
    ErasedRows,
    Expired,
    Latest,
    Limit,
    Quarantined,
    Receipt,
    Refused,
    Samples,
    SeriesQuery,
    StoredReading,
    Windows,
    WornSpan,
)
from . import copying, reading, rollup
from . import erase as erasing
from . import expire as expiring
from .admin import prepare
from .catalogue import Catalogue, Key, Series, put_series
from .client import InfluxClient
from .ledger import Ledger, erase_quarantined, put_commit, signed
from .runs import MAX_NS, SECOND_US, Span
from .runs import WAVEFORM as WAVEFORM_POINTS
from .sending import Sender

log = logging.getLogger(__name__)

#: Hours of a device that are summed up at a time: each takes InfluxDB some milliseconds.
_HOURS = 200
_DAY_US = 86_400_000_000
_PLACEABLE = (
    "SELECT w.rowid, w.edge, w.pilot, w.person, w.received_us, w.frame, a.offset_us "
    "FROM waiting w JOIN anchor a USING (edge, boot) LIMIT ?"
)
#: Waiting readings that are placed in one go.
_PLACED = 500
#: Times of the edge that InfluxDB's nanoseconds can hold, µs.
_MONO_US = MAX_NS // 2000


class InfluxStore:
    """A database of an InfluxDB server, and a ledger beside it.

    It opens without the server: what edges send then is not acknowledged, and comes again.

    Args:
        path: the ledger; its folder is made.
        client: of the database; closed with the store.
        wall_us: UTC now in µs.

    """

    name = "influx"
    #: The ledger.
    file_name = "influx.sqlite"

    def __init__(
        self,
        path: Path,
        client: InfluxClient,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._ledger, self._client, self._wall_us = Ledger(path), client, wall_us
        self._sender = Sender(client)
        self._catalogue = Catalogue()
        self._unsummed: set[rollup.DeviceHour] = set()
        self._prepared = False
        self._placing_due = True

    def open(self) -> None:
        """Open the ledger; the server is asked for when there is something to write."""
        self._ledger.open()
        self._client.open()
        self._catalogue.load(self._ledger)
        rows = self._ledger.rows("SELECT device, hour FROM unsummed")
        self._unsummed = {(device, hour) for device, hour in rows}
        self._prepared, self._placing_due = False, True
        self._ledger.compact()

    def close(self) -> None:
        """Release everything."""
        self._sender.close()
        self._ledger.close()
        self._client.close()

    def reopen(self) -> None:
        """Read the ledger anew, and see whether the server is back. Raises StoreError."""
        self.open()
        _ = self._client.capabilities

    def commit(self, commit: Commit) -> None:
        """Values to the server, then receipts to the ledger."""
        self._ledger.rows("SELECT 1")
        self._ready()
        timed = [r for r in commit.readings if r.frame.wall_us is not None]
        untimed = [r for r in commit.readings if r.frame.wall_us is None]
        try:
            waiting = [_waiting(reading) for reading in untimed]
            undated = _series_of(untimed)
            spans = self._sender.write(timed)
            changed = self._catalogue.grown(spans, undated)
            with self._ledger.write() as con:
                put_commit(con, commit)
                con.executemany("INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?)", waiting)
                self._put(con, changed, spans)
        except (ArithmeticError, ValueError, ContractError) as exc:
            raise UnstorableError(f"the store cannot hold a value: {exc}") from exc
        self._keep(changed, spans)
        if untimed or commit.anchors:
            self._placing_due = True
            self._place_if_possible()

    def _ready(self) -> None:
        """Everything that an earlier commit left to do, before anything new is taken."""
        if not self._prepared:
            prepare(self._client)
            self._prepared = True
        if self._placing_due:
            self._place()

    def _put(self, con: Connection, changed: Mapping[Key, Series], spans: Collection[Span]) -> None:
        put_series(con, changed.values())
        new = rollup.hours(spans) - self._unsummed
        con.executemany("INSERT OR IGNORE INTO unsummed VALUES (?, ?)", new)

    def _keep(self, changed: Mapping[Key, Series], spans: Collection[Span]) -> None:
        self._catalogue.keep(changed)
        self._unsummed |= rollup.hours(spans)

    def _place_if_possible(self) -> None:
        try:
            self._place()
        except StoreError as exc:  # they are durable, and placed with the next commit
            log.warning("readings without a wall time wait: %s", exc)

    def _place(self) -> None:
        """Write what waited for an anchor, by the anchors that are durable; then forget it.

        New anchors are taken after this: a second attempt puts each reading where the first did.
        """
        while rows := self._ledger.rows(_PLACEABLE, _PLACED):
            readings = [_placed(row) for row in rows]
            spans = self._sender.write(readings)
            changed = self._catalogue.grown(spans, ())
            with self._ledger.write() as con:
                con.executemany("DELETE FROM waiting WHERE rowid = ?", [row[:1] for row in rows])
                self._put(con, changed, spans)
            self._keep(changed, spans)
        self._placing_due = False

    def compact(self) -> None:
        """Join receipts; write the minutes of hours that are over."""
        self._ledger.compact()
        self._ready()
        self.summarise()

    def summarise(self) -> int:
        """Write one-minute summaries of hours that are over; how many. Raises StoreError."""
        now_us = self._wall_us()
        rows = self._ledger.rows(
            "SELECT device, hour FROM unsummed WHERE hour < ? ORDER BY hour LIMIT ?",
            *(now_us // rollup.HOUR_US, _HOURS),
        )
        for device, hour in rows:
            if hour * rollup.HOUR_US >= self._main_limit_us():
                rollup.summarise(self._client, device, hour, self._catalogue.kept(device))
            with self._ledger.write() as con:
                con.execute("DELETE FROM unsummed WHERE device = ? AND hour = ?", (device, hour))
            self._unsummed.discard((device, hour))
        return len(rows)

    def _main_limit_us(self) -> int:
        """What is older was dropped by retention."""
        days = self._client.settings.keep_days
        return self._wall_us() - days * _DAY_US if days else -(2**63)

    def expire(self, limits: Sequence[Limit]) -> tuple[Expired, ...]:
        """Remove what is older than the limits, once its minutes are written."""
        self._ready()
        while self.summarise() == _HOURS:
            pass
        return tuple(self._expire(limit) for limit in limits)

    def _expire(self, limit: Limit) -> Expired:
        gone = expiring.expire_points(self._client, limit)
        known = ((self._catalogue.get(key), us) for key, us in gone.series.items())
        series = [expiring.marked(each, us) for each, us in known if each is not None]
        changed = {each.key: each for each in reading.begun(self._client, series)}
        with self._ledger.write() as con:
            quarantined = expiring.expire_rows(con, limit, gone)
            put_series(con, changed.values())
        self._catalogue.keep(changed)
        expired = gone.expired(quarantined)
        if expired:
            self._ledger.wipe_log()
        return expired

    def erase(self, spans: Sequence[WornSpan]) -> ErasedRows:
        """Remove frames that begin in the spans, whatever waits, and what is in quarantine."""
        total = ErasedRows()
        self._ready()
        for span in spans:
            total += erasing.erase_span(self._client, span, self._catalogue.of(span.device))
        with self._ledger.write() as con:
            for span in spans:
                edge, _, device = span.device.partition(".")
                con.execute("DELETE FROM waiting WHERE edge = ? AND device = ?", (edge, device))
                ends = {(span.device, t // rollup.HOUR_US) for t in (span.from_us, span.to_us)}
                con.executemany("INSERT OR IGNORE INTO unsummed VALUES (?, ?)", ends)
            total += ErasedRows(quarantined=erase_quarantined(con, spans))
        self._look_again({span.device for span in spans})
        self._ledger.wipe_log()
        return total

    def _look_again(self, devices: set[str]) -> None:
        """First and newest values may have been among what was erased."""
        changed = {
            series.key: reading.looked_up(self._client, series)
            for device in devices
            for series in self._catalogue.of(device)
        }
        with self._ledger.write() as con:
            put_series(con, changed.values())
        self._catalogue.keep(changed)

    def erase_person(self, person: str) -> None:
        """Remove whatever bears a pseudonym. Raises StoreError."""
        self._ready()
        erasing.erase_person(self._client, person)

    def copy_to(self, path: Path) -> None:
        """A copy of the ledger."""
        self._ledger.copy_to(path)

    def copy_archive(self, folder: Path) -> None:
        """Every point as a line, unless InfluxDB's own backup has them."""
        if self._client.settings.backup_values:
            prepare(self._client)
            copying.save(self._client, folder)

    def receipts(self) -> Iterator[Receipt]:
        """Every settled range."""
        return self._ledger.receipts()

    def counts(self) -> Mapping[str, Counts]:
        """Counts per edge."""
        return self._ledger.counts()

    def refused(self) -> tuple[Refused, ...]:
        """Readings of which only the number was kept."""
        return self._ledger.refused()

    def digests(self) -> set[bytes]:
        """Digests of what is in quarantine."""
        return self._ledger.digests()

    def quarantined(self) -> tuple[Quarantined, ...]:
        """What is in quarantine."""
        return self._ledger.quarantined()

    def births(self) -> Mapping[str, str]:
        """The newest birth document of every edge."""
        return self._ledger.births()

    def latest(self) -> Mapping[str, Mapping[str, Latest]]:
        """A snapshot of the newest samples."""
        return self._catalogue.latest()

    def series(self, device: str) -> tuple[tuple[str, str, int, int], ...]:
        """What there is of a device, and from when to when."""
        return tuple(
            (s.stream, s.metric, s.first_us, s.last_us)
            for s in sorted(self._catalogue.of(device), key=lambda s: s.key)
            if s.first_us is not None and s.last_us is not None
        )

    def count_samples(self, query: SeriesQuery) -> int:
        """Upper bound of the samples in the span."""
        return reading.count_samples(self._client, self._raw_series(query), query)

    def samples(self, query: SeriesQuery) -> Samples:
        """Samples in the span. Raises QueryError where a pilot keeps summaries alone."""
        return reading.samples(self._client, self._raw_series(query), query)

    def windows(self, query: SeriesQuery, window_us: int) -> Windows:
        """Summaries by window, from the coarsest that has them exactly."""
        series = self._catalogue.find(query)
        whole = window_us % SECOND_US == 0
        raw = self._keeps_raw(series)
        if not whole and not raw:
            raise QueryError("resolution", "this pilot keeps waveforms by the second; ask for 1s")
        limit_us = max(self._main_limit_us(), *(each.kept_us for each in series))
        return reading.windows(self._client, series, query, window_us, raw=raw, limit_us=limit_us)

    def _raw_series(self, query: SeriesQuery) -> list[Series]:
        series = self._catalogue.find(query)
        if not self._keeps_raw(series):
            raise QueryError("resolution", "this pilot keeps waveforms by the second; ask for 1s")
        return series

    def _keeps_raw(self, series: Sequence[Series]) -> bool:
        kept = self._client.settings.raw_waveforms
        waves = [s for s in series if s.measurement == WAVEFORM_POINTS]
        return "*" in kept or all(s.pilot in kept for s in waves)


def _series_of(readings: Sequence[StoredReading]) -> list[Series]:
    return [
        Series(r.device, r.frame.stream, by_code(channel.metric).name, r.pilot)
        for r in readings
        for channel in r.frame.channels
    ]


def _waiting(r: StoredReading) -> tuple[Any, ...]:
    if not 0 <= r.frame.mono_us <= _MONO_US:
        raise OverflowError("a time is outside what 64 bits of nanoseconds hold")
    frame = encode(Batch((r.frame,)))
    return (r.edge, signed(r.frame.boot), r.frame.device, r.pilot, r.person, r.received_us, frame)


def _placed(row: Sequence[Any]) -> StoredReading:
    """A reading that waited, with the wall time that its boot's anchor gives it."""
    _row, edge, pilot, person, received_us, payload, offset_us = row
    (frame,) = decode(payload).frames
    timed = replace(frame, wall_us=frame.mono_us + offset_us)
    return StoredReading(pilot, edge, timed, received_us, person)
