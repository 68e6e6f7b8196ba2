"""What a principal sees: which pilots, which devices, whose names, which live events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from vointi_contract.status import DeviceInfo

from ..fleet import EdgeView, Fleet
from ..identity.sessions import LOCAL, Principal, Session
from ..live import Event
from ..pilots.gate import Gate, Loan
from ..settings import PilotSettings
from .asker import Asker
from .deps import TheGateway


class Sight:
    """One principal's view of everything. A foreign thing looks like one that does not exist.

    Args:
        principal: who asks.
        fleet: every pilot, edge and device.
        gate: who wore which device when.

    """

    def __init__(self, principal: Principal, fleet: Fleet, gate: Gate) -> None:
        self.principal, self._fleet, self._gate = principal, fleet, gate
        self.everything = principal.role == "operator"

    def pilots(self) -> Sequence[PilotSettings]:
        """The pilots that are this principal's."""
        return [p for p in self._fleet.pilots if self.pilot(p)]

    def pilot(self, pilot: PilotSettings) -> bool:
        """Whether it is this principal's pilot."""
        if self.principal.role == "city":
            return pilot.city == self.principal.city
        return self.everything or pilot.id in self.principal.pilots

    def edges(self) -> list[EdgeView]:
        """The edges of these pilots."""
        mine = {p.id for p in self.pilots()}
        return [view for view in self._fleet.edges() if view.pilot in mine]

    def lists(self, view: EdgeView) -> bool:
        """Whether an edge of a visible pilot is named: to a resident only their own."""
        if self.principal.role != "resident":
            return True
        return any(self.device(view, info) for info in view.devices)

    def device(self, view: EdgeView, info: DeviceInfo) -> bool:
        """Whether a device of a visible edge is this principal's: a resident's, if ever worn."""
        if self.principal.role != "resident":
            return True
        loans = self._gate.loans.get(f"{view.edge}.{info.device}", ())
        return any(self._mine(loan, self.principal.pilots) for loan in loans)

    def device_id(self, device: str) -> bool:
        """The same by global id; unknown devices are the operator's alone."""
        if self.everything:
            return True
        edge, _, name = device.partition(".")
        view = next((view for view in self.edges() if view.edge == edge), None)
        if view is None:
            return False
        return any(self.device(view, info) for info in view.devices if info.device == name)

    def person(self, person: str | None) -> str | None:
        """A pseudonym as this principal may see it: a resident their own, a city none."""
        if self.principal.role == "resident" and person != self.principal.person:
            return None
        return None if self.principal.role == "city" else person

    def gate(self) -> Gate:
        """The gate with those loans alone that are this principal's to see."""
        if self.everything:
            return self._gate
        pilots = {p.id for p in self.pilots()}
        loans = {
            device: tuple(loan for loan in every if self._mine(loan, pilots))
            for device, every in self._gate.loans.items()
        }
        return replace(self._gate, loans=loans)

    def event(self, event: Event) -> bool:
        """Whether a live event is for this principal."""
        if self.everything:
            return True
        # The counts are of all pilots together.
        if event.name == "health" or not any(p.id == event.pilot for p in self.pilots()):
            return False
        if self.principal.role != "resident":
            return True
        # Link states list every device of a home, whoever wears it.
        return event.name == "reading" and event.person == self.principal.person

    def _mine(self, loan: Loan, pilots: Collection[str]) -> bool:
        if loan.pilot not in pilots:
            return False
        return self.principal.role != "resident" or loan.person == self.principal.person


def principal_of(request: Request) -> Principal:
    """Who asks; the door has made sure that there is somebody."""
    session: Session | None = getattr(request.state, "session", None)
    # Without a door (a page served alone, in tests) there is nothing to guard either.
    return session.principal if session is not None else LOCAL


def asker_of(request: Request) -> Asker:
    """Who asks, as consent wants to know it."""
    principal = principal_of(request)
    pilots: frozenset[str] | None = principal.pilots
    if principal.role == "operator":
        pilots = None
    elif principal.role == "city":
        every = request.app.state.gateway.fleet.pilots
        pilots = frozenset(p.id for p in every if p.city == principal.city)
    return Asker(principal.name, principal.role, pilots, principal.person or None)


def _sight(request: Request, gateway: TheGateway) -> Sight:
    return Sight(principal_of(request), gateway.fleet, gateway.steward.gate())


#: What the one who asks may see, as a parameter of a route.
TheSight = Annotated[Sight, Depends(_sight)]
