"""The collection policy of each edge: derived from loans and consents, versioned, signed."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from vointi_contract.command import CommandResult
from vointi_contract.policy import (
    EVERY_STREAM,
    MAX_FORGOTTEN,
    CollectionPolicy,
    PolicyEntry,
    mark_of,
    sign_policy,
)
from vointi_contract.status import Birth, DeviceInfo
from vointi_contract.topics import EdgeTopics

from .audit import AuditLog
from .consent.state import FOREVER, Status
from .database import Database
from .gate import Gate, Loan, Rules
from .keys import SigningKey


@dataclass(frozen=True, slots=True)
class SentPolicy:
    """What an edge was last sent, and the version that it confirmed; `issued_us` is UTC µs."""

    edge: str
    version: int
    issued_us: int
    confirmed: int
    answer: str


class Policies:
    """Policies in the registry.

    Args:
        registry: the file.
        key: signs.
        audit: told of every version that is signed.
        wall_us: UTC now, µs.
        unit_key: by which a pilot's edges name physical devices.
        erased: (pilot, person) of everybody who was.

    """

    def __init__(
        self,
        registry: Database,
        key: SigningKey,
        audit: AuditLog,
        wall_us: Callable[[], int],
        *,
        unit_key: Callable[[str], bytes],
        erased: Callable[[], Collection[tuple[str, str]]] = frozenset,
    ) -> None:
        self._registry, self._key, self._audit = registry, key, audit
        self._wall_us, self._unit_key, self._erased = wall_us, unit_key, erased

    def current(self, pilot: str, birth: Birth, gate: Gate) -> tuple[str, bytes, bool]:
        """Topic and signed payload of what holds now, and whether it is a new version."""
        now_us = self._wall_us()
        entries = entries_for(pilot, birth, gate, now_us)
        unit_key = self._unit_key(pilot)
        gone = sorted(mark_of(unit_key, who) for where, who in self._erased() if where == pilot)
        gone = gone[:MAX_FORGOTTEN]
        told = {"unit_key": unit_key.hex(), "entries": [entry.as_dict() for entry in entries]}
        told |= {"forgotten": gone} if gone else {}
        body = json.dumps(told, sort_keys=True)
        version, issued_us, new = self._version(birth.edge, body, now_us)
        policy = CollectionPolicy(
            birth.edge, pilot, version, issued_us, entries, unit_key, tuple(gone)
        )
        if new:
            self._audit.append("policy", "gateway", pilot=pilot, edge=birth.edge, version=version)
        topic = EdgeTopics(pilot, birth.edge).policy
        return topic, sign_policy(policy, self._key.private), new

    def answered(self, result: CommandResult) -> None:
        """An edge has taken or refused a version."""
        if result.kind != "policy":
            return
        confirmed = result.number if result.outcome == "done" else 0
        answer = json.dumps({"outcome": result.outcome, "reason": result.reason})
        with self._registry.write() as con:
            con.execute(
                "UPDATE policy SET confirmed = max(confirmed, ?), answer = ? WHERE edge = ?",
                (confirmed, answer, result.edge),
            )

    def sent(self) -> tuple[SentPolicy, ...]:
        """What every edge was sent."""
        rows = self._registry.rows(
            "SELECT edge, version, issued_us, confirmed, answer FROM policy ORDER BY edge"
        )
        return tuple(SentPolicy(*row) for row in rows)

    def _version(self, edge: str, body: str, now_us: int) -> tuple[int, int, bool]:
        with self._registry.write() as con:
            row = con.execute("SELECT * FROM policy WHERE edge = ?", (edge,)).fetchone()
            if row is not None and row["body"] == body:
                return row["version"], row["issued_us"], False
            version = 1 if row is None else row["version"] + 1
            con.execute(
                "INSERT INTO policy (edge, version, body, issued_us) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (edge) DO UPDATE SET version = excluded.version, "
                "body = excluded.body, issued_us = excluded.issued_us",
                (edge, version, body, now_us),
            )
        return version, now_us, True


def entries_for(pilot: str, birth: Birth, gate: Gate, now_us: int) -> tuple[PolicyEntry, ...]:
    """What is agreed of every device of an edge, at `now_us`."""
    found = (_entry(pilot, birth.edge, info, gate, now_us) for info in birth.devices)
    kept = (_unless_elsewhere(birth.edge, entry, gate) for entry in found if entry is not None)
    return tuple(sorted(kept, key=lambda e: e.device))


def _unless_elsewhere(edge: str, entry: PolicyEntry, gate: Gate) -> PolicyEntry:
    if not gate.held_elsewhere(f"{edge}.{entry.device}"):
        return entry
    return replace(entry, paused=True, elsewhere=True)


def _entry(pilot: str, edge: str, info: DeviceInfo, gate: Gate, now_us: int) -> PolicyEntry | None:
    device = f"{edge}.{info.device}"
    rules = gate.rules.get(pilot, Rules({}))
    loan = _last_loan(gate, device, pilot)
    if loan is not None:
        return _lent(info, loan, gate, now_us)
    if device in gate.rooms:
        return _named(info, _metrics(rules, frozenset(rules.purposes), info), paused=False)
    free = rules.simulated and device not in gate.loans
    return PolicyEntry(info.device, EVERY_STREAM) if free else None


def _last_loan(gate: Gate, device: str, pilot: str) -> Loan | None:
    mine = [loan for loan in gate.loans.get(device, ()) if loan.pilot == pilot]
    return mine[-1] if mine else None


def _lent(info: DeviceInfo, loan: Loan, gate: Gate, now_us: int) -> PolicyEntry | None:
    """A device that came back is paused: what was collected in time may still be sent."""
    states = gate.consents.get((loan.pilot, loan.person), {})
    live = frozenset(p for p, state in states.items() if state.live(now_us))
    given = any(states[p].status is Status.GIVEN for p in live)
    out = loan.to_us == FOREVER or now_us < loan.to_us
    metrics = _metrics(gate.rules[loan.pilot], live, info)
    return _named(info, metrics, paused=not (given and out))


def _metrics(rules: Rules, purposes: frozenset[str], info: DeviceInfo) -> frozenset[str]:
    every = frozenset(metric for stream in info.streams for metric in stream.metrics)
    return frozenset(m for p in purposes for m in rules.of(p, every))


def _named(info: DeviceInfo, metrics: frozenset[str], *, paused: bool) -> PolicyEntry | None:
    streams = tuple(s.stream for s in info.streams if metrics & set(s.metrics))
    if not streams:
        return None
    every = len(streams) == len(info.streams)
    return PolicyEntry(info.device, EVERY_STREAM if every else streams, paused=paused)
