"""A gateway in this process, without a broker, and people of every role who ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from gateway_kit import EDGE, OTHER_EDGE, OTHER_PILOT, PILOT, T0_US, birth, hr_frame, state
from identity_kit import settings
from vointi_gateway.api.door import COOKIE
from vointi_gateway.app import create_app
from vointi_gateway.gateway import Gateway
from vointi_gateway.identity import totp
from vointi_gateway.store.model import Commit, Counts, StoredReading

PASSWORD = "correct horse battery"
#: As little work as argon2 does: the tests measure rights, not hashing.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ROLES = ("anonymous", "company", "city", "care", "operator", "resident")
PERSON = "p-7f3a"


@dataclass
class House:
    """A gateway with two pilots that know nothing of each other, and a set clock."""

    gateway: Gateway
    app: FastAPI
    clock: list[int]
    secrets: dict[str, str]

    def ask(self, method: str, path: str, cookie: str = "", **options: Any) -> httpx.Response:
        headers = {"X-CSRF-Token": self.csrf(cookie)} if cookie else {}
        headers |= options.pop("headers", {})
        cookies = {COOKIE: cookie} if cookie else {}
        where = options.pop("address", "192.0.2.1")

        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(where, 1), raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="https://gw.test", cookies=cookies
            ) as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(once())

    def chores(self) -> None:
        """Do what was asked for, as the gateway's own threads do; once a house."""
        self.gateway.ingest.writer.start()
        self.gateway._chores.once()

    def csrf(self, cookie: str) -> str:
        session = self.gateway.identity.sessions.find(cookie)
        return session.csrf if session else ""

    def code(self, name: str, steps: int = 0) -> str:
        return totp.code(self.secrets[name], self.clock[0] // 30_000_000 + steps)

    def sign_in(self, name: str, **changes: str) -> httpx.Response:
        self.clock[0] += 30_000_000
        where = changes.pop("address", "192.0.2.1")
        body = {"name": name, "password": PASSWORD, "code": self.code(name)} | changes
        return self.ask("POST", "/api/v1/session", json=body, address=where)

    def cookie(self, role: str) -> str:
        """The cookie of somebody of this role; of company and care, of the first pilot."""
        if role == "anonymous":
            return ""
        identity = self.gateway.identity
        if role == "resident":
            made = identity.invitations.invite(PERSON, PILOT, "test")
            return identity.invitations.accept(made.path.rpartition("/")[2], made.code, "here")
        return self.sign_in(role).cookies[COOKIE]

    def add(self, name: str, role: str, pilot: str = "", city: str = "") -> None:
        pilots = [pilot] if pilot else []
        accounts = self.gateway.identity.accounts
        self.secrets[name] = accounts.add(name, role, PASSWORD, pilots=pilots, city=city)


@contextmanager
def house(folder: Path, **changes: Any) -> Iterator[House]:
    clock = [T0_US]
    gateway = Gateway(settings(folder, **({"auth": "accounts"} | changes)), lambda: clock[0])
    gateway.open()
    try:
        _fill(gateway)
        made = House(gateway, create_app(gateway), clock, {})
        gateway.identity.accounts._hasher = CHEAP
        made.add("company", "company", PILOT)
        made.add("rival", "company", OTHER_PILOT)
        made.add("care", "care", PILOT)
        made.add("city", "city", city="Espoo")
        made.add("operator", "operator")
        yield made
    finally:
        gateway.ingest.writer.stop()
        gateway.close()


def _fill(gateway: Gateway) -> None:
    for edge, pilot in ((EDGE, PILOT), (OTHER_EDGE, OTHER_PILOT)):
        gateway.fleet.born(birth(edge))
        gateway.fleet.state(state(edge))
        gateway.steward.born(birth(edge))
        purposes = frozenset({"care", "evaluation"})
        reading = StoredReading(pilot, edge, hr_frame(1), T0_US, PERSON, purposes)
        tally = {edge: Counts(1, 1)}
        gateway.store.commit(
            Commit((reading,), (), (), tally, {edge: birth(edge).to_json().decode()})
        )
        gateway.ingest.writer.counts.update(tally)
