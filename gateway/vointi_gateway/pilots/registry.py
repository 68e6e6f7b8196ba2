"""The registry as one thing: who takes part in what, with which device, and what they agreed to."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from vointi_contract.status import Birth

from ..settings import PilotSettings
from .approvals import Approvals
from .audit import AuditLog
from .commands import Commands
from .consent.state import Kind
from .consent.texts import load_texts
from .consents import Consents
from .database import Database
from .document import PURPOSES
from .erased import ErasedList
from .gate import ROOM_KINDS, Gate, Loan
from .jobs import Jobs
from .keys import SigningKey
from .leases import Leases
from .lending import Lending
from .people import People
from .policies import Policies
from .portfolio import Pilots
from .published import Published
from .views import Views

_VAULT = f"{__package__}.vault_migrations"
#: Who writes what a simulator's residents would have signed.
SIMULATOR = "simulator"


def now_us() -> int:
    """UTC now, µs."""
    return time.time_ns() // 1000


class Registry:
    """Everything in `folder` that is not a measurement.

    Args:
        folder: the data folder; registry.db, vault.db, audit.log and keys/ lie in it.
        wall_us: UTC now, µs.

    """

    def __init__(self, folder: Path, wall_us: Callable[[], int] = now_us) -> None:
        self.folder, self.wall_us = folder, wall_us
        self.database = Database(folder / "registry.db")
        self.vault = Database(folder / "vault.db", _VAULT)
        self.key = SigningKey(folder / "keys")
        self.audit = AuditLog(folder / "audit.log", self.key, wall_us)
        self.erased = ErasedList(folder / "erased.jsonl")
        self.pilots = Pilots(self.database, self.audit, wall_us)
        self.people = People(self.database, self.vault, self.audit, wall_us)
        self.lending = Lending(self.database, self.audit, wall_us)
        self.approvals = Approvals(self.database, self.people, self.audit, wall_us)
        self.views = Views(self.database, wall_us)
        self.jobs = Jobs(self.database, wall_us)
        self.published = Published(self.database)
        self.commands = Commands(self.database, self.audit, wall_us)
        self.leases = Leases(self.database, self.vault, self.audit, wall_us)
        self.policies = Policies(
            self.database,
            self.key,
            self.audit,
            wall_us,
            unit_key=cache(self.leases.unit_key),
            erased=self.erased.all,
        )
        self.consents = Consents(self.database, self.pilots, load_texts(), self.audit, wall_us)

    def open(self) -> None:
        """Open the files and the key. Raises StoreError."""
        self.key.open()
        self.database.open()
        self.vault.open()

    def close(self) -> None:
        """Close the files. May be called twice."""
        self.database.close()
        self.vault.close()

    def revision(self) -> int:
        """Grows with every change of pilots, people, loans or consents, whoever makes it."""
        row = self.database.row("SELECT n FROM revision")
        return int(row["n"]) if row else 0

    def gate(self) -> Gate:
        """A picture of what is lent and agreed now."""
        loans: dict[str, list[Loan]] = defaultdict(list)
        for loan in self.lending.loans():
            loans[loan.device].append(loan)
        for row in self.database.rows("SELECT DISTINCT device FROM device_event"):
            loans.setdefault(row["device"], [])
        asked = self.database.rows("SELECT pilot, person FROM erasure")
        states = dict(self.consents.states())
        for row in asked:
            states.pop((row["pilot"], row["person"]), None)
        rooms = frozenset(d.device for d in self.lending.devices() if d.kind in ROOM_KINDS)
        return Gate(self.pilots.rules(), dict(loans), states, rooms, self.leases.elsewhere())

    def seed(self, pilots: Iterable[PilotSettings]) -> None:
        """The pilots of the configuration file."""
        self.pilots.seed(pilots)

    def observe(self, pilot: str, birth: Birth) -> None:
        """Register the devices of an edge; in a simulated pilot, its residents and their consent.

        A simulated resident agrees to everything from the beginning of time, in records that say
        so: nobody is behind it, and a recording may be played that is years old.
        """
        simulated = self.pilots.get(pilot).people == "simulated"
        known = {d.device: d for d in self.lending.devices()}
        gone = self.erased.all()
        self.leases.announce(pilot, birth)
        self.commands.runs(birth.edge, birth.version)
        for info in birth.devices:
            device = f"{birth.edge}.{info.device}"
            if device not in known:
                self.lending.add(device, info.model, info.kind)
            held = known.get(device)
            if (pilot, info.person) in gone:
                continue
            if simulated and info.person and (held is None or held.state == "ready"):
                self._simulate(pilot, info.person, device)

    def _simulate(self, pilot: str, person: str, device: str) -> None:
        if self.people.find(pilot, person) is None:
            self.people.add_simulated(pilot, person, SIMULATOR)
            for purpose in PURPOSES:
                self.consents.record(
                    *(pilot, person, purpose, Kind.GIVEN),
                    actor=SIMULATOR,
                    method="simulated",
                    effective_us=0,
                )
        if not any(loan.device == device for loan in self.lending.loans()):
            self.lending.lend(device, pilot, person, actor=SIMULATOR, from_us=0)
