"""Who may connect, and what each role may say and hear; the same rules for both brokers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vointi_contract.errors import TopicError
from vointi_contract.topics import ROOT, check_id

from ..errors import ConfigError
from ..files import Stamp, stamp
from ..settings import MAX_SLOTS

log = logging.getLogger(__name__)

Role = Literal["edge", "gateway"]

#: What an edge may publish and receive below vointi/1/{pilot}/{shard}/{edge}/. Its pilot is not
#: checked here: the gateway knows which pilot an edge belongs to.
EDGE_WRITES = ("d/+", "b/+", "meta", "state", "clk", "res")
EDGE_READS = ("c/#",)
#: What the gateway may publish and receive; a birth that names who was erased it takes away.
GATEWAY_WRITES = (f"{ROOT}/+/+/+/c/#", f"{ROOT}/+/+/+/meta")
GATEWAY_READS = (f"{ROOT}/+/+/+/#",)

#: What the gateway's sessions add to its name: a broker gives one account one session. The other
#: lane, and the slots (sets of shards) that several gateways share, each with its two lanes.
LANES = ("", "-backlog")
SUFFIXES = tuple(
    f"{slot}{lane}" for slot in ("", *(f"-{n}" for n in range(MAX_SLOTS))) for lane in LANES
)

#: mosquitto's own number; the file lies beside the passwords, so more rounds guard nothing.
_ROUNDS = 101


@dataclass(frozen=True, slots=True)
class User:
    """One account; its name is also its MQTT client id."""

    name: str
    password: str
    role: Role

    def accepts(self, password: str | None) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest((password or "").encode(), self.password.encode())

    @property
    def writes(self) -> tuple[str, ...]:
        """Topic filters that it may publish to."""
        if self.role == "gateway":
            return GATEWAY_WRITES
        return tuple(f"{ROOT}/+/+/{self.name}/{tail}" for tail in EDGE_WRITES)

    @property
    def reads(self) -> tuple[str, ...]:
        """Topic filters that it may receive from."""
        if self.role == "gateway":
            return GATEWAY_READS
        return tuple(f"{ROOT}/+/+/{self.name}/{tail}" for tail in EDGE_READS)


def load_users(path: Path) -> dict[str, User]:
    """Read ``{name: {"password": …, "role": "edge" | "gateway"}}``. Raises ConfigError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(str(path), "", f"cannot be read ({exc.strerror})") from exc
    except ValueError as exc:
        raise ConfigError(path.name, "", f"is not JSON: {exc}") from exc
    if not isinstance(document, dict) or not document:
        raise ConfigError(path.name, "", "must be an object of users, at least one")
    users = {name: _user(name, entry, path.name) for name, entry in document.items()}
    return {s.name: s for user in users.values() for s in _sessions(user)} | users


def _sessions(user: User) -> list[User]:
    """An account for each session of a gateway, with its password; an edge has one."""
    if user.role == "edge":
        return [user]
    return [User(user.name + suffix, user.password, "gateway") for suffix in SUFFIXES]


class UsersFile:
    """Looks whether the file of users has changed, so that passwords rotate without a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._look()

    def changed(self) -> dict[str, User] | None:
        """The users when they changed since the last call; while the file is wrong, as before."""
        found = self._look()
        if found == self._stamp or found is None:
            return None
        self._stamp = found
        try:
            return load_users(self._path)
        except ConfigError as exc:
            log.warning("users: nothing is changed: %s", exc)
            return None

    def _look(self) -> Stamp | None:
        try:
            return stamp(self._path)
        except OSError:
            return None


def _user(name: str, entry: object, where: str) -> User:
    try:
        check_id(name, name)
    except TopicError as exc:
        raise ConfigError(where, "", str(exc)) from exc
    if not isinstance(entry, Mapping) or set(entry) != {"password", "role"}:
        raise ConfigError(where, name, "must have password and role, nothing else")
    password, role = entry["password"], entry["role"]
    if not isinstance(password, str) or not password or "\n" in password:
        raise ConfigError(where, f"{name}.password", "must be one line of text, not empty")
    if role not in ("edge", "gateway"):
        raise ConfigError(where, f"{name}.role", f'{role!r} is no role; use "edge" or "gateway"')
    return User(name, password, role)


def mosquitto_password(user: User) -> str:
    """A line of mosquitto's password file: PBKDF2-SHA512 ("$7$", mosquitto_passwd(1))."""
    salt = os.urandom(12)
    key = hashlib.pbkdf2_hmac("sha512", user.password.encode(), salt, _ROUNDS, 64)
    parts = [base64.b64encode(part).decode() for part in (salt, key)]
    return f"{user.name}:$7${_ROUNDS}${parts[0]}${parts[1]}"


def mosquitto_acl(users: Mapping[str, User]) -> str:
    """The ACL file: every user by name, literally; what is not listed is denied."""
    lines = []
    for user in users.values():
        lines.append(f"user {user.name}")
        lines += [f"topic write {topic}" for topic in user.writes]
        lines += [f"topic read {topic}" for topic in user.reads]
    return "\n".join([*lines, ""])


def matches(topic: str, pattern: str) -> bool:
    """Whether a topic (or a subscription's filter) lies within a pattern of + and a final #."""
    have, allowed = topic.split("/"), pattern.split("/")
    for i, level in enumerate(allowed):
        if level == "#":
            return True
        if i >= len(have) or have[i] == "#" or (level != "+" and have[i] != level):
            return False
    return len(have) == len(allowed)
