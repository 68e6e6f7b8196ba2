"""The DuckDB file as a store."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from ...errors import StoreError, StoreLockedError, UnknownSeriesError, UnstorableError
from ..block import Owner
from ..model import (
    Commit,
    Counts,
    ExportMark,
    Latest,
    Outcome,
    Point,
    Quarantined,
    Receipt,
    Refused,
    Samples,
    SeriesQuery,
    Windows,
)
from ..receipts import merge_receipts
from . import erase, queries
from . import export as exporting
from .anchors import AnchorTable, Offsets
from .insert import insert
from .lake import quoted
from .rows import RowBuilder
from .upkeep import Upkeep

#: A checkpoint rewrites the last row groups whole, so fewer of them let the writer take three times
#: as much (docs/decisions/0014); the price is that much to read again after a crash.
CHECKPOINT_THRESHOLD = "64MB"
#: Files that 1.5 can still read; DuckDB 2.0 would otherwise write a header that it cannot.
STORAGE_VERSION = "v1.5.0"
SCHEMA_VERSION = "2"
#: Schemas whose tables `schema.sql` completes.
_EARLIER = ("1",)

_T = TypeVar("_T")
_SeriesKey = tuple[str, str, str]


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
        self._latest: dict[str, dict[str, Latest]] = {}
        self._anchors = AnchorTable()

    def open(self) -> None:
        """Open the file, make what is missing, read the series and the newest values."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._con = self._connect()
        try:
            self._prepare()
            self._finish()
            self._load()
            self.compact()
            self._lake.sweep(self._con)
        except duckdb.Error as exc:
            self.close()
            raise StoreError(f"data_dir: {self._path.name} cannot be used: {_line(exc)}") from exc
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            con, self._con = self._con, None
        if con is not None:
            con.close()

    def reopen(self) -> None:
        """Drop the connection and read the file again."""
        self.close()
        self.open()

    def _connect(self) -> Any:
        config: dict[str, str | bool | int | float | list[str]] = {
            "storage_compatibility_version": STORAGE_VERSION,
            "checkpoint_threshold": CHECKPOINT_THRESHOLD,
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
        }
        try:
            con = duckdb.connect(str(self._path), config=config)
            # One process has one instance of a file, however often it is opened.
            found = con.execute("SELECT current_setting('enable_external_access')").fetchall()
            if found[0][0]:
                con.execute(f"SET allowed_directories = [{quoted(self._lake.folder)}]")
                con.execute("SET enable_external_access = false")
        except duckdb.Error as exc:
            if "lock" in str(exc).lower():
                raise StoreLockedError(
                    "data_dir: another gateway uses it; stop that one or choose another data_dir"
                ) from exc
            raise StoreError(f"data_dir: {self._path.name} cannot be opened: {_line(exc)}") from exc
        return con

    def _prepare(self) -> None:
        sql = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
        self._con.execute(sql)
        found = self._con.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall()
        if not found:
            self._con.execute("INSERT INTO meta VALUES ('schema', ?)", [SCHEMA_VERSION])
        elif found[0][0] in _EARLIER:
            self._con.execute("UPDATE meta SET value = ? WHERE key = 'schema'", [SCHEMA_VERSION])
        elif found[0][0] != SCHEMA_VERSION:
            raise StoreError(
                f"data_dir: {self._path.name} has schema {found[0][0]}, this version reads "
                f"{SCHEMA_VERSION}; use the version that wrote it"
            )

    def _finish(self) -> None:
        """Write the file anew if that was cut short: its rows' numbers are of the new one."""
        marks = erase.owed(self._con)
        if marks is not None:
            self.close()
            erase.rewrite(self._path, marks)
            self._con = self._connect()

    def _load(self) -> None:
        rows = self._con.execute("SELECT sid, device, stream, metric FROM series").fetchall()
        self._series = {(device, stream, metric): sid for sid, device, stream, metric in rows}
        self._latest = {}
        self._anchors.load(self._con)
        self._note_newest(list(self._series.values()))
        self._note_archived()

    def _note_newest(self, sids: list[int]) -> None:
        """Note the newest value of each series from its rows."""
        newest = """
            WITH wanted AS (SELECT unnest(?) AS sid)
            SELECT s.device, s.metric, x.t, x.v FROM (
                SELECT sid, max(t_us) AS t, arg_max(value, t_us) AS v
                FROM scalar SEMI JOIN wanted USING (sid) GROUP BY sid
                UNION ALL
                SELECT sid, max(end_us), arg_max(v[-1] * scale + "offset", end_us)
                FROM segment SEMI JOIN wanted USING (sid) GROUP BY sid
            ) x JOIN series s USING (sid) WHERE x.t IS NOT NULL
        """
        rows = self._con.execute(newest, [sids]).fetchall() if sids else []
        for device, metric, t_us, value in rows:
            self._note(device, metric, t_us, value)

    def _note_archived(self) -> None:
        """Of series that have nothing hot, the newest value is in the lake."""
        keys = {
            sid: (device, metric)
            for (device, _, metric), sid in self._series.items()
            if metric not in self._latest.get(device, {})
        }
        for sid, t_us, value in queries.newest(self._con, self._lake, list(keys)):
            self._note(*keys[sid], t_us, value)

    def _note(self, device: str, metric: str, t_us: int, value: float) -> None:
        metrics = self._latest.setdefault(device, {})
        known = metrics.get(metric)
        if known is None or t_us >= known.t_us:
            metrics[metric] = Latest(t_us, value)

    def commit(self, commit: Commit) -> None:
        """Write everything in one transaction; the newest values change after it."""
        offsets = self._anchors.with_new(commit.anchors)
        with self._placing(offsets):
            self._commit(commit, offsets)

    def _commit(self, commit: Commit, offsets: Offsets) -> None:
        new: dict[_SeriesKey, tuple[int, str]] = {}

        def number(owner: Owner, stream: str, metric: str) -> int:
            key = (owner.device, stream, metric)
            known = self._series.get(key)
            if known is None:
                known = new.setdefault(key, (len(self._series) + len(new), owner.pilot))[0]
            return known

        con = self._writer()
        rows = RowBuilder(number, offsets)
        tables = _tables(commit, rows, new)
        try:
            con.begin()
            for digest in commit.released:
                con.execute("DELETE FROM quarantine WHERE digest = ?", [digest])
            for name, table in tables.items():
                insert(con, name, table)
            self._insert_births(commit.births)
            offsets.write(con)
            placed = offsets.place(con, self._series)
            con.commit()
        except duckdb.DataError as exc:
            self._rollback()
            raise UnstorableError(f"the store cannot hold a value: {_line(exc)}") from exc
        except duckdb.Error as exc:
            self._rollback()
            raise StoreError(f"the store refused a commit: {_line(exc)}") from exc
        self._series.update({key: sid for key, (sid, _) in new.items()})
        self._anchors.keep(offsets)
        for device, metric, t_us, value in rows.newest():
            self._note(device, metric, t_us, value)
        self._note_newest(placed)

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
        con = self._writer()
        merged = merge_receipts(self.receipts())
        tally = _tally_table(self.counts())
        refused = self.refused()
        try:
            con.begin()
            con.execute("DELETE FROM receipt")
            insert(con, "receipt", _receipt_table(Commit(receipts=tuple(merged))))
            con.execute("DELETE FROM tally")
            insert(con, "tally", tally)
            con.execute("DELETE FROM refused")
            insert(con, "refused", _refused_table(refused))
            con.commit()
        except duckdb.Error as exc:
            self._rollback()
            raise StoreError(f"the store refused to compact: {_line(exc)}") from exc

    def receipts(self) -> Iterator[Receipt]:
        """Every settled range."""
        rows = self._read(
            lambda c: c.execute(
                "SELECT edge, device, boot, first, last, outcome FROM receipt "
                "ORDER BY edge, device, boot, outcome, first"
            ).fetchall()
        )
        return (Receipt(e, d, b, first, last, Outcome(o)) for e, d, b, first, last, o in rows)

    def counts(self) -> Mapping[str, Counts]:
        """Counts per edge."""
        rows = self._read(
            lambda c: c.execute(
                "SELECT edge, sum(accepted), sum(stored), sum(duplicates), sum(quarantined), "
                "sum(lost) FROM tally GROUP BY edge"
            ).fetchall()
        )
        return {row[0]: Counts(*(int(n) for n in row[1:])) for row in rows}

    def refused(self) -> tuple[Refused, ...]:
        """Readings of which only the number was kept."""
        sql = (
            "SELECT edge, device, reason, sum(n) FROM refused GROUP BY edge, device, reason "
            "ORDER BY edge, device, reason"
        )
        rows = self._read(lambda c: c.execute(sql).fetchall())
        return tuple(Refused(edge, device, reason, int(n)) for edge, device, reason, n in rows)

    def digests(self) -> set[bytes]:
        """Digests of what is in quarantine."""
        rows = self._read(lambda c: c.execute("SELECT digest FROM quarantine").fetchall())
        return {bytes(row[0]) for row in rows}

    def quarantined(self) -> tuple[Quarantined, ...]:
        """What is in quarantine."""
        sql = (
            "SELECT edge, topic, payload, field, fix, digest, received_us FROM quarantine "
            "ORDER BY received_us, rowid"
        )
        rows = self._read(lambda c: c.execute(sql).fetchall())
        return tuple(
            Quarantined(edge, topic, bytes(payload), field, fix, bytes(digest), at_us)
            for edge, topic, payload, field, fix, digest, at_us in rows
        )

    def births(self) -> Mapping[str, str]:
        """The newest birth document of every edge."""
        return dict(self._read(lambda c: c.execute("SELECT edge, document FROM birth").fetchall()))

    def latest(self) -> Mapping[str, Mapping[str, Latest]]:
        """A snapshot of the newest samples."""
        return {device: dict(metrics) for device, metrics in list(self._latest.items())}

    def series(self, device: str) -> tuple[tuple[str, str, int, int], ...]:
        """What there is of a device, and from when to when."""
        sids = self._of(device)
        return self._ask(lambda c: queries.series(c, self._lake, sids))

    def summarised(self, device: str) -> tuple[tuple[str, str, int, int], ...]:
        """What there is of a device in summaries, and from when to when."""
        sids = self._of(device)
        return self._ask(lambda c: queries.summarised(c, sids))

    def _of(self, device: str) -> list[int]:
        return [sid for (name, *_), sid in list(self._series.items()) if name == device]

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
        sql = "SELECT value FROM meta WHERE key = ?"
        rows = self._read(lambda c: c.execute(sql, [f"export:{name}"]).fetchall())
        return ExportMark(*json.loads(rows[0][0])) if rows else ExportMark()

    def save_export_mark(self, name: str, mark: ExportMark) -> None:
        """Remember how far the copy `name` came; a transaction of its own."""
        key, value = f"export:{name}", json.dumps([mark.segment, mark.scalar])

        def save(cursor: Any) -> None:
            cursor.begin()
            cursor.execute("DELETE FROM meta WHERE key = ?", [key])
            cursor.execute("INSERT INTO meta VALUES (?, ?)", [key, value])
            cursor.commit()

        self._read(save)

    def _sids(self, query: SeriesQuery) -> list[int]:
        found = [
            sid
            for (device, stream, metric), sid in list(self._series.items())
            if device == query.device and metric == query.metric and query.stream in (None, stream)
        ]
        if not found:
            raise UnknownSeriesError(query.device, query.metric)
        return found

    def _writer(self) -> Any:
        if self._con is None:
            raise StoreError("the store is closed")
        return self._con

    def _read(self, ask: Callable[[Any], _T]) -> _T:
        with self._readers.shared():
            with self._lock:
                cursor = self._writer().cursor()
            try:
                return ask(cursor)
            except duckdb.Error as exc:
                raise StoreError(f"the store could not answer: {_line(exc)}") from exc
            finally:
                cursor.close()


def _line(exc: BaseException) -> str:
    return str(exc).strip().splitlines()[0]


def _tables(
    commit: Commit, rows: RowBuilder, new: dict[_SeriesKey, tuple[int, str]]
) -> dict[str, pa.Table | None]:
    """What goes into each table; `new` is filled with the series that are met first here."""
    try:
        rows.extend(commit.readings)
        return {
            "segment": rows.segments(),
            "scalar": rows.scalars(),
            "series": _series_table(new),
            "receipt": _receipt_table(commit),
            "tally": _tally_table(commit.tally),
            "quarantine": _quarantine_table(commit),
            "refused": _refused_table(commit.refused),
        }
    except (ArithmeticError, ValueError, pa.ArrowException) as exc:
        raise UnstorableError(f"the store cannot hold a value: {_line(exc)}") from exc


def _series_table(new: dict[_SeriesKey, tuple[int, str]]) -> pa.Table:
    names = ["sid", "pilot", "device", "stream", "metric"]
    rows = [(sid, pilot, *key) for key, (sid, pilot) in new.items()]
    kinds = [pa.int32(), pa.string(), pa.string(), pa.string(), pa.string()]
    return _columns(rows, names, kinds)


def _receipt_table(commit: Commit) -> pa.Table:
    names = ["edge", "device", "boot", "first", "last", "outcome"]
    kinds = [pa.string(), pa.string(), pa.uint64(), pa.int64(), pa.int64(), pa.string()]
    rows = [(r.edge, r.device, r.boot, r.first, r.last, r.outcome.value) for r in commit.receipts]
    return _columns(rows, names, kinds)


def _tally_table(tally: Mapping[str, Counts]) -> pa.Table:
    names = ["edge", "accepted", "stored", "duplicates", "quarantined", "lost"]
    rows = [
        (edge, c.accepted, c.stored, c.duplicates, c.quarantined, c.lost)
        for edge, c in tally.items()
    ]
    return _columns(rows, names, [pa.string(), *[pa.int64()] * 5])


def _quarantine_table(commit: Commit) -> pa.Table:
    names = ["received_us", "edge", "topic", "field", "fix", "digest", "payload"]
    kinds = [pa.int64(), *[pa.string()] * 4, pa.binary(), pa.binary()]
    rows = [
        (q.received_us, q.edge, q.topic, q.field, q.fix, q.digest, q.payload)
        for q in commit.quarantined
    ]
    return _columns(rows, names, kinds)


def _refused_table(refused: tuple[Refused, ...]) -> pa.Table:
    rows = [(r.edge, r.device, r.reason, r.n) for r in refused]
    kinds = [pa.string(), pa.string(), pa.string(), pa.int64()]
    return _columns(rows, ["edge", "device", "reason", "n"], kinds)


def _columns(rows: list[tuple[Any, ...]], names: list[str], kinds: list[Any]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    arrays = [pa.array(c, type=k) for c, k in zip(columns, kinds, strict=True)]
    return pa.Table.from_arrays(arrays, names=names)
