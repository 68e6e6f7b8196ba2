"""One of several gateways on one database: has its share of shards, and takes over dead ones'.

The order of a take-over: the lease; then what the store holds, read anew; then the sessions, under
the names of whoever had them, so that the broker gives us what that one had not acknowledged.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable

from .errors import StoreError
from .ingest.sessions import Sessions
from .ingest.share import Share
from .ingest.writer import Writer
from .settings import Settings, ShardSettings
from .store.port import Store
from .store.postgres import PostgresStore
from .store.postgres.connection import Link
from .store.postgres.slots import Slots

log = logging.getLogger(__name__)

#: Looks at the leases within the life of one.
LOOKS = 3


def join(store: Store, shards: ShardSettings, registry: str) -> Share:
    """A share of the work on this store, nothing at first. Raises StoreError: not our database."""
    if not isinstance(store, PostgresStore):
        raise TypeError(f"{store.name} belongs to one gateway")
    store.claim(registry)
    store.adopt({})
    return Share(shards.slots, store.holds)


class Crew:
    """Keeps leases and sessions in step, in a thread of its own.

    Args:
        settings: database and shares.
        store: opened; its commits are bound to the leases.
        share: asks the store what is held.
        sessions: opened and closed with the leases.
        writer: reads the store anew when shards come.
        welcome: told that other edges are ours now.

    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        share: Share,
        sessions: Sessions,
        writer: Writer,
        welcome: Callable[[], None],
    ) -> None:
        chosen = settings.shards
        assert isinstance(store, PostgresStore)  # noqa: S101 - it was joined
        self._store, self._share, self._sessions = store, share, sessions
        self._writer, self._welcome = writer, welcome
        self._link = Link(settings.postgres)
        self._slots = Slots(self._link, _holder(), chosen.slots, chosen.lease_s)
        self._look_s = chosen.lease_s / LOOKS
        self._open: set[int] = set()
        self._well = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crew", daemon=True)

    def start(self) -> None:
        """Begin to take shards. Raises StoreError."""
        self._slots.prepare()
        self._thread.start()

    def stop(self) -> None:
        """Give the shards back, once nothing of them is received any more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def close(self) -> None:
        """Let the others have the leases; the writer has ended."""
        try:
            self._slots.leave()
        except StoreError as exc:
            log.warning("the leases end by themselves: %s", exc)
        self._link.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except StoreError as exc:
                self._say_ill(exc)
            except Exception:
                log.exception("the shares could not be kept; it is tried again")
            else:
                self._well = True
            self._stop.wait(self._look_s)
        for slot in tuple(self._open):
            self._receive_no_more(slot)

    def _look(self) -> None:
        step = self._slots.step()
        for slot in self._open - set(step.held):
            log.warning("slot %d: another gateway has it now", slot)
            self._receive_no_more(slot)
        for slot in step.surplus:
            self._receive_no_more(slot)
        kept = {slot: epoch for slot, epoch in step.held.items() if slot not in step.surplus}
        leases = {slot: (self._slots.holder, epoch) for slot, epoch in kept.items()}
        if leases != self._store.leases:
            # In the writer's thread, between two commits; it reads the store anew afterwards.
            self._writer.submit(lambda _store: self._store.adopt(leases)).result()
        for slot in step.surplus:
            self._slots.release(slot)
        for slot in sorted(set(kept) - self._open):
            log.info("slot %d: ours now", slot)
            self._sessions.open(f"-{slot}", self._share.shards(slot))
            self._open.add(slot)
            self._welcome()

    def _receive_no_more(self, slot: int) -> None:
        self._sessions.close(f"-{slot}")
        self._open.discard(slot)

    def _say_ill(self, exc: StoreError) -> None:
        if self._well:
            log.error("%s; the shares stay as they are until it answers", exc)
        self._well = False


def _holder() -> str:
    """A name for this process alone, not even for the same one started again."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
