"""Devices on loan: who had which when, and whether one is clean and charged for the next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from sqlite3 import Connection

from ..errors import ConflictError, RegistryError, UnknownRecordError
from .audit import AuditLog
from .database import Database
from .gate import Loan

#: What a device must have seen after it came back, before it goes out again.
_CARE = ("cleaned", "charged")


@dataclass(frozen=True, slots=True)
class LentDevice:
    """A registered device: its global id edge.device, its state, and who has it now."""

    device: str
    edge: str
    model: str
    kind: str
    state: str
    pilot: str | None
    person: str | None


class Lending:
    """Devices and loans.

    Args:
        registry: the file.
        audit: told of every loan and return.
        wall_us: UTC now, µs.

    """

    def __init__(self, registry: Database, audit: AuditLog, wall_us: Callable[[], int]) -> None:
        self._registry, self._audit, self._wall_us = registry, audit, wall_us

    def add(self, device: str, model: str, kind: str) -> None:
        """Register a device by its global id; again is no error."""
        edge, dot, name = device.partition(".")
        if not (edge and dot and name):
            raise RegistryError("device", f"{device!r} is no global id; write edge.device")
        with self._registry.write() as con:
            con.execute(
                "INSERT OR IGNORE INTO device VALUES (?, ?, ?, ?, ?)",
                (device, edge, model, kind, self._wall_us()),
            )

    def lend(
        self, device: str, pilot: str, person: str, *, actor: str, from_us: int | None = None
    ) -> None:
        """Give a device to a person, from now or from `from_us` on.

        Raises ConflictError when somebody has it, or it was not cleaned and charged since.
        """
        now_us = self._wall_us()
        start_us = now_us if from_us is None else from_us
        with self._registry.write() as con:
            self._check(con, device, pilot, person, start_us)
            con.execute(
                "INSERT INTO loan (device, pilot, person, from_us) VALUES (?, ?, ?, ?)",
                (device, pilot, person, start_us),
            )
            _note(con, device, "lent", now_us, actor)
        self._audit.append("lend", actor, pilot=pilot, person=person, device=device)

    def give_back(self, device: str, *, actor: str, to_us: int | None = None) -> Loan:
        """A device came back; from `to_us` (now) on, its readings are nobody's."""
        now_us = self._wall_us()
        end_us = now_us if to_us is None else to_us
        with self._registry.write() as con:
            row = con.execute(
                "SELECT * FROM loan WHERE device = ? AND to_us IS NULL", (device,)
            ).fetchone()
            if row is None:
                raise ConflictError("device", f"{device} is with nobody; nothing to give back")
            if end_us <= row["from_us"]:
                raise RegistryError("to", "is not after the loan's start")
            con.execute("UPDATE loan SET to_us = ? WHERE id = ?", (end_us, row["id"]))
            _note(con, device, "returned", now_us, actor)
        loan = Loan(device, row["pilot"], row["person"], row["from_us"], end_us)
        self._audit.append("return", actor, pilot=loan.pilot, person=loan.person, device=device)
        return loan

    def care(self, device: str, kind: str, *, actor: str) -> None:
        """A device was ``cleaned`` or ``charged``, or is ``lost``."""
        if kind not in (*_CARE, "lost"):
            raise RegistryError("kind", f"{kind!r}; use cleaned, charged or lost")
        with self._registry.write() as con:
            _known(con, device)
            _note(con, device, kind, self._wall_us(), actor)

    def devices(self) -> tuple[LentDevice, ...]:
        """Every registered device with its state."""
        rows = self._registry.rows(
            "SELECT d.id, d.edge, d.model, d.kind, l.pilot, l.person FROM device d "
            "LEFT JOIN loan l ON l.device = d.id AND l.to_us IS NULL ORDER BY d.id"
        )
        events: dict[str, list[str]] = defaultdict(list)
        for row in self._registry.rows("SELECT device, kind FROM device_event ORDER BY id"):
            events[row["device"]].append(row["kind"])
        return tuple(
            LentDevice(
                *(r["id"], r["edge"], r["model"], r["kind"]),
                *(state_of(events[r["id"]]), r["pilot"], r["person"]),
            )
            for r in rows
        )

    def loans(self, pilot: str | None = None, person: str | None = None) -> tuple[Loan, ...]:
        """Every loan, by start; of one pilot or person where named."""
        rows = self._registry.rows(
            "SELECT device, pilot, person, from_us, coalesce(to_us, 1 << 62) FROM loan "
            "WHERE (?1 IS NULL OR pilot = ?1) AND (?2 IS NULL OR person = ?2) "
            "ORDER BY from_us, id",
            pilot,
            person,
        )
        return tuple(Loan(*row) for row in rows)

    def _check(self, con: Connection, device: str, pilot: str, person: str, start_us: int) -> None:
        row = _known(con, device)
        if row["pilot"] != pilot:
            owner = row["pilot"] or "no pilot"
            raise ConflictError("device", f"{device} belongs to {owner}, not to {pilot}")
        people = "SELECT 1 FROM participant WHERE pilot = ? AND person = ?"
        if con.execute(people, (pilot, person)).fetchone() is None:
            raise UnknownRecordError("person", f"{pilot} has no {person}; invite the person first")
        out = con.execute(
            "SELECT person FROM loan WHERE device = ? AND (to_us IS NULL OR to_us > ?)",
            (device, start_us),
        ).fetchone()
        if out is not None:
            raise ConflictError("device", f"{device} is with {out['person']}; give it back first")
        kinds = con.execute(
            "SELECT kind FROM device_event WHERE device = ? ORDER BY id", (device,)
        ).fetchall()
        state = state_of([k["kind"] for k in kinds])
        if state != "ready":
            raise ConflictError("device", f"{device} is {state}; clean and charge it first")


def state_of(events: list[str]) -> str:
    """What the events of a device amount to: ready, lent, returned, cleaned, charged or lost."""
    since: list[str] = []
    state = "ready"
    for kind in events:
        if kind in ("lent", "lost", "returned"):
            state, since = kind, []
        elif state not in ("lent", "ready"):
            since.append(kind)
            state = "ready" if set(_CARE) <= set(since) else kind
    return state


def _known(con: Connection, device: str) -> dict[str, str | None]:
    row = con.execute(
        "SELECT d.id, e.pilot FROM device d LEFT JOIN edge e ON e.id = d.edge WHERE d.id = ?",
        (device,),
    ).fetchone()
    if row is None:
        raise UnknownRecordError("device", f"{device} is not registered; add it first")
    return dict(row)


def _note(con: Connection, device: str, kind: str, at_us: int, actor: str) -> None:
    con.execute(
        "INSERT INTO device_event (device, kind, at_us, actor) VALUES (?, ?, ?, ?)",
        (device, kind, at_us, actor),
    )
