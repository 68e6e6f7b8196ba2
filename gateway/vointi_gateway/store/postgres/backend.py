"""The database as a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path

from ...errors import LeaseLostError, StoreError, UnknownSeriesError, UnstorableError
from ...settings import PostgresSettings
from ..model import (
    Commit,
    Counts,
    ErasedRows,
    Latest,
    Outcome,
    Quarantined,
    Receipt,
    Refused,
    Samples,
    SeriesQuery,
    StoredReading,
    Windows,
    WornSpan,
)
from . import erase as erasing
from . import queries, writes
from .connection import Link, Rows
from .rows import Builder

#: One statement at a time while tables are made: two gateways may start together.
_MAKING = 0x766F696E
#: Gaps and islands: a row begins an island when it touches nothing of what came before it.
_MERGE = """
WITH gone AS (DELETE FROM receipt RETURNING *),
marked AS (
    SELECT *, CASE WHEN first <= max(last) OVER (
        PARTITION BY edge, device, boot, outcome ORDER BY first, last
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) + 1 THEN 0 ELSE 1 END AS begins
    FROM gone),
islands AS (
    SELECT *, sum(begins) OVER (
        PARTITION BY edge, device, boot, outcome ORDER BY first, last) AS island FROM marked)
INSERT INTO receipt SELECT edge, device, boot, min(first), max(last), outcome
FROM islands GROUP BY edge, device, boot, outcome, island
"""


class PostgresStore:
    """A database that several gateways write to, each for its own sets of shards.

    Args:
        settings: where it is.
        wall_us: UTC now in µs.

    """

    name = "postgres"
    file_name = "vointi.postgres"

    def __init__(
        self,
        settings: PostgresSettings,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._wall_us = wall_us
        self._write, self._read = Link(settings), Link(settings)
        self._is_open = False
        self._series: dict[writes.SeriesKey, int] = {}
        self._anchors: dict[writes.Boot, int] = {}
        self._fence: dict[int, tuple[str, int]] | None = None

    def open(self) -> None:
        """Connect, make what is missing, read the series and the anchors."""
        self._is_open = True
        try:
            self._prepare()
            self._load()
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up; what was committed stays."""
        self._is_open = False
        self._write.close()
        self._read.close()

    def reopen(self) -> None:
        """Connect anew and read what is durable."""
        self.close()
        self.open()

    def adopt(self, slots: Mapping[int, tuple[str, int]]) -> None:
        """From now on a commit is valid only while these leases (holder, epoch) stand.

        Called between two commits, with the writer's memory read anew after it: what the holder
        before had stored is then known.
        """
        self._fence = dict(slots)
        self._load()

    @property
    def leases(self) -> Mapping[int, tuple[str, int]]:
        """The leases that commits are bound to; fewer once a commit has found some gone."""
        return dict(self._fence or {})

    def claim(self, registry: str) -> None:
        """Bind the database to one registry. Raises StoreError: it belongs to another."""
        link = self._writer()
        link.run(
            "INSERT INTO meta VALUES ('registry', :mine) ON CONFLICT (key) DO NOTHING",
            mine=registry,
        )
        ((found,),) = link.run("SELECT value FROM meta WHERE key = 'registry'")
        if found != registry:
            raise StoreError(
                "data_dir: the gateways on this database have another registry; "
                "give all of them the same data_dir, on one machine"
            )

    def holds(self, slot: int) -> bool:
        """Whether the last commit found this slot's lease standing."""
        return self._fence is not None and slot in self._fence

    def _prepare(self) -> None:
        sql = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
        with self._write.transaction():
            self._writer().run("SELECT pg_advisory_xact_lock(:key)", key=_MAKING)
            self._writer().run(sql)

    def _load(self) -> None:
        rows = self._ask("SELECT device, stream, metric, sid FROM series")
        self._series = {(d, s, m): int(sid) for d, s, m, sid in rows}
        rows = self._ask("SELECT edge, boot, offset_us FROM anchor")
        self._anchors = {(edge, int(boot)): int(offset_us) for edge, boot, offset_us in rows}

    def commit(self, commit: Commit) -> None:
        """Write everything in one transaction. Raises LeaseLostError when others hold a slot."""
        link = self._writer()
        anchors = {(a.edge, a.boot): a.offset_us for a in commit.anchors}
        with link.transaction():
            self._guard(link)
            new = writes.number_series(link, commit.readings, self._series)
            built = _built(commit, self._series | new, self._anchors | anchors)
            writes.write(link, commit, built, self._wall_us())
            writes.write_anchors(link, commit.anchors, self._anchors)
        self._series.update(new)
        self._anchors.update(anchors)

    def _guard(self, link: Link) -> None:
        """Hold the leases until the transaction ends: nobody takes one over meanwhile."""
        if self._fence is None:
            return
        rows = link.run("SELECT slot, holder, epoch FROM slot ORDER BY slot FOR SHARE")
        found = {int(slot): (holder, int(epoch)) for slot, holder, epoch in rows}
        standing = {s: lease for s, lease in self._fence.items() if found.get(s) == lease}
        if len(standing) < len(self._fence) or not standing:
            self._fence = standing
            raise LeaseLostError("another gateway has taken over some of this one's shards")

    def compact(self) -> None:
        """Merge touching receipts of each stream and outcome, in one statement."""
        with self._writer().transaction():
            self._guard(self._write)
            self._write.run(_MERGE)

    def erase(self, spans: Sequence[WornSpan]) -> ErasedRows:
        """Delete the rows, then have the server write the tables anew: a deleted row stays."""
        link = self._writer()
        with link.transaction():
            rows = erasing.delete(link, spans)
        erasing.rewrite(link)
        return rows

    def copy_to(self, path: Path) -> None:
        """Not from here: the server has tools of its own."""
        raise StoreError(f"store: {path.name} is not written; back the database up with pg_dump")

    def receipts(self) -> Iterator[Receipt]:
        """Every settled range."""
        rows = self._ask(
            "SELECT edge, device, boot, first, last, outcome FROM receipt "
            "ORDER BY edge, device, boot, outcome, first"
        )
        return (Receipt(e, d, int(b), first, last, Outcome(o)) for e, d, b, first, last, o in rows)

    def counts(self) -> Mapping[str, Counts]:
        """Counts per edge."""
        sql = "SELECT edge, accepted, stored, duplicates, quarantined, lost FROM tally"
        return {row[0]: Counts(*map(int, row[1:])) for row in self._ask(sql)}

    def refused(self) -> tuple[Refused, ...]:
        """Readings of which only the number was kept."""
        sql = "SELECT edge, device, reason, n FROM refused ORDER BY edge, device, reason"
        return tuple(Refused(edge, device, why, int(n)) for edge, device, why, n in self._ask(sql))

    def digests(self) -> set[bytes]:
        """Digests of what is in quarantine."""
        return {bytes(digest) for (digest,) in self._ask("SELECT digest FROM quarantine")}

    def quarantined(self) -> tuple[Quarantined, ...]:
        """What is in quarantine."""
        rows = self._ask(
            "SELECT edge, topic, payload, field, fix, digest, received_us FROM quarantine "
            "ORDER BY received_us, id"
        )
        return tuple(
            Quarantined(edge, topic, bytes(payload), field, fix, bytes(digest), int(at_us))
            for edge, topic, payload, field, fix, digest, at_us in rows
        )

    def births(self) -> Mapping[str, str]:
        """The newest birth document of every edge."""
        return {row[0]: row[1] for row in self._ask("SELECT edge, document FROM birth")}

    def latest(self) -> Mapping[str, Mapping[str, Latest]]:
        """The newest samples, other gateways' included."""
        found: dict[str, dict[str, Latest]] = {}
        for device, metric, t_us, value in self._ask(
            "SELECT device, metric, t_us, value FROM latest"
        ):
            found.setdefault(device, {})[metric] = Latest(int(t_us), float(value))
        return found

    def series(self, device: str) -> tuple[tuple[str, str, int, int], ...]:
        """What there is of a device, and from when to when."""
        rows = self._ask(
            "SELECT stream, metric, min(x.a), max(x.b) FROM series JOIN ("
            "SELECT sid, t_us AS a, t_us AS b FROM scalar UNION ALL "
            "SELECT sid, t_us, end_us FROM segment) x USING (sid) WHERE device = :device "
            "AND x.a IS NOT NULL GROUP BY stream, metric ORDER BY stream, metric",
            device=device,
        )
        return tuple((stream, metric, int(a), int(b)) for stream, metric, a, b in rows)

    def count_samples(self, query: SeriesQuery) -> int:
        """Upper bound of the samples in the span."""
        return queries.count_samples(self._reader(), self._sids(query), query)

    def samples(self, query: SeriesQuery) -> Samples:
        """Samples in the span."""
        return queries.samples(self._reader(), self._sids(query), query)

    def windows(self, query: SeriesQuery, window_us: int) -> Windows:
        """Summaries by window."""
        return queries.windows(self.samples(query), window_us)

    def _sids(self, query: SeriesQuery) -> list[int]:
        rows = self._ask(
            "SELECT sid FROM series WHERE device = :device AND metric = :metric "
            "AND (CAST(:of AS text) IS NULL OR stream = CAST(:of AS text))",
            device=query.device,
            metric=query.metric,
            of=query.stream,
        )
        if not rows:
            raise UnknownSeriesError(query.device, query.metric)
        return [int(sid) for (sid,) in rows]

    def _writer(self) -> Link:
        if not self._is_open:
            raise StoreError("the store is closed")
        return self._write

    def _reader(self) -> Link:
        if not self._is_open:
            raise StoreError("the store is closed")
        return self._read

    def _ask(self, sql: str, **values: object) -> Rows:
        return self._reader().run(sql, **values)


def _built(
    commit: Commit, series: Mapping[writes.SeriesKey, int], anchors: Mapping[writes.Boot, int]
) -> Builder:
    def number(reading: StoredReading, metric: str) -> int:
        return series[reading.device, reading.frame.stream, metric]

    def wall_us(reading: StoredReading) -> int | None:
        frame = reading.frame
        if frame.wall_us is not None:
            return frame.wall_us
        offset_us = anchors.get((reading.edge, frame.boot))
        return None if offset_us is None else frame.mono_us + offset_us

    built = Builder(number, wall_us)
    try:
        built.extend(commit.readings)
    except (ArithmeticError, ValueError) as exc:
        raise UnstorableError(f"the store cannot hold a value: {exc}") from exc
    return built
