"""GET /api/v1/pilots: who tries what where."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ..config import PilotSettings
from ..fleet import Fleet
from .deps import TheGateway

router = APIRouter(tags=["pilots"])


class PilotOut(BaseModel):
    """One pilot. People are pseudonyms."""

    id: str = Field(examples=["demo-home"])
    name: str = Field(examples=["Home pilot (simulated)"])
    city: str = Field(examples=["Espoo"])
    kind: str = Field(examples=["home"])
    edges: list[str] = Field(examples=[["home-1"]])
    people: list[str] = Field(description="Pseudonyms", examples=[["p-7f3a"]])
    devices: int


@router.get("/pilots", summary="Every pilot", response_model=list[PilotOut])
def pilots(gateway: TheGateway) -> list[PilotOut]:
    """Pilots with their edges, pseudonyms and the number of devices."""
    people: dict[str, list[str]] = {p.id: [] for p in gateway.fleet.pilots}
    for participant in gateway.registry.people.all():
        people.setdefault(participant.pilot, []).append(participant.person)
    return [_pilot(p, gateway.fleet, people[p.id]) for p in gateway.fleet.pilots]


def _pilot(pilot: PilotSettings, fleet: Fleet, people: list[str]) -> PilotOut:
    devices = [d for view in fleet.edges() if view.pilot == pilot.id for d in view.devices]
    return PilotOut(
        id=pilot.id,
        name=pilot.name,
        city=pilot.city,
        kind=pilot.kind,
        edges=list(pilot.edges),
        people=people,
        devices=len(devices),
    )
