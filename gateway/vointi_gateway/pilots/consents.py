"""Consents in the registry: events are appended, the state is always their replay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from sqlite3 import Connection
from typing import Any

from ..errors import RegistryError, UnknownRecordError
from .audit import AuditLog
from .consent.receipts import receipt
from .consent.state import ConsentEvent, ConsentState, Kind, replay
from .consent.texts import ConsentTexts
from .database import Database, Row
from .document import PURPOSES
from .portfolio import Pilots

_COLUMNS = (
    "pilot, person, purpose, kind, at_us, effective_us, expires_us, method, actor, language, "
    "text_version, text_sha256"
)
#: What a person may ask for; requested, expired and terminated come from the pilot's side.
METHODS = ("page", "paper", "spoken", "command", "simulated", "automatic")

ByPerson = Mapping[tuple[str, str], Mapping[str, ConsentState]]


class Consents:
    """Everybody's consents.

    Args:
        registry: the file.
        pilots: what is collected, and whether a data protection impact assessment is referred to.
        texts: what people are asked.
        audit: told of every event.
        wall_us: UTC now, µs.

    """

    def __init__(
        self,
        registry: Database,
        pilots: Pilots,
        texts: ConsentTexts,
        audit: AuditLog,
        wall_us: Callable[[], int],
    ) -> None:
        self._registry, self._pilots, self.texts = registry, pilots, texts
        self._audit, self._wall_us = audit, wall_us

    def record(
        self,
        pilot: str,
        person: str,
        purpose: str,
        kind: Kind,
        *,
        actor: str,
        method: str = "command",
        language: str | None = None,
        effective_us: int | None = None,
        expires_us: int | None = None,
    ) -> ConsentEvent:
        """Append one event. Raises ConflictError when it cannot follow, else RegistryError.

        `effective_us` may lie in the past for what was agreed on paper before; never for a
        withdrawal or a pause, which count from now.
        """
        now_us = self._wall_us()
        self._check(pilot, purpose, kind, method)
        _check_times(kind, effective_us, expires_us, now_us)
        with self._registry.write() as con:
            speaks = self._language(con, pilot, person)
            text = self.texts.newest(purpose, language or speaks)
            event = ConsentEvent(
                pilot,
                person,
                purpose,
                kind,
                at_us=now_us,
                effective_us=now_us if effective_us is None else effective_us,
                expires_us=expires_us,
                method=method,
                actor=actor,
                language=text.language,
                text_version=text.version,
                text_sha256=text.sha256,
            )
            replay(_events(con, pilot, person, purpose)).after(event)
            _append(con, event)
        self._audit.append(
            "consent", actor, pilot=pilot, person=person, purpose=purpose, event=kind.value
        )
        return event

    def events(
        self, pilot: str, person: str, purpose: str | None = None
    ) -> tuple[ConsentEvent, ...]:
        """All events of one person, in their order."""
        rows = self._registry.rows(
            f"SELECT {_COLUMNS}, id FROM consent_event WHERE pilot = ? AND person = ? "  # noqa: S608
            "AND (?3 IS NULL OR purpose = ?3) ORDER BY id",
            pilot,
            person,
            purpose,
        )
        return tuple(map(_event, rows))

    def states(self) -> ByPerson:
        """Every person's state for every purpose, by replay."""
        histories: dict[tuple[str, str, str], list[ConsentEvent]] = defaultdict(list)
        rows = self._registry.rows(f"SELECT {_COLUMNS}, id FROM consent_event ORDER BY id")  # noqa: S608
        for event in map(_event, rows):
            histories[event.pilot, event.person, event.purpose].append(event)
        found: dict[tuple[str, str], dict[str, ConsentState]] = defaultdict(dict)
        for (pilot, person, purpose), events in histories.items():
            found[pilot, person][purpose] = replay(events)
        return found

    def receipt(self, pilot: str, person: str, purpose: str) -> dict[str, Any]:
        """What the person is given. Raises UnknownRecordError when nothing was ever asked."""
        events = self.events(pilot, person, purpose)
        if not events:
            fix = f"{person} was never asked for {purpose} in {pilot}"
            raise UnknownRecordError("purpose", fix)
        text = self.texts.newest(purpose, events[-1].language)
        return receipt(self._pilots.get(pilot), events, text, self._wall_us())

    def expire(self) -> int:
        """Append an event for every consent whose time has run out; how many there were."""
        now_us = self._wall_us()
        ended = [
            (pilot, person, purpose)
            for (pilot, person), states in self.states().items()
            for purpose, state in states.items()
            if state.live(now_us) != state.live(0)
        ]
        for pilot, person, purpose in ended:
            self.record(pilot, person, purpose, Kind.EXPIRED, actor="gateway", method="automatic")
        return len(ended)

    def _check(self, pilot: str, purpose: str, kind: Kind, method: str) -> None:
        document = self._pilots.get(pilot)
        if purpose not in PURPOSES:
            raise RegistryError("purpose", f"{purpose!r}; use {', '.join(PURPOSES)}")
        if method not in METHODS:
            raise RegistryError("method", f"{method!r}; use {', '.join(METHODS)}")
        if kind is Kind.GIVEN and document.people == "real" and not document.dpia:
            fix = f"{pilot} names no data protection impact assessment; set pilot.dpia first"
            raise RegistryError("pilot.dpia", fix)

    @staticmethod
    def _language(con: Connection, pilot: str, person: str) -> str:
        row = con.execute(
            "SELECT language FROM participant WHERE pilot = ? AND person = ?", (pilot, person)
        ).fetchone()
        if row is None:
            raise UnknownRecordError("person", f"{pilot} has no {person}; invite the person first")
        return str(row["language"])


def _check_times(kind: Kind, effective_us: int | None, expires_us: int | None, now_us: int) -> None:
    if effective_us is not None and (kind is not Kind.GIVEN or effective_us > now_us):
        raise RegistryError("effective", "is for consent given earlier; leave it out")
    if expires_us is not None and expires_us <= now_us:
        raise RegistryError("expires", "lies in the past; choose a later time")


def _events(con: Connection, pilot: str, person: str, purpose: str) -> list[ConsentEvent]:
    rows = con.execute(
        f"SELECT {_COLUMNS}, id FROM consent_event "  # noqa: S608
        "WHERE pilot = ? AND person = ? AND purpose = ? ORDER BY id",
        (pilot, person, purpose),
    ).fetchall()
    return [_event(row) for row in rows]


def _append(con: Connection, e: ConsentEvent) -> None:
    values = (
        *(e.pilot, e.person, e.purpose, e.kind.value, e.at_us, e.effective_us, e.expires_us),
        *(e.method, e.actor, e.language, e.text_version, e.text_sha256),
    )
    marks = ", ".join("?" * len(values))
    con.execute(f"INSERT INTO consent_event ({_COLUMNS}) VALUES ({marks})", values)  # noqa: S608


def _event(row: Row) -> ConsentEvent:
    values = dict(row)
    return ConsentEvent(**values | {"kind": Kind(values["kind"])})
