"""The one thread that writes: group, stage, commit, acknowledge, show."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from vointi_contract.command import CommandResult
from vointi_contract.errors import ContractError
from vointi_contract.status import Birth

from ..errors import LeaseLostError, StoreError, UnstorableError
from ..events import last_sample_us, reading_event
from ..fleet import Fleet
from ..live import LiveHub
from ..settings import IngestSettings
from ..store.block import Readings
from ..store.model import Counts, Refused, StoredReading
from ..store.port import Store
from .acks import AckBoard
from .consent import ConsentGate
from .ledger import Ledger
from .meter import KEPT, LatencyMeter
from .share import Share
from .stage import Delivery, Staged, Stager
from .status import StatusReader
from .validate import Fault

log = logging.getLogger(__name__)

_T = TypeVar("_T")
Job = tuple[Callable[[Store], _T], Future[_T]]

#: Without deliveries the thread still wakes to send what watermarks are due.
TICK_S = 0.05
#: Waits between attempts while the store refuses; the broker and the outboxes hold the data.
RETRY_S = (0.1, 5.0)
#: What is older is history to a page, which reads it from the series; an edge that was away for
#: hours would else fill every page's queue with it (and cost a third of this thread).
RECENT_US = 60_000_000
#: Receipt and count rows before they are merged: more would slow the next start-up.
COMPACT_ROWS = 50_000
#: How SQLite, DuckDB, InfluxDB and PostgreSQL say that a disk is full.
_FULL = ("no space left", "disk is full", "quota exceeded")


class Waiting(Protocol):
    """What the writer needs of the inbox."""

    def take(self, most: int, most_bytes: int, timeout: float = 0.0) -> list[Delivery]:
        """What waits, bounded, as soon as anything does; empty when nothing came (seconds)."""


class Session(Protocol):
    """What the writer needs of the broker session."""

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge these to the broker."""

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send at QoS 1; False when it could not."""

    def take_fresh(self) -> bool:
        """Whether a connection was made since the last call."""


class Agreements(Protocol):
    """What the writer needs of the registry."""

    def gate(self) -> ConsentGate:
        """What is lent and agreed now."""

    def born(self, birth: Birth) -> None:
        """An edge said which devices it has. Raises StoreError when it is to be told again."""

    def announced(self, edge: str) -> None:
        """An edge came up: it should hear its policy again."""

    def answered(self, result: CommandResult) -> None:
        """An edge said what became of a policy. Raises StoreError when it is to be told again."""


class Writer:
    """Takes deliveries from the inbox until it is stopped.

    Args:
        store: opened; written by this thread only.
        inbox: what the session received.
        session: acknowledges, and carries watermarks down.
        fleet: who is who.
        hub: gets every committed reading.
        agreements: what may be kept of whom.
        settings: how deliveries are grouped.
        wall_us: UTC now, µs.
        share: what is ours to write; the rest is left to whoever has it.

    """

    def __init__(
        self,
        *,
        store: Store,
        inbox: Waiting,
        session: Session,
        fleet: Fleet,
        hub: LiveHub,
        agreements: Agreements,
        settings: IngestSettings,
        wall_us: Callable[[], int],
        share: Share | None = None,
    ) -> None:
        self._share = share or Share()
        self._store, self._inbox, self._session = store, inbox, session
        self._fleet, self._hub, self._settings = fleet, hub, settings
        self._agreements = agreements
        self._wall_us = wall_us
        self._jobs: queue.SimpleQueue[Job[Any]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._loose_rows = 0
        self._said: set[tuple[str, str]] = set()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._status = StatusReader(fleet, agreements.born, agreements.answered)
        self._acks = AckBoard(session.publish, self._pilot_to_answer)
        self._counts: Mapping[str, Counts] = {}
        self.latency = LatencyMeter()
        self.commit_ms = LatencyMeter()
        self.store_ok = True
        self._stale = False
        self._stager = self._rebuild()
        self._status.restore(dict(store.births()))

    @property
    def counts(self) -> Mapping[str, Counts]:
        """Counts per edge of everything committed; a balanced snapshot."""
        return self._counts

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the group at hand and end; what waits in the inbox is not acknowledged."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._drop_jobs()

    def _pilot_to_answer(self, edge: str) -> str | None:
        return self._fleet.pilot_of(edge) if self._share.has_edge(edge) else None

    def _rebuild(self) -> Stager:
        self._counts = dict(self._store.counts())
        ledger = Ledger.from_receipts(self._store.receipts())
        return Stager(
            ledger,
            self._store.digests(),
            self._fleet.pilot_of,
            self._wall_us,
            self._agreements.gate,
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            self._work()
            group = self._collect()
            if group:
                self._process(group)
                self._compact()
            if self._session.take_fresh():
                for view in self._fleet.edges():
                    self._acks.everything(view.edge, self._stager.ledger)
            self._acks.flush(self._stager.ledger, time.monotonic())

    def submit(self, work: Callable[[Store], _T]) -> Future[_T]:
        """Have this thread do something with the store between two groups; see the future.

        What was stored before is seen; afterwards the writer's memory is read from the store anew.
        """
        future: Future[_T] = Future()
        self._jobs.put((work, future))
        if self._stop.is_set():
            self._drop_jobs()
        return future

    def _work(self) -> None:
        while not self._jobs.empty():
            work, future = self._jobs.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work(self._store))
            except Exception as exc:
                future.set_exception(exc)
            self._read_anew()

    def _drop_jobs(self) -> None:
        while not self._jobs.empty():
            self._jobs.get()[1].cancel()

    def _collect(self) -> list[Delivery]:
        """What came within the linger after the first, or as much as one transaction takes."""
        most, room = self._settings.max_messages, self._settings.max_bytes
        group = self._inbox.take(most, room, TICK_S)
        end_s = time.monotonic() + self._settings.linger_ms / 1000
        while group:
            left = room - sum(len(delivery.payload) for delivery in group)
            wait_s = end_s - time.monotonic()
            if len(group) >= most or left <= 0 or wait_s <= 0:
                break
            group += self._inbox.take(most - len(group), left, wait_s)
        return group

    def _process(self, group: list[Delivery]) -> None:
        group = [d for d in group if self._share.has_topic(d.topic)]
        self._status.clear()
        data = [d for d in group if not self._status.is_status(d.topic)]
        for delivery in group:
            if self._status.is_status(delivery.topic) and not self._read_status(delivery):
                return
        try:
            staged = self._commit(data)
        except UnstorableError as exc:
            self._isolate(group, exc)
            return
        except LeaseLostError as exc:
            log.warning("%s; what is left is written", exc)
            self._stager = self._rebuild()
            self._process(group)
            return
        if staged is None:
            return
        rest = data[staged.deliveries :]
        if not rest:
            self._settled(staged, group)
            return
        later = {id(delivery) for delivery in rest}
        self._settled(staged, [delivery for delivery in group if id(delivery) not in later])
        self._process(rest)

    def _isolate(self, group: list[Delivery], exc: UnstorableError) -> None:
        """Find the delivery that no store can hold, quarantine it, and commit the others."""
        self._stager = self._rebuild()
        if len(group) > 1:
            for delivery in group:
                self._process([delivery])
            return
        fault = Fault("payload", str(exc))
        staged = self._durably(lambda: self._stager.refuse(group[0], fault))
        if staged is not None:
            self._settled(staged, group)

    def _settled(self, staged: Staged, group: list[Delivery]) -> None:
        """It is durable: show (a page waits for it), acknowledge, tell."""
        self._show(staged)
        self._session.ack(group)
        self._tell(staged, group)

    def _compact(self) -> None:
        if self._loose_rows < COMPACT_ROWS:
            return
        self._loose_rows = 0
        try:
            self._store.compact()
        except StoreError as exc:
            log.warning("%s; it is tried again later", exc)

    def _read_status(self, delivery: Delivery) -> bool:
        """Whether it was read, or will never be; False when stopped before it could be noted."""

        def read() -> bool:
            try:
                self._status.read(delivery)
            except ContractError as exc:
                log.warning("status refused on %s: %s", delivery.topic, exc)
            return True

        return self._until_accepted(read) or False

    def _commit(self, data: list[Delivery]) -> Staged | None:
        """Stage and commit until it is durable; None when stopped before it was."""
        births, anchors = self._status.births, self._status.anchors
        return self._durably(lambda: self._stager.stage(data, births, anchors))

    def _durably(self, stage: Callable[[], Staged]) -> Staged | None:
        """Commit what is staged, anew for each attempt; None when stopped before it was durable."""

        def attempt() -> Staged:
            if self._stale:
                self._store.reopen()
                self._stager = self._rebuild()
                self._stale = False
            staged = stage()
            started = time.perf_counter()
            if staged.commit:
                self._store.commit(staged.commit)
                self.commit_ms.add((time.perf_counter() - started) * 1000)
            self._recovered()
            return staged

        return self._until_accepted(attempt)

    def _until_accepted(self, attempt: Callable[[], _T]) -> _T | None:
        """Try again, ever more rarely, while the disk or the store refuses; None when stopped."""
        wait_s = RETRY_S[0]
        while True:
            try:
                return attempt()
            except (UnstorableError, LeaseLostError):
                raise
            except (StoreError, OSError) as exc:
                self._refused(exc)
                if self._stop.wait(wait_s):
                    return None
                wait_s = min(wait_s * 2, RETRY_S[1])

    def _read_anew(self) -> None:
        """Read what the store holds; a store that fails is opened again with the next group."""
        try:
            self._stager = self._rebuild()
        except StoreError as exc:
            self._refused(exc)

    def _refused(self, exc: Exception) -> None:
        if self.store_ok:
            full = any(words in str(exc).lower() for words in _FULL)
            step = "; make room on its disk" if full else ""
            log.error("%s%s; nothing is acknowledged until it accepts again", exc, step)
        self.store_ok, self._stale = False, True

    def _recovered(self) -> None:
        if not self.store_ok:
            log.warning("the store accepts again")
        self.store_ok = True

    def _show(self, staged: Staged) -> None:
        """Give what is durable now to the open pages and to the counts."""
        counts = dict(self._counts)
        for edge, change in staged.commit.tally.items():
            counts[edge] = counts.get(edge, Counts()) + change
        self._counts = counts
        self._loose_rows += len(staged.commit.receipts) + len(staged.commit.tally)
        events = list(self._status.events)
        now_us = self._wall_us()
        if self._hub.listening:
            events.extend(map(reading_event, _recent(staged.commit.readings, now_us)))
        self._hub.push(events)
        self._measure(staged.commit.readings, now_us)

    def _measure(self, readings: Sequence[StoredReading], now_us: int) -> None:
        """How late the readings are: events found in a signal are as late as their detector."""
        loose = readings
        if isinstance(readings, Readings):
            loose = readings.loose
            if readings.block is not None:
                lates = (now_us - readings.block.last_samples_us()[-KEPT:]) / 1000
                self.latency.extend(lates.tolist())
        for reading in loose:
            last_us = last_sample_us(reading.frame)
            if last_us is not None and reading.frame.offsets_us is None:
                self.latency.add((now_us - last_us) / 1000)

    def _tell(self, staged: Staged, group: list[Delivery]) -> None:
        """Owe the edges their watermarks, note who was heard, and say what was refused."""
        self._acks.touched(staged.touched)
        for edge in self._status.announced:
            self._acks.everything(edge, self._stager.ledger)
            self._agreements.announced(edge)
        self._fleet.seen(_heard(group))
        for refused in staged.commit.refused:
            self._say_refused(refused)
        for edge, fault in staged.faults[:1]:
            log.warning(
                "quarantined %d of %s: %s: %s", len(staged.faults), edge, fault.field, fault.fix
            )

    def _say_refused(self, refused: Refused) -> None:
        """Once for each device and reason: a withdrawn device may send for days."""
        if (refused.device, refused.reason) not in self._said:
            self._said.add((refused.device, refused.reason))
            log.warning("nothing is kept of %s: %s", refused.device, refused.reason)


def _recent(readings: Sequence[StoredReading], now_us: int) -> list[StoredReading]:
    """What pages are shown; of a block, nothing else is made an object."""
    since_us = now_us - RECENT_US
    candidates = readings.after(since_us) if isinstance(readings, Readings) else readings
    return [r for r in candidates if (last_sample_us(r.frame) or now_us) > since_us]


def _heard(group: list[Delivery]) -> dict[str, int]:
    """When each edge was last heard; topics repeat, so they are taken apart once."""
    topics = {d.topic: d.received_us for d in group if not d.retain}
    heard: dict[str, int] = {}
    for topic, at_us in topics.items():
        parts = topic.split("/")
        if len(parts) > 4:
            heard[parts[4]] = max(at_us, heard.get(parts[4], 0))
    return heard
