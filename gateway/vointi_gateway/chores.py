"""What the gateway does for others because it holds the store: erasures, exports, backups."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from .pilots.access import export_person
from .pilots.backup import backup
from .pilots.erasure import Erasures
from .pilots.registry import Registry
from .store.model import ErasedRows, WornSpan
from .store.port import Store

log = logging.getLogger(__name__)

#: Between two looks into the mailbox.
LOOK_S = 0.5
#: Between attempts to erase from copies that cannot be reached.
RETRY_S = 30.0


class ChoreThread:
    """Does chores beside the steward: an erasure may take seconds, a policy must not wait for it.

    Args:
        chores: one round of them.

    """

    def __init__(self, chores: Callable[[], None]) -> None:
        self._chores = chores
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chores", daemon=True)

    def start(self) -> None:
        """Begin to look for something to do."""
        self._thread.start()

    def stop(self) -> None:
        """End after the chore at hand."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self._chores()
            except Exception:
                log.exception("a chore could not be done; it is tried again")


class InTurn(Protocol):
    """Does something with the store when nobody else writes to it, and gives what came of it."""

    def __call__(self, work: Callable[[Store], Any]) -> Any:
        """Wait for the turn, then for the result. Raises what `work` raises."""


class Chores:
    """Does what the registry's mailbox asks for.

    Args:
        registry: opened.
        store: opened; read from here, written to in turn only.
        in_turn: see InTurn.
        erase_copies: removes a pseudonym from copies: ``done``, ``none`` or why not yet.
        changed: called before and after an erasure: what is asked for must hold first.

    """

    def __init__(
        self,
        *,
        registry: Registry,
        store: Store,
        in_turn: InTurn,
        erase_copies: Callable[[str], str],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._registry, self._store, self._in_turn = registry, store, in_turn
        self._copies, self._changed = erase_copies, changed
        self._retry_s = 0.0
        self.erasures = Erasures(registry, registry.wall_us)

    def __call__(self) -> None:
        """One round."""
        now_s = time.monotonic()
        for erasure in self.erasures.open():
            if erasure.state == "asked" or now_s >= self._retry_s:
                self._retry_s = now_s + RETRY_S
                self._changed()
                self.erasures.carry_out(erasure, self)
                self._changed()
        self._registry.jobs.run({"export": self._export, "backup": self._backup})

    def erase_store(self, spans: Sequence[WornSpan]) -> ErasedRows:
        """Remove spans from the store. Raises StoreError."""
        rows: ErasedRows = self._in_turn(lambda store: store.erase(spans))
        return rows

    def erase_copies(self, person: str) -> str:
        """Remove a person from copies: ``done``, ``none`` or why not yet."""
        return self._copies(person)

    def _export(self, arguments: dict[str, Any]) -> dict[str, Any]:
        path = export_person(self._registry, self._store, **arguments)
        return {"file": str(path)}

    def _backup(self, arguments: dict[str, Any]) -> dict[str, Any]:
        def copy(path: Path) -> None:
            self._in_turn(lambda store: store.copy_to(path))

        folder = Path(arguments["folder"])
        manifest = backup(self._registry, copy, folder, arguments["actor"])
        return {"folder": str(folder), "files": len(manifest["files"])}
