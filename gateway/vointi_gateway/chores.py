"""What the gateway does for others because it holds the store: erasures, exports, backups."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .house import House
from .pilots.access import export_person
from .pilots.backup import backup
from .pilots.erasure import Erasures
from .pilots.exports import KEEP_DAYS, sweep
from .pilots.jobs import Work
from .pilots.registry import Registry
from .pilots.sealed import read_key, seal
from .progress import Told, untold
from .quarantine import QuarantineRoom
from .store.model import ErasedRows, WornSpan
from .store.port import Alone, ApartStore, KeepingStore, Store

log = logging.getLogger(__name__)

#: Between two looks into the mailbox.
LOOK_S = 0.5
#: Between two looks for exports that are too old.
SWEEP_S = 3600.0
#: Between attempts to erase from copies that cannot be reached.
RETRY_S = 30.0


class ChoreThread:
    """Does chores beside the steward: an erasure may take seconds, a policy must not wait for it.

    Args:
        chores: one round of each.

    """

    def __init__(self, *chores: Callable[[], None]) -> None:
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
            self.once()

    def once(self) -> None:
        """One round of each; one that fails costs the others nothing."""
        for chore in self._chores:
            try:
                chore()
            except Exception:
                log.exception("a chore could not be done; it is tried again")


class Chores:
    """Does what the registry's mailbox asks for.

    Args:
        registry: opened.
        store: opened; read from here, written to in turn only.
        in_turn: does something with it when nobody else writes.
        erase_copies: removes a pseudonym from copies: ``done``, ``none`` or why not yet.
        changed: called before and after an erasure: what is asked for must hold first.
        quarantine: what could not be stored, and is tried again.
        house: what is done at night, if the store keeps house.
        beside: see Erasures.
        export_days: how long exports are kept.
        told: hears how far a job is.

    """

    def __init__(
        self,
        *,
        registry: Registry,
        store: Store,
        in_turn: Alone,
        erase_copies: Callable[[str], str],
        quarantine: QuarantineRoom,
        changed: Callable[[], None] = lambda: None,
        house: House | None = None,
        beside: Mapping[str, Path | None] | None = None,
        export_days: int = KEEP_DAYS,
        told: Told = untold,
    ) -> None:
        self._registry, self._store, self._in_turn = registry, store, in_turn
        self._copies, self._changed, self._house = erase_copies, changed, house
        self._quarantine = quarantine
        self._export_days, self._told = export_days, told
        self._retry_s = 0.0
        self._swept_s = -SWEEP_S
        self.erasures = Erasures(registry, registry.wall_us, beside)

    def __call__(self) -> None:
        """One round."""
        now_s = time.monotonic()
        if now_s - self._swept_s >= SWEEP_S:
            self._swept_s = now_s
            sweep(self._registry, self._export_days)
        for erasure in self.erasures.open():
            if erasure.state == "asked" or now_s >= self._retry_s:
                self._retry_s = now_s + RETRY_S
                self._changed()
                self.erasures.carry_out(erasure, self)
                self._changed()
        works: dict[str, Work] = {
            "export": self._export,
            "backup": self._backup,
            "quarantine": self._look_again,
        }
        works |= {"tidy": self._tidy, "check": self._check}
        self._registry.jobs.run(works, self._told)

    def erase_store(self, spans: Sequence[WornSpan]) -> ErasedRows:
        """Remove spans from the store. Raises StoreError."""
        rows: ErasedRows = self._in_turn(lambda store: store.erase(spans))
        return rows

    def erase_copies(self, person: str) -> str:
        """Remove a person from copies: ``done``, ``none`` or why not yet."""
        return self._copies(person)

    def _export(self, arguments: dict[str, Any], told: Told) -> dict[str, Any]:
        path = export_person(self._registry, self._store, **arguments, told=told)
        return {"file": str(path)}

    def _backup(self, arguments: dict[str, Any], told: Told) -> dict[str, Any]:
        def copy(path: Path) -> None:
            self._in_turn(lambda store: store.copy_to(path))
            if isinstance(self._store, ApartStore):
                self._store.copy_archive(path.parent)

        folder = Path(arguments["folder"])
        name, actor = self._store.file_name, arguments["actor"]
        if "key_file" not in arguments:
            manifest = backup(self._registry, copy, folder, actor, name, told=told)
            return {"folder": str(folder), "files": len(manifest["files"])}
        key = read_key(Path(arguments["key_file"]))
        # Beside the data, where it lies open anyway; only what is sealed leaves this folder.
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=self._registry.folder) as made:
            manifest = backup(self._registry, copy, Path(made), actor, name, told=told)
            told(0, 0, "sealing")
            seal(Path(made), folder, key)
        return {"folder": str(folder), "files": len(manifest["files"])}

    def _look_again(self, arguments: dict[str, Any], _told: Told) -> dict[str, Any]:
        ids, actor = arguments["ids"], arguments["actor"]
        match arguments["action"]:
            case "show":
                return self._quarantine.row(*ids)
            case "replay":
                return self._quarantine.replay(ids, actor=actor)
            case "drop":
                return self._quarantine.drop(ids, actor=actor)
        return {"rows": self._quarantine.rows()}

    def _tidy(self, arguments: dict[str, Any], told: Told) -> dict[str, Any]:
        actor = arguments["actor"]
        exports = {"exports": sweep(self._registry, self._export_days, actor)}
        if self._house is None:  # the store's server looks after its days itself
            return exports | {"moved": 0, "removed": {}}
        return exports | self._house.tidy(actor, told)

    def _check(self, _arguments: dict[str, Any], _told: Told) -> dict[str, Any]:
        checks = self._store.check() if isinstance(self._store, KeepingStore) else ()
        return {"checks": [asdict(check) for check in checks]}
