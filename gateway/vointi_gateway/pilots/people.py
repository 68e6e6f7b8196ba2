"""Participants: a pseudonym for each pilot, an invitation, and apart from both, who it is."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from vointi_contract.topics import is_id

from ..errors import ConflictError, RegistryError, UnknownRecordError
from .audit import AuditLog
from .consent.texts import LANGUAGES
from .database import Database, Row

#: An invitation on paper lies in a post box for some days.
INVITATION_US = 14 * 86_400_000_000
#: 80 random bits, in letters that cannot be mistaken for each other when read aloud.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_CODE_LETTERS = 16


@dataclass(frozen=True, slots=True)
class Participant:
    """One person in one pilot. `person` is a pseudonym that no other pilot knows. UTC µs."""

    pilot: str
    person: str
    language: str
    invited_us: int
    joined_us: int | None


@dataclass(frozen=True, slots=True)
class Resident:
    """Who is behind pseudonyms."""

    id: str
    name: str
    contact: str
    language: str


class People:
    """Participants in the registry, their names in the vault.

    Args:
        registry: pseudonyms, invitations.
        vault: names, contacts, and the keys that pseudonyms are made with.
        audit: told of every change.
        wall_us: UTC now, µs.

    """

    def __init__(
        self, registry: Database, vault: Database, audit: AuditLog, wall_us: Callable[[], int]
    ) -> None:
        self._registry, self._vault, self._audit = registry, vault, audit
        self._wall_us = wall_us

    def invite(
        self,
        pilot: str,
        *,
        actor: str,
        language: str = "fi",
        name: str = "",
        contact: str = "",
        resident: str | None = None,
    ) -> tuple[Participant, str]:
        """A new participant and the code that it joins with; the code is kept as a digest only.

        `resident` names somebody who is in the vault already, for a second pilot.
        """
        self._check(pilot, language)
        who = self._resident(resident, name, contact, language)
        person = self._pseudonym(pilot, who)
        if self.find(pilot, person) is not None:
            raise ConflictError("resident", f"takes part in {pilot} already; as {person}")
        with self._vault.write() as con:
            con.execute("INSERT INTO link VALUES (?, ?, ?)", (pilot, person, who))
        code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS))
        now_us = self._wall_us()
        with self._registry.write() as con:
            con.execute(
                "INSERT INTO participant VALUES (?, ?, ?, ?, NULL)",
                (pilot, person, language, now_us),
            )
            con.execute(
                "INSERT INTO invitation VALUES (?, ?, ?, ?, NULL)",
                (_digest(code), pilot, person, now_us + INVITATION_US),
            )
        self._audit.append("invite", actor, pilot=pilot, person=person)
        return self.get(pilot, person), code

    def join(self, code: str) -> Participant:
        """Use an invitation, once. Raises RegistryError: wrong, used and expired are one answer."""
        now_us = self._wall_us()
        refused = RegistryError("code", "is not valid, or was used; ask for a new invitation")
        with self._registry.write() as con:
            row = con.execute(
                "SELECT pilot, person FROM invitation "
                "WHERE code_sha256 = ? AND used_us IS NULL AND expires_us > ?",
                (_digest(code.strip().lower()), now_us),
            ).fetchone()
            if row is None:
                raise refused
            con.execute(
                "UPDATE invitation SET used_us = ? WHERE code_sha256 = ?",
                (now_us, _digest(code.strip().lower())),
            )
            con.execute(
                "UPDATE participant SET joined_us = ? WHERE pilot = ? AND person = ?",
                (now_us, row["pilot"], row["person"]),
            )
        self._audit.append("join", row["person"], pilot=row["pilot"], person=row["person"])
        return self.get(row["pilot"], row["person"])

    def add_simulated(self, pilot: str, person: str, actor: str) -> None:
        """A resident that a simulator plays, by the pseudonym that its edge was configured with."""
        if not is_id(person):
            raise RegistryError("person", f"{person!r} is no id; use a-z, 0-9, - and _")
        now_us = self._wall_us()
        with self._registry.write() as con:
            con.execute(
                "INSERT OR IGNORE INTO participant VALUES (?, ?, 'en', ?, ?)",
                (pilot, person, now_us, now_us),
            )
        self._audit.append("simulate", actor, pilot=pilot, person=person)

    def find(self, pilot: str, person: str) -> Participant | None:
        """A participant, or None."""
        row = self._registry.row(
            "SELECT * FROM participant WHERE pilot = ? AND person = ?", pilot, person
        )
        return _participant(row) if row else None

    def get(self, pilot: str, person: str) -> Participant:
        """A participant. Raises UnknownRecordError."""
        found = self.find(pilot, person)
        if found is None:
            raise UnknownRecordError("person", f"{pilot} has no {person}; list its participants")
        return found

    def all(self, pilot: str | None = None) -> tuple[Participant, ...]:
        """Every participant, of one pilot or of all."""
        rows = self._registry.rows(
            "SELECT * FROM participant WHERE ? IS NULL OR pilot = ? ORDER BY pilot, person",
            pilot,
            pilot,
        )
        return tuple(map(_participant, rows))

    def resident(self, pilot: str, person: str) -> Resident | None:
        """Who is behind a pseudonym; None for a simulated one."""
        row = self._vault.row(
            "SELECT r.* FROM resident r JOIN link l ON l.resident = r.id "
            "WHERE l.pilot = ? AND l.person = ?",
            pilot,
            person,
        )
        return Resident(*row) if row else None

    def forget(self, pilot: str, person: str) -> bool:
        """Remove the link, and who it is when no other pilot has the person; whether it was."""
        with self._vault.write() as con:
            row = con.execute(
                "SELECT resident FROM link WHERE pilot = ? AND person = ?", (pilot, person)
            ).fetchone()
            con.execute("DELETE FROM link WHERE pilot = ? AND person = ?", (pilot, person))
            if row is None:
                return False
            left = con.execute("SELECT 1 FROM link WHERE resident = ?", (row[0],)).fetchone()
            if left is None:
                con.execute("DELETE FROM resident WHERE id = ?", (row[0],))
            return left is None

    def _check(self, pilot: str, language: str) -> None:
        if self._registry.row("SELECT 1 FROM pilot WHERE id = ?", pilot) is None:
            raise UnknownRecordError("pilot", f"{pilot} is not registered; import it first")
        if language not in LANGUAGES:
            raise RegistryError("language", f"{language!r}; use {', '.join(LANGUAGES)}")

    def _resident(self, resident: str | None, name: str, contact: str, language: str) -> str:
        if resident is not None:
            if self._vault.row("SELECT 1 FROM resident WHERE id = ?", resident) is None:
                raise UnknownRecordError("resident", "is not in the vault; leave it out")
            return resident
        made = secrets.token_hex(16)
        with self._vault.write() as con:
            con.execute("INSERT INTO resident VALUES (?, ?, ?, ?)", (made, name, contact, language))
        return made

    def _pseudonym(self, pilot: str, resident: str) -> str:
        """HMAC-SHA256 by the pilot's own key: two pilots cannot tell that they share somebody."""
        with self._vault.write() as con:
            con.execute(
                "INSERT OR IGNORE INTO pilot_key VALUES (?, ?)", (pilot, secrets.token_bytes(32))
            )
            key = con.execute("SELECT key FROM pilot_key WHERE pilot = ?", (pilot,)).fetchone()[0]
        return "p-" + hmac.new(key, resident.encode(), sha256).hexdigest()[:16]


def _participant(row: Row) -> Participant:
    return Participant(*row)


def _digest(code: str) -> bytes:
    return sha256(code.encode()).digest()
