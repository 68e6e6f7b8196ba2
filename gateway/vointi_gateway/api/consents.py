"""/api/v1/consents: who agreed to what; to agree, to pause, to withdraw; receipts and texts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from ..pilots.consent.receipts import event_record
from ..pilots.consent.state import Kind
from .asker import Role, TheAsker
from .deps import REFUSALS, PersonId, PilotFilter, PilotId, TheGateway

router = APIRouter(tags=["consents"], responses=REFUSALS)

#: A person with no account may be helped by somebody who has one; nobody else may speak for them.
_SPEAK: tuple[Role, ...] = ("operator", "care", "resident")


class ConsentOut(BaseModel):
    """Where one person's consent for one purpose stands."""

    pilot: str
    person: str
    purpose: str = Field(examples=["care"])
    state: str = Field(examples=["given"])


class ConsentIn(BaseModel):
    """What a person says."""

    model_config = ConfigDict(extra="forbid")

    pilot: str = Field(max_length=63)
    person: str = Field(max_length=63)
    purpose: str = Field(max_length=32)
    kind: Literal["given", "refused", "paused", "resumed", "reconfirmed", "withdrawn"]
    method: Literal["page", "paper", "spoken"] = "page"
    language: str | None = Field(default=None, max_length=2)
    expires_us: int | None = Field(default=None, description="UTC µs", ge=0)


@router.get("/consents", summary="Where consents stand", response_model=list[ConsentOut])
def consents(gateway: TheGateway, asker: TheAsker, pilot: PilotFilter = None) -> list[ConsentOut]:
    """By person and purpose."""
    asker.must_be(*_SPEAK)
    now_us = gateway.now_us()
    return [
        ConsentOut(pilot=p, person=who, purpose=purpose, state=state.status_at(now_us).value)
        for (p, who), states in sorted(gateway.registry.consents.states().items())
        if pilot in (None, p) and asker.sees(p) and asker.person in (None, who)
        for purpose, state in sorted(states.items())
    ]


@router.post("/consents", summary="Agree, pause, withdraw", status_code=201)
def say(gateway: TheGateway, asker: TheAsker, body: ConsentIn) -> dict[str, Any]:
    """Append one event. A withdrawal stops an edge that is online within seconds."""
    asker.must_be(*_SPEAK)
    asker.must_see(body.pilot, body.person)
    event = gateway.registry.consents.record(
        body.pilot,
        body.person,
        body.purpose,
        Kind(body.kind),
        actor=asker.name,
        method=body.method,
        language=body.language,
        expires_us=body.expires_us,
    )
    return event_record(event)


@router.get("/consents/texts", summary="What people are asked, in every language")
def texts(
    gateway: TheGateway,
    language: Annotated[str | None, Query(description="fi, sv or en", max_length=2)] = None,
) -> list[dict[str, Any]]:
    """Title and body by purpose, version and language, with the digest that records keep."""
    found = gateway.registry.consents.texts.all()
    return [asdict(t) | {"sha256": t.sha256} for t in found if language in (None, t.language)]


@router.get("/consents/{pilot}/{person}", summary="One person's events")
def events(
    gateway: TheGateway, asker: TheAsker, pilot: PilotId, person: PersonId
) -> list[dict[str, Any]]:
    """Every event, in order."""
    asker.must_be(*_SPEAK)
    asker.must_see(pilot, person)
    gateway.registry.people.get(pilot, person)
    return [event_record(e) for e in gateway.registry.consents.events(pilot, person)]


@router.get("/consents/{pilot}/{person}/{purpose}/receipt", summary="The receipt of a consent")
def receipt(
    gateway: TheGateway, asker: TheAsker, pilot: PilotId, person: PersonId, purpose: str
) -> dict[str, Any]:
    """In the shape of ISO/IEC TS 27560, with the text that was shown."""
    asker.must_be(*_SPEAK)
    asker.must_see(pilot, person)
    return gateway.registry.consents.receipt(pilot, person, purpose)
