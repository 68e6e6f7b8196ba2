"""Leases: which of several edges reads a physical device that all of them can reach."""

from __future__ import annotations

import hmac
import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from vointi_contract.status import Birth

from ..errors import RegistryError, UnknownRecordError
from .audit import AuditLog
from .consent.state import FOREVER
from .database import Database
from .gate import Elsewhere

_LABEL = b"vointi/1/unit"
_COLUMNS = "id, pilot, unit, device, from_us, coalesce(to_us, 1 << 62), ended"


@dataclass(frozen=True, slots=True)
class Lease:
    """One edge's device (edge.device) may read the unit in [from_us, to_us), and no other."""

    id: int
    pilot: str
    unit: str
    device: str
    from_us: int
    to_us: int = FOREVER
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Contest:
    """A unit that more than one device names, or that is held; `devices` by id."""

    pilot: str
    unit: str
    devices: tuple[str, ...]
    held: Lease | None


class Leases:
    """Units and leases in the registry.

    Args:
        registry: the file.
        vault: has the keys that units are named with.
        audit: told of every lease and of who makes one void.
        wall_us: UTC now, µs.

    """

    def __init__(
        self, registry: Database, vault: Database, audit: AuditLog, wall_us: Callable[[], int]
    ) -> None:
        self._registry, self._vault, self._audit = registry, vault, audit
        self._wall_us = wall_us

    def unit_key(self, pilot: str) -> bytes:
        """The key by which a pilot's edges name physical devices.

        It is made from the key of the pilot's pseudonyms, which it does not tell.
        """
        with self._vault.write() as con:
            con.execute(
                "INSERT OR IGNORE INTO pilot_key VALUES (?, ?)", (pilot, secrets.token_bytes(32))
            )
            key = con.execute("SELECT key FROM pilot_key WHERE pilot = ?", (pilot,)).fetchone()[0]
        return hmac.new(key, _LABEL, sha256).digest()

    def announce(self, pilot: str, birth: Birth) -> None:
        """Which units an edge says that it can reach; what it said before is replaced."""
        named = {f"{birth.edge}.{d.device}": d.unit for d in birth.devices if d.unit}
        # "/" is the letter after ".": all devices of the edge, by the index.
        sql = "SELECT * FROM unit WHERE device > ? AND device < ?"
        before = {
            row["device"]: (row["pilot"], row["unit"])
            for row in self._registry.rows(sql, f"{birth.edge}.", f"{birth.edge}/")
        }
        now = {device: (pilot, unit) for device, unit in named.items()}
        if now == before:
            return
        with self._registry.write() as con:
            con.executemany("DELETE FROM unit WHERE device = ?", [(d,) for d in before])
            con.executemany(
                "INSERT INTO unit VALUES (?, ?, ?)", [(d, *where) for d, where in now.items()]
            )

    def contests(self) -> tuple[Contest, ...]:
        """Every unit of which somebody has to decide who reads it."""
        named: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in self._registry.rows("SELECT pilot, unit, device FROM unit ORDER BY device"):
            named[row["pilot"], row["unit"]].append(row["device"])
        held = {(lease.pilot, lease.unit): lease for lease in self._rows("to_us IS NULL")}
        units = sorted({u for u, devices in named.items() if len(devices) > 1} | held.keys())
        return tuple(Contest(*u, tuple(named.get(u, ())), held.get(u)) for u in units)

    def take(self, pilot: str, unit: str, device: str) -> bool:
        """Grant a unit that nobody holds; False when another process was faster."""
        try:
            with self._registry.write() as con:
                con.execute(
                    "INSERT INTO lease (pilot, unit, device, from_us) VALUES (?, ?, ?, ?)",
                    (pilot, unit, device, self._wall_us()),
                )
        except sqlite3.IntegrityError:
            return False
        self._audit.append("lease", "gateway", pilot=pilot, device=device, unit=unit)
        return True

    def end(self, lease: Lease, why: str) -> None:
        """From now on nobody holds the unit."""
        with self._registry.write() as con:
            con.execute(
                "UPDATE lease SET to_us = max(?, from_us), ended = ? "
                "WHERE id = ? AND to_us IS NULL",
                (self._wall_us(), why, lease.id),
            )
        self._audit.append("lease-end", "gateway", pilot=lease.pilot, device=lease.device, why=why)

    def void(self, number: int, *, actor: str) -> Lease:
        """Let a lease never have been: what was kept from the other edges may be replayed.

        Raises UnknownRecordError, and RegistryError for one that is held still.
        """
        found = next(iter(self._rows("id = ?", number)), None)
        if found is None:
            raise UnknownRecordError("lease", f"{number} is not known; see `device leases`")
        if found.to_us == FOREVER:
            raise RegistryError("lease", f"{found.device} holds it now; take the device off there")
        with self._registry.write() as con:
            con.execute("UPDATE lease SET ended = 'void' WHERE id = ?", (number,))
        self._audit.append("lease-void", actor, pilot=found.pilot, device=found.device)
        return found

    def all(self) -> tuple[Lease, ...]:
        """Every lease, by start."""
        return self._rows("1")

    def elsewhere(self) -> Mapping[str, tuple[Elsewhere, ...]]:
        """For each device the times at which another edge had its unit."""
        units = {
            row["device"]: (row["pilot"], row["unit"])
            for row in self._registry.rows("SELECT * FROM unit")
        }
        held: dict[tuple[str, str], list[Lease]] = defaultdict(list)
        for lease in self._rows("ended <> 'void' AND (to_us IS NULL OR to_us > from_us)"):
            held[lease.pilot, lease.unit].append(lease)
        return {
            device: tuple(Elsewhere(x.from_us, x.to_us, x.device) for x in others)
            for device, unit in units.items()
            if (others := [x for x in held.get(unit, ()) if x.device != device])
        }

    def _rows(self, where: str, *values: object) -> tuple[Lease, ...]:
        sql = f"SELECT {_COLUMNS} FROM lease WHERE {where} ORDER BY from_us, id"  # noqa: S608
        return tuple(Lease(*row) for row in self._registry.rows(sql, *values))
