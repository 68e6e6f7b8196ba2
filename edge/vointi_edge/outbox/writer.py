"""The thread that owns the outbox file; it commits in groups: one fsync keeps many readings.

A reading that finds the file idle is committed at once; while readings keep coming, a commit is
made every `commit_s` at most. Waveforms alone wait `patience_s` for something else: each commit
writes some ten pages to a card, whatever it keeps, and the live lane would hold them anyway.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

from vointi_edge.outbox.store import Entry, OutboxStore, Row

log = logging.getLogger(__name__)

T = TypeVar("T")
Job = Callable[[OutboxStore], None]

# Ten minutes of one person's devices, while a failing disk is tried again.
MAX_WAITING = 5_000
_RETRY_S = 1.0
_PATIENT: Final = "waveform"
# A recording that is played in compressed time, not a home.
_MANY: Final = 64


class OutboxWriter:
    """Group commit in a thread of its own.

    Called in that thread: `on_committed(rows)`, and `on_bad(entry, reason)` for a reading that
    cannot be encoded; it is left out, and the others are kept.
    """

    def __init__(
        self,
        open_store: Callable[[], OutboxStore],
        commit_s: float,
        on_committed: Callable[[list[Row]], None],
        max_waiting: int = MAX_WAITING,
        on_bad: Callable[[Entry, str], None] = lambda _entry, _reason: None,
        *,
        patience_s: float = 0.0,
    ) -> None:
        self._open_store = open_store
        self._commit_s = commit_s
        self._patience_s = patience_s
        self._pressing = False
        self._due_s = 0.0
        self._on_committed = on_committed
        self._on_bad = on_bad
        self._max_waiting = max_waiting
        self._store = open_store()
        self.opened_with = self._store.counts()
        self._wake = threading.Condition()
        self._waiting: deque[Entry] = deque()
        self._refused: Counter[str] = Counter()
        self._jobs: deque[Job] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    @property
    def boot(self) -> int:
        """Return this boot's id."""
        return self._store.boot

    @property
    def alive(self) -> bool:
        """Say whether the thread still runs."""
        return self._thread.is_alive()

    def wait_ended(self) -> None:
        """Block until the thread ends: by `stop`, or by a defect."""
        self._thread.join()

    def start(self) -> None:
        """Begin to commit."""
        self._thread.start()

    def offer(self, *entries: Entry) -> None:
        """Take readings; returns at once. With no room they are counted, and reported as a loss."""
        with self._wake:
            idle = not self._waiting
            if idle:
                self._due_s = time.monotonic() + self._patience_s
            for entry in entries:
                if len(self._waiting) < self._max_waiting:
                    self._waiting.append(entry)
                else:
                    self._refused[entry.device] += 1
                self._pressing |= entry.class_ != _PATIENT or len(self._waiting) >= _MANY
            if self._pressing or idle:
                self._wake.notify()

    def drop(self, keep: Callable[[Entry], bool]) -> None:
        """Forget entries that wait for their commit and are not to be kept: they have no number."""
        with self._wake:
            self._waiting = deque(entry for entry in self._waiting if keep(entry))

    async def call(self, job: Callable[[OutboxStore], T]) -> T:
        """Run `job(store)` between two commits and return what it returns."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def run(store: OutboxStore) -> None:
            try:
                result = job(store)
            except Exception as error:  # the caller's error, wherever it is raised
                loop.call_soon_threadsafe(_settle, future, None, error)
            else:
                loop.call_soon_threadsafe(_settle, future, result, None)

        with self._wake:
            self._jobs.append(run)
            self._wake.notify()
        return await future

    def stop(self) -> None:
        """Commit what waits, close the file and end the thread (blocks for one commit)."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        committed_at = 0.0
        while True:
            with self._wake:
                while not (self._jobs or self._stopping or self._is_due()):
                    left_s = self._due_s - time.monotonic() if self._waiting else None
                    self._wake.wait(left_s)
                # One: a backlog that is read must not hold up what has just been measured.
                job = self._jobs.popleft() if self._jobs else None
            if job is not None:
                job(self._store)
            if self._is_due():
                self._pause(committed_at + self._commit_s - time.monotonic())
                self._commit_waiting()
                committed_at = time.monotonic()
            elif self._stopping and not self._jobs:
                break
        self._store.close()

    def _is_due(self) -> bool:
        """Whether something is to be committed now."""
        if self._pressing or self._stopping or time.monotonic() >= self._due_s:
            return bool(self._waiting or self._refused)
        return bool(self._refused)

    def _pause(self, seconds: float) -> None:
        if seconds > 0 and not self._stopping:
            time.sleep(seconds)

    def _commit_waiting(self) -> None:
        with self._wake:
            entries, refused = list(self._waiting), dict(self._refused)
            self._waiting.clear()
            self._refused.clear()
            self._pressing = False
        rows = self._append(entries, refused)
        if rows:
            self._on_committed(rows)

    def _append(self, entries: list[Entry], refused: dict[str, int]) -> list[Row]:
        """Commit, come what may: a bad entry is left out, a failing disk tried again."""
        failing = False
        while True:
            known = self._store.boot, _accepted(self._store)
            try:
                rows = self._store.append(entries, refused)
            except sqlite3.Error as error:
                if not failing:
                    log.warning("outbox: cannot write (%s); trying again", error)
                failing = True
                if self._gave_up():
                    return []
                time.sleep(_RETRY_S)
                if self._reopen(known):
                    log.warning("outbox: writes again; the commit had been kept")
                    return []
            except Exception:  # one reading's defect must not cost the others
                good = self._encodable(entries)
                if len(good) == len(entries):
                    raise
                entries = good
            else:
                if failing:
                    log.warning("outbox: writes again")
                return rows

    def _encodable(self, entries: list[Entry]) -> list[Entry]:
        """Leave out what cannot be encoded, counted and logged: it never was a reading."""
        good = []
        for entry in entries:
            try:
                entry.encode(self._store.boot, 1)
            except Exception as error:  # whatever the encoder trips over
                reason = f"{type(error).__name__}: {error}"
                log.warning("outbox: %s said what cannot be sent: %s", entry.device, reason)
                self._on_bad(entry, reason)
            else:
                good.append(entry)
        return good

    def _reopen(self, known: tuple[int, int | None]) -> bool:
        """Open the file again; True when the failed commit turns out to have been kept.

        After an I/O error nobody knows what reached the disk, so the file is asked. A damaged one
        is replaced by a new one with a boot id of its own, which cannot have kept the commit.
        """
        boot, accepted = known
        try:
            self._store.close()
            self._store = self._open_store()
        except Exception as error:  # the disk is gone; the loop above tries again
            log.debug("outbox: still closed: %s", error)
            return False
        same = self._store.boot == boot and accepted is not None
        return same and _accepted(self._store) != accepted

    def _gave_up(self) -> bool:
        return self._stopping


def _accepted(store: OutboxStore) -> int | None:
    try:
        return store.counts().accepted
    except sqlite3.Error:
        return None


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
