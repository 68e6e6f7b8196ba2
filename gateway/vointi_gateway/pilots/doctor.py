"""Looking for what is wrong before somebody else finds it: one finding a line, with the fix."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vointi_contract.signing import read_public_keys

from ..errors import AuditError
from . import audit
from .consent.state import FOREVER
from .mounts import MOUNTS, NETWORK, file_system
from .registry import Registry

#: Less than this and a day's waveforms of one pilot no longer fit.
_FREE_BYTES = 2 << 30
#: A policy that an edge has not confirmed for a day did not reach it.
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is well, and what to do if not."""

    what: str
    ok: bool
    say: str


def examine(registry: Registry) -> Iterator[Finding]:
    """Every check, one after the other."""
    yield _audit(registry)
    yield _integrity(registry)
    yield _space(registry)
    yield _place(registry.folder)
    yield from _pilots(registry)
    yield from _loans(registry)
    yield from _policies(registry)
    yield _erasures(registry)


def _audit(registry: Registry) -> Finding:
    try:
        (key,) = read_public_keys(registry.key.public_text)
        rows = audit.verify(registry.audit.path, key)
    except AuditError as exc:
        return Finding("audit log", False, f"{exc}; compare it with a copied head")
    return Finding("audit log", True, f"{rows} rows, unbroken")


def _integrity(registry: Registry) -> Finding:
    for database in (registry.database, registry.vault):
        row = database.row("PRAGMA integrity_check")
        if row is None or row[0] != "ok":
            name = database.path.name
            return Finding("databases", False, f"{name} is damaged; restore a backup")
    return Finding("databases", True, "whole")


def _space(registry: Registry) -> Finding:
    free = shutil.disk_usage(registry.folder).free
    say = f"{free / 2**30:.1f} GiB free"
    return Finding("disk", free >= _FREE_BYTES, say if free >= _FREE_BYTES else f"{say}; make room")


def _place(folder: Path, mounts: Path = MOUNTS) -> Finding:
    """Whether all who open the registry share the memory that SQLite's log counts on."""
    kind = file_system(folder, mounts)
    if kind.partition(".")[2] in NETWORK or kind in NETWORK:
        say = (
            f"data_dir is on {kind}, where the registry can be damaged; use a disk of this machine"
        )
        return Finding("place", False, say)
    say = f"data_dir is on this machine ({kind})" if kind else "cannot be told here"
    return Finding("place", True, say)


def _pilots(registry: Registry) -> Iterator[Finding]:
    for pilot in registry.pilots.all():
        if pilot.people == "real" and not pilot.dpia:
            say = "names no impact assessment; nobody can agree until pilot.dpia is set"
            yield Finding(f"pilot {pilot.id}", False, say)
        elif pilot.people == "real" and not pilot.collect:
            say = "lists nothing to collect; add pilot.collect, or all of a device is meant"
            yield Finding(f"pilot {pilot.id}", False, say)
        else:
            yield Finding(f"pilot {pilot.id}", True, f"{len(pilot.edges)} edges")


def _loans(registry: Registry) -> Iterator[Finding]:
    states, now_us = registry.consents.states(), registry.wall_us()
    for loan in registry.lending.loans():
        agreed = states.get((loan.pilot, loan.person), {}).values()
        if loan.to_us == FOREVER and not any(state.live(now_us) for state in agreed):
            say = f"is with {loan.person}, who agrees to nothing; fetch it back"
            yield Finding(f"device {loan.device}", False, say)


def _policies(registry: Registry) -> Iterator[Finding]:
    now_us = registry.wall_us()
    for sent in registry.policies.sent():
        late = sent.confirmed < sent.version and now_us - sent.issued_us > _DAY_US
        if late or "refused" in sent.answer:
            say = f"has not taken policy {sent.version}; {sent.answer or 'look whether it is on'}"
            yield Finding(f"edge {sent.edge}", False, say)


def _erasures(registry: Registry) -> Finding:
    rows = registry.database.rows("SELECT id, state FROM erasure WHERE state != 'done'")
    if rows:
        names = ", ".join(f"{row['id']} ({row['state']})" for row in rows)
        return Finding("erasures", False, f"not finished: {names}; is the gateway running?")
    return Finding("erasures", True, "none open")
