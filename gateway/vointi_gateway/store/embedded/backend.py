"""The DuckDB file as a store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from ...errors import StoreError, UnknownSeriesError, UnstorableError
from ..block import Owner
from ..model import (
    Commit,
    Counts,
    ExportMark,
    Latest,
    Point,
    Quarantined,
    Receipt,
    Refused,
    Samples,
    SeriesQuery,
    Windows,
)
from ..receipts import merge_receipts
from . import books, erase, queries
from . import export as exporting
from .anchors import AnchorTable, Offsets
from .insert import Inserter
from .newest import NewestValues
from .opening import USE, connect, line_of, migrate
from .recent import SCHEMA as RECENT
from .recent import RecentCommits, Small, is_small, row_of, small, unpack
from .rows import SCHEMAS, RowBuilder
from .tables import BOOKS, SeriesKey, receipt_table, refused_table, tables_of, tally_table
from .upkeep import Upkeep

_T = TypeVar("_T")


class EmbeddedStore(Upkeep):
    """One file `path`, written by one thread; old days lie in the folder `lake` beside it.

    Args:
        path: the DuckDB file; its folder is made.
        wall_us: UTC now in µs.

    """

    name = "embedded"
    file_name = "vointi.duckdb"

    def __init__(
        self, path: Path, wall_us: Callable[[], int] = lambda: time.time_ns() // 1000
    ) -> None:
        super().__init__(path, wall_us)
        self._con: Any = None
        self._lock = threading.Lock()
        #: (stream, metric, sid) of each device's series.
        self._of_device: dict[str, tuple[tuple[str, str, int], ...]] = {}
        self._newest = NewestValues()
        self._anchors = AnchorTable()
        self._recent = RecentCommits()

    def open(self) -> None:
        """Open the file, make what is missing, read the series and the newest values."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._turn:
            self._open()

    def _open(self) -> None:
        self._connect()
        try:
            migrate(self._con, self._path.name)
            self._finish()
            self._load()
            self._make_rows()
            self.compact()
            self._lake.sweep(self._con)
            self._cores.apply()
            self._checkpoints.begin()
        except duckdb.Error as exc:
            self.close()
            raise StoreError(f"data_dir: {self._path.name} cannot be used: {line_of(exc)}") from exc
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._settle()
        with self._lock:
            con, self._con = self._con, None
        if con is not None:
            con.close()
        self._checkpoints.end()

    def reopen(self) -> None:
        """Drop the connection and read the file again."""
        with self._turn:
            self._recent.clear()
        self.close()
        self.open()

    def _set(self, sql: str) -> None:
        with self._lock:
            if self._con is not None:
                self._con.cursor().execute(sql)

    def _connect(self) -> None:
        self._con = connect(self._path, self._lake.folder)
        self._inserter = Inserter(self._con, SCHEMAS | BOOKS | {"recent": RECENT})

    def _finish(self) -> None:
        """Write the file anew if that was cut short: its rows' numbers are of the new one."""
        marks = erase.owed(self._con)
        if marks is not None:
            self.close()
            erase.rewrite(self._path, marks)
            self._connect()

    def _load(self) -> None:
        rows = self._con.execute("SELECT sid, device, stream, metric FROM series").fetchall()
        self._series = {}
        self._of_device = {}
        self._know({(device, stream, metric): sid for sid, device, stream, metric in rows})
        self._anchors.load(self._con)
        self._newest.load(self._con, self._lake, self._series)
        self._recent.clear()
        for (data,) in self._con.execute("SELECT data FROM recent ORDER BY rowid").fetchall():
            self._recent.add(unpack(bytes(data)))
        if self._recent:
            names = {sid: (device, metric) for (device, _, metric), sid in self._series.items()}
            self._recent.names.update(names)

    def _know(self, series: Mapping[SeriesKey, int]) -> None:
        """Remember series; who reads meanwhile finds a device's old ones or all of them."""
        self._series.update(series)
        for (device, stream, metric), sid in series.items():
            known = self._of_device.get(device, ())
            self._of_device[device] = (*known, (stream, metric, sid))

    def commit(self, commit: Commit) -> None:
        """Write everything in one transaction; the newest values change after it."""
        offsets = self._anchors.with_new(commit.anchors)
        with self._placing(offsets), self._turn:
            if not self._keep(commit, offsets):
                self._commit(commit, offsets, books_wait=self._recent.takes_books())

    def _keep(self, commit: Commit, offsets: Offsets) -> bool:
        """Write a small commit as it came; False: it is to become rows, with those that wait."""
        if not (is_small(commit) and self._recent.has_room()):
            return False

        def known(owner: Owner, stream: str, metric: str) -> int:
            sid = self._series[owner.device, stream, metric]
            self._recent.names[sid] = (owner.device, metric)
            return sid

        try:
            found = small(commit, offsets.of, known)
        except KeyError:
            return False
        self._writer()
        try:
            self._inserter.insert("recent", row_of(found))
        except duckdb.Error as exc:
            self._rollback()
            raise StoreError(f"the store refused a commit: {line_of(exc)}") from exc
        self._checkpoints.committed({})
        self._recent.add(found)
        return True

    def _make_rows(self) -> None:
        """Make rows of the commits that wait for it. Raises StoreError: they wait still."""
        if not self._recent:
            return
        with self._turn:
            if self._recent:
                self._commit(Commit(), self._anchors.with_new(()))

    def _settle(self) -> None:
        """Let a question see every commit; a store that can write nothing answers all the same."""
        with suppress(StoreError):
            self._make_rows()

    def _commit(self, commit: Commit, offsets: Offsets, *, books_wait: bool = False) -> None:
        """Make rows of it, and of all that waits unless its books are to wait with that."""
        new: dict[SeriesKey, tuple[int, str]] = {}

        def number(owner: Owner, stream: str, metric: str) -> int:
            key = (owner.device, stream, metric)
            known = self._series.get(key)
            if known is None:
                known = new.setdefault(key, (len(self._series) + len(new), owner.pilot))[0]
            return known

        con = self._writer()
        rows = RowBuilder(number, offsets)
        books = Small(None, commit.receipts, commit.tally)
        if books_wait:
            whole = replace(commit, receipts=(), tally={})
        else:
            whole = self._with_recent(commit, rows)
        tables = tables_of(whole, rows, new)
        if books_wait:
            tables["recent"] = row_of(books)
        with self._checkpoints.with_rows(con):
            placed = self._transact(commit, tables, offsets, empty=not books_wait)
        if books_wait:
            self._recent.add(books)
        else:
            self._recent.clear()
        self._checkpoints.committed(tables)
        self._know({key: sid for key, (sid, _) in new.items()})
        self._anchors.keep(offsets)
        for sample in rows.newest():
            self._newest.note(*sample)
        self._newest.look(con, placed)

    def _transact(
        self,
        commit: Commit,
        tables: Mapping[str, pa.Table | None],
        offsets: Offsets,
        *,
        empty: bool,
    ) -> list[int]:
        """Write these rows and what else is in the commit; `empty` what waited, now among them."""
        con = self._writer()
        try:
            self._inserter.begin()
            if self._recent and empty:
                con.execute("DELETE FROM recent")
            placed = self._write(commit, tables, offsets)
            self._inserter.commit()
        except duckdb.DataError as exc:
            self._rollback()
            raise UnstorableError(f"the store cannot hold a value: {line_of(exc)}") from exc
        except duckdb.Error as exc:
            self._rollback()
            raise StoreError(f"the store refused a commit: {line_of(exc)}") from exc
        return placed

    def _with_recent(self, commit: Commit, rows: RowBuilder) -> Commit:
        """The commit with the books of those that wait, whose columns `rows` takes."""
        if not self._recent:
            return commit
        columns = self._recent.numbered()
        if columns is not None:
            rows.take(columns, self._recent.names)
        receipts = self._recent.receipts(commit.receipts)
        return replace(commit, receipts=receipts, tally=self._recent.tally(commit.tally))

    def _write(
        self, commit: Commit, tables: Mapping[str, pa.Table | None], offsets: Offsets
    ) -> list[int]:
        """In the transaction at hand; the series that were placed in time by it."""
        for digest in commit.released:
            self._con.execute("DELETE FROM quarantine WHERE digest = ?", [digest])
        for name, table in tables.items():
            self._inserter.insert(name, table)
        self._insert_births(commit.births)
        offsets.write(self._con)
        return offsets.place(self._con, self._series)

    def _insert_births(self, births: Mapping[str, str]) -> None:
        for edge, document in births.items():
            self._con.execute("DELETE FROM birth WHERE edge = ?", [edge])
            self._con.execute(
                "INSERT INTO birth VALUES (?, ?, ?)", [edge, document, self._wall_us()]
            )

    def _rollback(self) -> None:
        try:
            self._con.rollback()
        except duckdb.Error:  # the failed transaction is gone already
            return

    def compact(self) -> None:
        """Replace receipts and counts by their merged form, in one transaction."""
        with self._turn:
            self._make_rows()
            self._compact()

    def _compact(self) -> None:
        con = self._writer()
        merged = {
            "receipt": receipt_table(tuple(merge_receipts(self.receipts()))),
            "tally": tally_table(self.counts()),
            "refused": refused_table(self.refused()),
        }
        try:
            con.begin()
            for name, table in merged.items():
                con.execute(f"DELETE FROM {name}")  # noqa: S608
                self._inserter.insert(name, table)
            con.commit()
        except duckdb.Error as exc:
            self._rollback()
            raise StoreError(f"the store refused to compact: {line_of(exc)}") from exc

    def receipts(self) -> Iterator[Receipt]:
        """Every settled range."""
        return self._read(books.receipts)

    def counts(self) -> Mapping[str, Counts]:
        """Counts per edge."""
        return self._read(books.counts)

    def refused(self) -> tuple[Refused, ...]:
        """Readings of which only the number was kept."""
        return self._read(books.refused)

    def digests(self) -> set[bytes]:
        """Digests of what is in quarantine."""
        return self._read(books.digests)

    def quarantined(self) -> tuple[Quarantined, ...]:
        """What is in quarantine."""
        return self._read(books.quarantined)

    def births(self) -> Mapping[str, str]:
        """The newest birth document of every edge."""
        return self._read(books.births)

    def latest(self) -> Mapping[str, Mapping[str, Latest]]:
        """A snapshot of the newest samples."""
        self._settle()
        return self._newest.snapshot()

    def series(self, device: str) -> tuple[tuple[str, str, int, int], ...]:
        """What there is of a device, and from when to when."""
        sids = self._of(device)
        return self._ask(lambda c: queries.series(c, self._lake, sids))

    def summarised(self, device: str) -> tuple[tuple[str, str, int, int], ...]:
        """What there is of a device in summaries, and from when to when."""
        sids = self._of(device)
        return self._ask(lambda c: queries.summarised(c, sids))

    def _of(self, device: str) -> list[int]:
        return [sid for _, _, sid in self._of_device.get(device, ())]

    def count_samples(self, query: SeriesQuery) -> int:
        """Upper bound of the samples in the span."""
        sids = self._sids(query)
        return self._ask(lambda c: queries.count_samples(c, self._lake, sids, query))

    def samples(self, query: SeriesQuery) -> Samples:
        """Samples in the span."""
        sids = self._sids(query)
        return self._ask(lambda c: queries.samples(c, self._lake, sids, query))

    def windows(self, query: SeriesQuery, window_us: int) -> Windows:
        """Summaries by window."""
        sids = self._sids(query)
        return self._ask(lambda c: queries.windows(c, self._lake, sids, query, window_us))

    def export(self, after: ExportMark, limit: int) -> tuple[list[Point], ExportMark]:
        """Points for a copy, in the order of arrival."""
        return self._read(lambda c: exporting.export(c, after, limit))

    def export_mark(self, name: str) -> ExportMark:
        """How far the copy `name` came."""
        return self._read(lambda c: books.export_mark(c, name))

    def save_export_mark(self, name: str, mark: ExportMark) -> None:
        """Remember how far the copy `name` came; a transaction of its own."""
        self._read(lambda c: books.save_export_mark(c, name, mark))

    def _sids(self, query: SeriesQuery) -> list[int]:
        found = [
            sid
            for stream, metric, sid in self._of_device.get(query.device, ())
            if metric == query.metric and query.stream in (None, stream)
        ]
        if not found:
            raise UnknownSeriesError(query.device, query.metric)
        return found

    def _writer(self) -> Any:
        if self._con is None:
            raise StoreError("the store is closed")
        return self._con

    def _read(self, ask: Callable[[Any], _T]) -> _T:
        self._settle()
        with self._readers.shared():
            with self._lock:
                cursor = self._writer().cursor()
            try:
                cursor.execute(USE)
                return ask(cursor)
            except duckdb.Error as exc:
                raise StoreError(f"the store could not answer: {line_of(exc)}") from exc
            finally:
                cursor.close()
