"""Residents: a link or QR code that works once, and a short code that reaches them another way."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from vointi_contract.errors import TopicError
from vointi_contract.topics import check_id

from .audit import Audit
from .database import Database
from .errors import IdentityError, SignInError
from .sessions import Principal, Sessions
from .throttle import Throttle

#: A letter takes days.
LIFE_S = 14 * 86_400
#: Wrong codes that one link bears: one chance in 200,000 to guess right.
TRIES = 5
_FAILED = "link or code is not right (any more); ask for a new one"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a resident gets, shown once: the path of the link, and the code for it."""

    path: str
    code: str
    expires_s: int


class Invitations:
    """The invitations in the database; arguments as of Accounts."""

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        throttle: Throttle,
        audit: Audit,
        now_s: Callable[[], float],
    ) -> None:
        self._db, self._sessions, self._throttle = database, sessions, throttle
        self._audit, self._now_s = audit, now_s

    def invite(self, person: str, pilot: str, by: str) -> Invitation:
        """A link for a pseudonym of a pilot; an earlier unused one ends. Raises IdentityError."""
        for value, field in ((person, "person"), (pilot, "pilot")):
            try:
                check_id(value, field)
            except TopicError as exc:
                raise IdentityError(exc.field, exc.fix) from exc
        token, number = secrets.token_urlsafe(20), f"{secrets.randbelow(1_000_000):06d}"
        expires_s = int(self._now_s()) + LIFE_S
        values = (_digest(token), person, pilot, _digest(token, number), expires_s, TRIES)
        with self._db.write() as tx:
            tx.execute("DELETE FROM invitation WHERE person = ? AND pilot = ?", (person, pilot))
            tx.execute(
                "INSERT INTO invitation (digest, person, pilot, code, expires_s, tries_left)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
        self._audit.record("resident.invite", by, person)
        return Invitation(f"/welcome/{token}", number, expires_s)

    def accept(self, token: str, number: str, address: str) -> str:
        """Begin a resident's session; the cookie. Raises SignInError, TooManyError."""
        # By link: failures with one must not keep the owner of another out.
        name = f"link:{_digest(token).hex()}"
        self._throttle.check(name, address)
        with self._db.write() as tx:
            row = self._use(tx, token, number)
        if row is None:
            self._throttle.failed(name, address)
            self._audit.record("resident.accept", "?", address, "failed")
            raise SignInError("", _FAILED)
        self._audit.record("resident.accept", row["person"], address)
        name = f"resident:{row['pilot']}:{row['person']}"
        pilots = frozenset({row["pilot"]})
        return self._sessions.start(Principal(name, "resident", pilots, "", row["person"]))

    def _use(self, tx: sqlite3.Connection, token: str, number: str) -> sqlite3.Row | None:
        digest = _digest(token)
        row: sqlite3.Row | None = tx.execute(
            "SELECT * FROM invitation WHERE digest = ? AND used_s IS NULL"
            " AND expires_s > ? AND tries_left > 0",
            (digest, int(self._now_s())),
        ).fetchone()
        if row is None:
            return None
        right = hmac.compare_digest(row["code"], _digest(token, number.strip()))
        change = "used_s = ?" if right else "tries_left = tries_left - ?"
        value = int(self._now_s()) if right else 1
        # `change` is one of the two constants above.
        sql = f"UPDATE invitation SET {change} WHERE digest = ?"  # noqa: S608
        tx.execute(sql, (value, digest))
        return row if right else None


def _digest(token: str, number: str = "") -> bytes:
    """Of the token alone it finds the row; with the code it proves it: the token is the salt."""
    return hashlib.sha256(f"{token}\n{number}".encode()).digest()
