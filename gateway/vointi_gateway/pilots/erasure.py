"""Erasing a person: asked for by anybody who may, carried out by who holds the store.

The order is such that a crash at any step leaves something to do again and nothing undone: the list
first, so that a restored backup is erased anew; then what was measured; then who it was.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import UnknownRecordError
from ..store.model import ErasedRows, WornSpan
from .consent.receipts import utc
from .consent.state import FOREVER
from .database import Row
from .gate import Loan
from .registry import Registry
from .scan import scan

#: Shorter words would be found by chance in any file.
_MIN_NEEDLE = 5
#: By then every policy was derived again (each 10 s) from a picture without the person.
POLICIES_DUE_US = 30_000_000
#: True of every database that appends: what no question shows is still in its files for a while.
_UNTIL_COMPACTED = "erased values leave a database's files when it next compacts them"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One wish: `state` is asked, waiting, scanning, done, or residue.

    Waiting: something could not be reached. Residue: everything was done, and the scan still found
    bytes; the receipt says in which files.
    """

    id: str
    pilot: str
    person: str
    requested_us: int
    actor: str
    state: str
    receipt: dict[str, Any]


class Holders(Protocol):
    """Who holds measurements besides the registry."""

    def erase_store(self, spans: Sequence[WornSpan]) -> ErasedRows:
        """Remove them from the store of record. Raises StoreError."""

    def erase_copies(self, person: str) -> str:
        """Remove them from copies: ``done``, ``none`` or why not yet."""


class Erasures:
    """Wishes to be erased.

    Args:
        registry: opened.
        wall_us: UTC now, µs.
        beside: folders of others that held the person's data, by a name for the receipt; None where
            their files cannot be read from here.

    """

    def __init__(
        self,
        registry: Registry,
        wall_us: Callable[[], int],
        beside: Mapping[str, Path | None] | None = None,
    ) -> None:
        self._registry, self._wall_us = registry, wall_us
        self._beside = beside or {}

    def request(self, pilot: str, person: str, actor: str) -> Erasure:
        """Ask; from now on nothing of the person is kept or shown. Raises UnknownRecordError."""
        self._registry.people.get(pilot, person)
        made = secrets.token_hex(8)
        with self._registry.database.write() as con:
            con.execute(
                "INSERT INTO erasure VALUES (?, ?, ?, ?, ?, 'asked', '')",
                (made, pilot, person, self._wall_us(), actor),
            )
            con.execute("UPDATE revision SET n = n + 1")
        self._registry.audit.append("erase-asked", actor, pilot=pilot, person=person, erasure=made)
        return self.get(made)

    def get(self, erasure: str) -> Erasure:
        """One wish. Raises UnknownRecordError."""
        row = self._registry.database.row("SELECT * FROM erasure WHERE id = ?", erasure)
        if row is None:
            raise UnknownRecordError("erasure", f"{erasure} is not known")
        return _erasure(row)

    def open(self) -> tuple[Erasure, ...]:
        """What is still to do, the oldest first."""
        rows = self._registry.database.rows(
            "SELECT * FROM erasure WHERE state IN ('asked', 'waiting') ORDER BY requested_us"
        )
        return tuple(map(_erasure, rows))

    def edges(self, erasure: Erasure) -> dict[str, bool]:
        """Each edge that had a device of the person: whether it has confirmed to keep nothing.

        It does so with its policy; an edge that is off does so when it is back. The receipt is
        signed before that, so this is told beside it.
        """
        told = erasure.receipt.get("edges_told", [])
        sent = {one.edge: one for one in self._registry.policies.sent()}
        late = self._wall_us() - erasure.requested_us > POLICIES_DUE_US
        return {
            edge: edge in sent
            and sent[edge].confirmed >= sent[edge].version
            # One that was right already is not sent anew: then the time of looking has passed.
            and (late or sent[edge].issued_us >= erasure.requested_us)
            for edge in told
        }

    def again(self) -> int:
        """Ask again for everybody on the list who is back, as after a restore; how many."""
        back = [
            (p.pilot, p.person)
            for p in self._registry.people.all()
            if (p.pilot, p.person) in self._registry.erased.all()
        ]
        waiting = {(e.pilot, e.person) for e in self.open()}
        for pilot, person in back:
            if (pilot, person) not in waiting:
                self.request(pilot, person, "restore")
        return len(back)

    def carry_out(self, erasure: Erasure, holders: Holders) -> Erasure:
        """Do it, or as much of it as can be done now; may be called again."""
        registry, who = self._registry, (erasure.pilot, erasure.person)
        registry.erased.add(*who, self._wall_us())
        loans = registry.lending.loans(*who)
        receipt = erasure.receipt
        if erasure.state == "asked":
            self._take_back(loans)
            rows = holders.erase_store([WornSpan(x.device, x.from_us, x.to_us) for x in loans])
            receipt = {"rows": asdict(rows), "exports": _remove_exports(registry.folder, *who)}
        receipt["copies"] = holders.erase_copies(erasure.person)
        if receipt["copies"] not in ("done", "none"):
            self._save(erasure.id, "waiting", receipt)
            return self.get(erasure.id)
        return self._forget(erasure, receipt, sorted({x.device.split(".")[0] for x in loans}))

    def _take_back(self, loans: Sequence[Loan]) -> None:
        now_us = self._wall_us()
        for loan in loans:
            if loan.to_us == FOREVER:
                end_us = max(now_us, loan.from_us + 1)
                self._registry.lending.give_back(loan.device, actor="erasure", to_us=end_us)

    def _forget(self, erasure: Erasure, receipt: dict[str, Any], edges: list[str]) -> Erasure:
        registry, who = self._registry, (erasure.pilot, erasure.person)
        resident = registry.people.resident(*who)
        needles = [erasure.person]
        if resident is not None and registry.people.forget(*who):
            needles += [resident.id, resident.name, resident.contact]
        registry.views.forget(*who)
        registry.commands.forget(erasure.person)
        self._delete(*who)
        self._save(erasure.id, "scanning", receipt, keep_person=False)
        registry.database.wipe_log()
        registry.vault.wipe_log()
        sought = [n.encode() for n in needles if len(n) >= _MIN_NEEDLE]
        found = scan(registry.folder, sought)
        for name, folder in self._beside.items():
            hits = _scan_beside(folder, sought)
            receipt.setdefault("looked_in", {})[name] = hits is not None
            found += [f"{name}/{hit}" for hit in hits or []]
            receipt["remains"] = _UNTIL_COMPACTED
        receipt |= {
            "erasure": erasure.id,
            "pilot": erasure.pilot,
            "asked": utc(erasure.requested_us),
            "done": utc(self._wall_us()),
            "edges_told": edges,
            "residual_bytes_found_in": found,
        }
        self._sign(receipt)
        self._save(erasure.id, "residue" if found else "done", receipt, keep_person=False)
        registry.audit.append(
            "erase", erasure.actor, pilot=who[0], person=who[1], erasure=erasure.id, found=found
        )
        return self.get(erasure.id)

    def _delete(self, pilot: str, person: str) -> None:
        with self._registry.database.write() as con:
            for table in (
                "consent_event",
                "loan",
                "invitation",
                "viewed",
                "approval",
                "participant",
            ):
                con.execute(
                    f"DELETE FROM {table} WHERE pilot = ? AND person = ?",  # noqa: S608
                    (pilot, person),
                )
            con.execute("DELETE FROM job WHERE arguments ->> '$.person' = ?", (person,))

    def _save(
        self, erasure: str, state: str, receipt: dict[str, Any], *, keep_person: bool = True
    ) -> None:
        with self._registry.database.write() as con:
            con.execute(
                # Who asks for themselves is named by their pseudonym.
                "UPDATE erasure SET state = ?1, receipt = ?2, person = iif(?3, person, ''), "
                "actor = iif(?3, actor, replace(actor, person, '')) WHERE id = ?4",
                (state, json.dumps(receipt), keep_person, erasure),
            )

    def _sign(self, receipt: dict[str, Any]) -> None:
        head = self._registry.audit.head()
        receipt["audit"] = {"n": head["n"], "hash": head["hash"]}
        body = json.dumps(receipt, sort_keys=True).encode()
        receipt["signature"] = self._registry.key.sign(body)
        receipt["key"] = self._registry.key.public_text


def _scan_beside(folder: Path | None, needles: Sequence[bytes]) -> list[str] | None:
    """Files of another program that hold a needle; None when they cannot be read."""
    if folder is None or not folder.is_dir():
        return None
    try:
        return scan(folder, needles, ())
    except subprocess.CalledProcessError:
        return None


def _remove_exports(folder: Path, pilot: str, person: str) -> int:
    where = folder / "exports" / pilot / person
    files = sum(1 for path in where.rglob("*") if path.is_file()) if where.exists() else 0
    shutil.rmtree(where, ignore_errors=True)
    return files


def _erasure(row: Row) -> Erasure:
    receipt = json.loads(row["receipt"]) if row["receipt"] else {}
    values = {name: row[name] for name in row.keys() if name != "receipt"}  # noqa: SIM118
    return Erasure(**values, receipt=receipt)
