"""Un-pseudonymising: one person of the staff asks and says why, another one allows it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ConflictError, NotAllowedError, RegistryError, UnknownRecordError
from .audit import AuditLog
from .database import Database
from .people import People, Resident

#: Long enough for a colleague's next shift; a forgotten wish must not lie about.
LIFE_US = 24 * 3_600_000_000


@dataclass(frozen=True, slots=True)
class Approval:
    """One wish to know who `person` is; times are UTC µs."""

    id: str
    pilot: str
    person: str
    asked_by: str
    reason: str
    asked_us: int
    approved_by: str | None
    used_us: int | None


class Approvals:
    """The wishes in the registry.

    Args:
        registry: the file.
        people: knows who it is.
        audit: told of every step.
        wall_us: UTC now, µs.

    """

    def __init__(
        self, registry: Database, people: People, audit: AuditLog, wall_us: Callable[[], int]
    ) -> None:
        self._registry, self._people, self._audit = registry, people, audit
        self._wall_us = wall_us

    def ask(self, pilot: str, person: str, by: str, reason: str) -> Approval:
        """Wish to know who somebody is. Raises UnknownRecordError, RegistryError."""
        self._people.get(pilot, person)
        if not reason.strip():
            raise RegistryError("reason", "is empty; say what the name is needed for")
        made = secrets.token_hex(8)
        with self._registry.write() as con:
            con.execute(
                "INSERT INTO approval VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
                (made, pilot, person, by, reason, self._wall_us()),
            )
        self._note("reveal-asked", by, self.get(made))
        return self.get(made)

    def get(self, approval: str) -> Approval:
        """One wish. Raises UnknownRecordError, also when its day is over."""
        row = self._registry.row(
            "SELECT * FROM approval WHERE id = ? AND asked_us > ?",
            *(approval, self._wall_us() - LIFE_US),
        )
        if row is None:
            raise UnknownRecordError("approval", f"{approval} is not known any more; ask again")
        return Approval(*row)

    def open(self) -> tuple[Approval, ...]:
        """What waits for somebody's yes, the oldest first."""
        rows = self._registry.rows(
            "SELECT * FROM approval WHERE approved_by IS NULL AND asked_us > ? ORDER BY asked_us",
            self._wall_us() - LIFE_US,
        )
        return tuple(Approval(*row) for row in rows)

    def approve(self, approval: str, by: str) -> Approval:
        """Say yes to somebody else's wish. Raises NotAllowedError for one's own."""
        found = self.get(approval)
        if found.asked_by == by:
            raise NotAllowedError("approval", "is your own wish; another person must allow it")
        with self._registry.write() as con:
            changed = con.execute(
                "UPDATE approval SET approved_by = ? WHERE id = ? AND approved_by IS NULL",
                (by, approval),
            )
            if changed.rowcount == 0:
                raise ConflictError("approval", f"was allowed by {found.approved_by} already")
        self._note("reveal-approved", by, found)
        return self.get(approval)

    def use(self, approval: str, by: str) -> Resident:
        """Who it is, told once to who asked. Raises NotAllowedError, ConflictError."""
        found = self.get(approval)
        if found.asked_by != by:
            raise NotAllowedError("approval", "is somebody else's wish; ask yourself")
        if found.approved_by is None:
            raise NotAllowedError("approval", "waits for another person to allow it")
        with self._registry.write() as con:
            changed = con.execute(
                "UPDATE approval SET used_us = ? WHERE id = ? AND used_us IS NULL",
                (self._wall_us(), approval),
            )
            if changed.rowcount == 0:
                raise ConflictError("approval", "was used; ask again")
        self._note("reveal", by, found)
        resident = self._people.resident(found.pilot, found.person)
        if resident is None:
            raise UnknownRecordError("person", "is simulated: nobody is behind it")
        return resident

    def _note(self, what: str, by: str, about: Approval) -> None:
        self._audit.append(what, by, pilot=about.pilot, person=about.person, approval=about.id)
