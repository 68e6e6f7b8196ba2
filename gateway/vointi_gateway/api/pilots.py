"""GET /api/v1/pilots: who tries what where."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from ..fleet import Fleet
from ..pilots.document import as_table, from_table, schema
from ..settings import PilotSettings
from .asker import TheAsker
from .deps import REFUSALS, PilotId, TheGateway
from .sight import Sight, TheSight

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


@router.get("/pilots/schema", summary="The JSON schema of a pilot's portable file")
def pilot_schema() -> dict[str, Any]:
    """JSON schema, draft 2020-12."""
    return schema()


@router.get("/pilots/{pilot}", summary="One pilot as its portable file", responses=REFUSALS)
def pilot_document(gateway: TheGateway, asker: TheAsker, pilot: PilotId) -> dict[str, Any]:
    """Everything about a pilot that another city needs, and no person."""
    asker.must_see(pilot)
    return as_table(gateway.registry.pilots.get(pilot))


@router.post("/pilots", summary="Import a pilot", status_code=201, responses=REFUSALS)
def import_pilot(
    gateway: TheGateway, asker: TheAsker, document: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    """Add a pilot or replace it, from its portable file in JSON."""
    asker.must_be("operator", "city")
    read = from_table(document)
    asker.must_see(read.id)
    gateway.registry.pilots.put(read, actor=asker.name)
    return as_table(read)


@router.get("/pilots", summary="Every pilot", response_model=list[PilotOut])
def pilots(gateway: TheGateway, sight: TheSight) -> list[PilotOut]:
    """Pilots with their edges, pseudonyms and the number of devices."""
    people: dict[str, list[str]] = {p.id: [] for p in gateway.fleet.pilots}
    for participant in gateway.registry.people.all():
        people.setdefault(participant.pilot, []).append(participant.person)
    return [_pilot(p, gateway.fleet, people[p.id], sight) for p in sight.pilots()]


def _pilot(pilot: PilotSettings, fleet: Fleet, people: list[str], sight: Sight) -> PilotOut:
    views = [view for view in fleet.edges() if view.pilot == pilot.id]
    devices = [d for view in views for d in view.devices if sight.device(view, d)]
    shown = [view.edge for view in views if sight.lists(view)]
    return PilotOut(
        id=pilot.id,
        name=pilot.name,
        city=pilot.city,
        kind=pilot.kind,
        edges=shown,
        people=[person for person in people if sight.person(person)],
        devices=len(devices),
    )
