"""Who receives which set of shards: leases that are rows, and end by the database's clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .connection import Link


@dataclass(frozen=True, slots=True)
class Step:
    """What one look at the leases changed: slot → epoch for what is held, and what is too many."""

    held: dict[int, int]
    lost: frozenset[int]
    taken: frozenset[int]
    surplus: frozenset[int]


class Slots:
    """One gateway's leases. Used by one thread.

    Args:
        link: the database, opened by whoever uses this.
        holder: this process and no other, not even the same one started again.
        slots: how many sets of shards there are; the same number in every gateway.
        lease_s: how long a silent holder keeps its leases.

    """

    def __init__(self, link: Link, holder: str, slots: int, lease_s: float) -> None:
        self._link, self.holder, self._slots, self._lease_s = link, holder, slots, lease_s
        self._held: dict[int, int] = {}

    def prepare(self) -> None:
        """Make the rows of slots that are new."""
        self._link.run(
            "INSERT INTO slot SELECT n, '', 0, '-infinity' FROM generate_series(0, "
            "CAST(:last AS integer)) AS n ON CONFLICT (slot) DO NOTHING",
            last=self._slots - 1,
        )

    def step(self) -> Step:
        """Renew what is held, take what is free up to the fair share, name what is too many."""
        with self._link.transaction():
            fair = math.ceil(self._slots / self._alive())
            renewed = self._renew()
            lost = frozenset(self._held) - frozenset(renewed)
            taken = self._take(fair - len(renewed))
        self._held = renewed | taken
        surplus = frozenset(sorted(self._held)[fair:])
        return Step(dict(self._held), lost, frozenset(taken), surplus)

    def release(self, slot: int) -> None:
        """Give one back, once nothing of it is received any more."""
        self._link.run(
            "UPDATE slot SET until = '-infinity' WHERE slot = :slot AND holder = :me",
            slot=slot,
            me=self.holder,
        )
        self._held.pop(slot, None)

    def leave(self) -> None:
        """Give everything back."""
        for slot in tuple(self._held):
            self.release(slot)
        self._link.run("DELETE FROM worker WHERE name = :me", me=self.holder)

    def _alive(self) -> int:
        self._link.run(
            "INSERT INTO worker VALUES (:me, clock_timestamp() + CAST(:lease AS interval)) "
            "ON CONFLICT (name) DO UPDATE SET until = excluded.until",
            me=self.holder,
            lease=f"{self._lease_s} seconds",
        )
        self._link.run("DELETE FROM worker WHERE until < clock_timestamp()")
        return int(self._link.run("SELECT count(*) FROM worker")[0][0])

    def _renew(self) -> dict[int, int]:
        # In the order in which a commit locks them: two orders would wait for each other.
        rows = self._link.run(
            "SELECT slot, epoch FROM slot WHERE holder = :me ORDER BY slot FOR UPDATE",
            me=self.holder,
        )
        found = {int(slot): int(epoch) for slot, epoch in rows}
        mine = {slot: epoch for slot, epoch in self._held.items() if found.get(slot) == epoch}
        self._extend(list(mine))
        return mine

    def _take(self, wanted: int) -> dict[int, int]:
        if wanted <= 0:
            return {}
        rows = self._link.run(
            "SELECT slot FROM slot WHERE until < clock_timestamp() AND slot < :slots "
            "ORDER BY slot LIMIT :wanted FOR UPDATE SKIP LOCKED",
            slots=self._slots,
            wanted=wanted,
        )
        free = [int(slot) for (slot,) in rows]
        rows = self._link.run(
            "UPDATE slot SET holder = :me, epoch = epoch + 1 "
            "WHERE slot = ANY(CAST(:free AS integer[])) RETURNING slot, epoch",
            me=self.holder,
            free=free,
        )
        self._extend(free)
        return {int(slot): int(epoch) for slot, epoch in rows}

    def _extend(self, slots: list[int]) -> None:
        self._link.run(
            "UPDATE slot SET until = clock_timestamp() + CAST(:lease AS interval) "
            "WHERE slot = ANY(CAST(:slots AS integer[]))",
            lease=f"{self._lease_s} seconds",
            slots=slots,
        )
