"""Who is signed in: random cookies, kept as hashes, ended by time, wish or a change of role."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .database import Database

Role = Literal["company", "city", "care", "operator", "resident"]
ROLES: tuple[Role, ...] = ("company", "city", "care", "operator", "resident")

#: (idle, absolute) seconds: staff share desks; a resident has a device of their own.
STAFF_S = (3600, 12 * 3600)
RESIDENT_S = (14 * 86_400, 14 * 86_400)
#: The time of the last use is written this often, not at each request.
SEEN_S = 60


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `pilots`: of company and care; `city`: of a city; `person`: of a resident."""

    name: str
    role: Role
    pilots: frozenset[str] = frozenset()
    city: str = ""
    person: str = ""


#: Whoever sits at the machine, where only that machine is listened to.
LOCAL = Principal("local operator", "operator")


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in principal, with the word that every change has to carry."""

    principal: Principal
    csrf: str

    def allows_change(self, csrf: str) -> bool:
        """Whether a request that changes something carries the session's word."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


class Sessions:
    """The sessions in the database. Any thread may use it."""

    def __init__(self, database: Database, now_s: Callable[[], float]) -> None:
        self._db, self._now_s = database, now_s

    def start(self, principal: Principal) -> str:
        """Begin a session; the cookie's value."""
        token = secrets.token_urlsafe(32)
        now = int(self._now_s())
        idle_s, life_s = RESIDENT_S if principal.role == "resident" else STAFF_S
        values = (
            *(_digest(token), principal.name, principal.role),
            *(json.dumps(sorted(principal.pilots)), principal.city, principal.person),
            *(secrets.token_urlsafe(24), now, idle_s, now + life_s),
        )
        with self._db.write() as tx:
            tx.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        return token

    def find(self, token: str) -> Session | None:
        """The session of a cookie, or None; using it keeps it from idling out."""
        now = int(self._now_s())
        row = self._db.row(
            "SELECT * FROM session WHERE digest = ? AND expires_s > ? AND seen_s + idle_s > ?",
            *(_digest(token), now, now),
        )
        if row is None:
            return None
        if now - row["seen_s"] >= SEEN_S:
            with self._db.write() as tx:
                tx.execute("UPDATE session SET seen_s = ? WHERE digest = ?", (now, row["digest"]))
        return Session(_principal(row), row["csrf"])

    def end(self, token: str) -> None:
        """End one session."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM session WHERE digest = ?", (_digest(token),))

    @staticmethod
    def end_all(tx: sqlite3.Connection, name: str) -> None:
        """End every session of a name, in the transaction that changes its rights."""
        tx.execute("DELETE FROM session WHERE name = ?", (name,))

    def purge(self) -> None:
        """Forget what has ended."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM session WHERE expires_s <= ?", (int(self._now_s()),))


def _principal(row: sqlite3.Row) -> Principal:
    pilots = frozenset(json.loads(row["pilots"]))
    return Principal(row["name"], row["role"], pilots, row["city"], row["person"])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
