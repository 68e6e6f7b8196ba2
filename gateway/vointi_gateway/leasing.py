"""Decides which edge reads a device that several can reach, and when another one may.

A unit that nobody holds may be looked for by every edge that names it: a strap takes one link, so
that the radio decides, and of several edges that hear an advertisement the nearest gets it. Who has
it is granted the lease at once; the others' policies pause the device and they let go of it. The
lease ends when its holder has been silent for SILENT_S, offline or without the device, and whoever
has it next is granted the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from .fleet import EdgeView, Fleet
from .pilots.leases import Contest, Leases

#: An edge that restarts, or a strap out of reach for a moment, keeps its lease.
SILENT_S: Final = 60.0
_LIVE: Final = frozenset({"connected", "advertising"})
_UNHEARD_DBM: Final = -128


@dataclass(frozen=True, slots=True)
class Claim:
    """One device that names the unit: whether its edge has it now, how near, and is ours."""

    device: str
    live: bool
    rssi_dbm: int = _UNHEARD_DBM
    mine: bool = True


def taker(claims: Sequence[Claim]) -> str | None:
    """Who should get a unit that nobody holds: who has it, of several the nearest."""
    live = [claim for claim in claims if claim.live and claim.mine]
    return max(live, key=lambda c: (c.rssi_dbm, c.device)).device if live else None


class Leasing:
    """Looks at what edges say of their links, and grants and ends leases.

    Args:
        leases: in the registry.
        fleet: what edges said.
        mine: whether an edge reports to this gateway.
        now_s: a clock that is never set.
        silent_s: how long a holder may be silent.

    """

    def __init__(
        self,
        leases: Leases,
        fleet: Fleet,
        mine: Callable[[str], bool],
        now_s: Callable[[], float] = time.monotonic,
        silent_s: float = SILENT_S,
    ) -> None:
        self._leases, self._fleet, self._mine, self._now_s = leases, fleet, mine, now_s
        self._silent_s = silent_s
        self._contests: tuple[Contest, ...] = ()
        self._heard_s: dict[int, float] = {}

    def refresh(self) -> None:
        """Read anew who names what, and who holds what."""
        self._contests = self._leases.contests()
        held = {contest.held.id for contest in self._contests if contest.held}
        now_s = self._now_s()
        self._heard_s = {number: self._heard_s.get(number, now_s) for number in held}

    def step(self) -> None:
        """One look at every unit that is held, or that several name."""
        for contest in self._contests:
            claims = [self._claim(contest.pilot, device) for device in contest.devices]
            if contest.held is None:
                found = taker(claims)
                if found is not None:
                    self._leases.take(contest.pilot, contest.unit, found)
            else:
                self._watch(contest, claims)

    def _watch(self, contest: Contest, claims: Sequence[Claim]) -> None:
        lease = contest.held
        assert lease is not None  # noqa: S101 - the caller looked
        edge = lease.device.partition(".")[0]
        if self._fleet.edge(edge) is not None and not self._mine(edge):
            return
        now_s = self._now_s()
        if any(claim.live and claim.device == lease.device for claim in claims):
            self._heard_s[lease.id] = now_s
        elif now_s - self._heard_s.get(lease.id, now_s) >= self._silent_s:
            self._leases.end(lease, "silent")

    def _claim(self, pilot: str, device: str) -> Claim:
        edge, _, name = device.partition(".")
        view = self._fleet.edge(edge)
        if view is None or view.pilot != pilot:
            return Claim(device, live=False)
        return _claim(view, device, name, self._mine(edge))


def _claim(view: EdgeView, device: str, name: str, mine: bool) -> Claim:
    status = view.device_status(name)
    live = view.online and status is not None and status.link in _LIVE
    heard = status.rssi_dbm if status is not None else None
    return Claim(device, live, _UNHEARD_DBM if heard is None else heard, mine)
