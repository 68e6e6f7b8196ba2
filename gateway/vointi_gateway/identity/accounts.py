"""Staff: one account a person, a password (argon2id) and a second factor, always both."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from . import totp
from .audit import Audit
from .database import Database
from .errors import ConflictError, IdentityError, SignInError, UnknownError
from .sessions import ROLES, Principal, Role, Sessions
from .throttle import Throttle

#: Length is what counts against guessing; the longest keeps hashing cheap.
PASSWORD_LENGTHS = (12, 256)
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
_FAILED = "name, password or code is not right"


@dataclass(frozen=True, slots=True)
class Account:
    """One account as a list shows it."""

    name: str
    role: Role
    pilots: tuple[str, ...]
    city: str
    enabled: bool


class Accounts:
    """The accounts in the database.

    Args:
        database: opened.
        sessions: where a sign-in leads.
        throttle: bears failures, up to a point.
        audit: told of everything.
        now_s: UTC seconds.
        hasher: argon2id; its defaults are RFC 9106's second choice.

    """

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        throttle: Throttle,
        audit: Audit,
        now_s: Callable[[], float],
        *,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._db, self._sessions, self._throttle = database, sessions, throttle
        self._audit, self._now_s = audit, now_s
        self._hasher = hasher or PasswordHasher()

    def add(
        self, name: str, role: str, password: str, *, pilots: Sequence[str] = (), city: str = ""
    ) -> str:
        """Make an account; the secret of its second factor, shown once. Raises IdentityError."""
        checked = _check(name, role, pilots, city)
        _check_password(password)
        secret = totp.new_secret()
        hashed = self._hasher.hash(password)
        values = (name, checked, json.dumps(sorted(pilots)), city, hashed, secret)
        with self._db.write() as tx:
            if tx.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                raise ConflictError("name", f"{name} has an account already; change that one")
            tx.execute(
                "INSERT INTO account (name, role, pilots, city, password, totp)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
        self._audit.record("account.add", "command", f"{name} {role}")
        return secret

    def sign_in(self, name: str, password: str, given: str, address: str) -> str:
        """Begin a session; the cookie. Raises SignInError, TooManyError."""
        self._throttle.check(name, address)
        row = self._db.row("SELECT * FROM account WHERE name = ? AND disabled_s IS NULL", name)
        right = self._verify(row["password"] if row else self._nobody, password)
        step = self._take_code(row, given) if row and right else None
        if row is None or step is None:
            self._throttle.failed(name, address)
            self._audit.record("sign-in", name, address, "failed")
            raise SignInError("", _FAILED)
        self._throttle.succeeded(name, address)
        self._audit.record("sign-in", name, address)
        return self._sessions.start(_principal(row))

    def set_role(self, name: str, role: str, pilots: Sequence[str] = (), city: str = "") -> None:
        """Give other rights; every session of the account ends. Raises IdentityError."""
        checked = _check(name, role, pilots, city)
        change = "role = ?, pilots = ?, city = ?"
        self._change(name, change, checked, json.dumps(sorted(pilots)), city)
        self._audit.record("account.role", "command", f"{name} {role}")

    def set_password(self, name: str, password: str) -> str:
        """A new password and second factor; the factor's secret. Raises IdentityError."""
        _check_password(password)
        secret = totp.new_secret()
        change = "password = ?, totp = ?, totp_step = 0"
        self._change(name, change, self._hasher.hash(password), secret)
        self._audit.record("account.password", "command", name)
        return secret

    def disable(self, name: str) -> None:
        """Let nobody in under this name any more. Raises IdentityError."""
        self._change(name, "disabled_s = ?", int(self._now_s()))
        self._audit.record("account.disable", "command", name)

    def list(self) -> list[Account]:
        """Every account, by name."""
        rows = self._db.rows("SELECT * FROM account ORDER BY name")
        return [
            Account(
                *(r["name"], r["role"], tuple(json.loads(r["pilots"]))),
                *(r["city"], r["disabled_s"] is None),
            )
            for r in rows
        ]

    @cached_property
    def _nobody(self) -> str:
        """A name that does not exist must take as long as one that does."""
        return self._hasher.hash("nobody")

    def _change(self, name: str, assignments: str, *values: object) -> None:
        with self._db.write() as tx:
            # `assignments` is a constant of this module; values are bound.
            sql = f"UPDATE account SET {assignments} WHERE name = ?"  # noqa: S608
            if tx.execute(sql, (*values, name)).rowcount == 0:
                raise UnknownError("name", f"{name} has no account; `account list` shows all")
            Sessions.end_all(tx, name)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password[: PASSWORD_LENGTHS[1] + 1])
        except VerificationError:
            return False

    def _take_code(self, row: sqlite3.Row, given: str) -> int | None:
        """The code's step, which is then used up, also by a second request at the same moment."""
        step = totp.matching_step(row["totp"], given.strip(), self._now_s(), row["totp_step"])
        if step is None:
            return None
        with self._db.write() as tx:
            taken = tx.execute(
                "UPDATE account SET totp_step = ? WHERE name = ? AND totp_step < ?",
                (step, row["name"], step),
            )
            return step if taken.rowcount else None


def _principal(row: sqlite3.Row) -> Principal:
    return Principal(row["name"], row["role"], frozenset(json.loads(row["pilots"])), row["city"])


def _check(name: str, role: str, pilots: Sequence[str], city: str) -> Role:
    if not _NAME.fullmatch(name):
        raise IdentityError("name", f"{name!r} must match [a-z0-9][a-z0-9._@-]*, at most 63")
    if role not in ROLES or role == "resident":
        raise IdentityError("role", f"{role!r} is none; use company, city, care or operator")
    if (role in ("company", "care")) != bool(pilots):
        raise IdentityError("pilot", "company and care see named pilots; others name none")
    if (role == "city") != bool(city):
        raise IdentityError("city", "a city account names its city; others name none")
    return next(known for known in ROLES if known == role)


def _check_password(password: str) -> None:
    shortest, longest = PASSWORD_LENGTHS
    if not shortest <= len(password) <= longest:
        raise IdentityError("password", f"must have {shortest} to {longest} characters")
