"""/api/v1/participants: who takes part, by pseudonym; invitations."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ..pilots.people import Participant
from .asker import TheAsker
from .deps import REFUSALS, PilotFilter, TheGateway

router = APIRouter(tags=["participants"], responses=REFUSALS)


class ParticipantOut(BaseModel):
    """One person in one pilot. No name, no contact: those are in the vault."""

    pilot: str
    person: str = Field(description="Pseudonym; another pilot's differs", examples=["p-7f3a"])
    language: str = Field(examples=["fi"])
    invited_us: int = Field(description="UTC µs")
    joined_us: int | None = Field(description="UTC µs, null until the code is used")


class InviteIn(BaseModel):
    """Whom to invite."""

    model_config = ConfigDict(extra="forbid")

    pilot: str = Field(max_length=63)
    language: str = Field(default="fi", max_length=2)
    name: str = Field(default="", max_length=200)
    contact: str = Field(default="", max_length=200)


class InvitedOut(ParticipantOut):
    """The new participant, and the code; it is shown this once."""

    code: str = Field(description="Works once, within 14 days")


class JoinIn(BaseModel):
    """An invitation's code."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=64)


@router.get("/participants", summary="Who takes part", response_model=list[ParticipantOut])
def participants(
    gateway: TheGateway, asker: TheAsker, pilot: PilotFilter = None
) -> list[ParticipantOut]:
    """Pseudonyms, of one pilot or of all that one may see."""
    asker.must_be("operator", "city", "care")
    found = gateway.registry.people.all(pilot)
    return [_out(p) for p in found if asker.sees(p.pilot)]


@router.post("/participants", summary="Invite", status_code=201, response_model=InvitedOut)
def invite(gateway: TheGateway, asker: TheAsker, body: InviteIn) -> InvitedOut:
    """A new participant of a pilot, with the code to join with."""
    asker.must_be("operator", "care")
    asker.must_see(body.pilot)
    participant, code = gateway.registry.people.invite(
        body.pilot,
        actor=asker.name,
        language=body.language,
        name=body.name,
        contact=body.contact,
    )
    return InvitedOut(**_out(participant).model_dump(), code=code)


@router.post("/participants/join", summary="Use an invitation", response_model=ParticipantOut)
def join(gateway: TheGateway, body: JoinIn) -> ParticipantOut:
    """The code is all that is needed, once."""
    return _out(gateway.registry.people.join(body.code))


def _out(p: Participant) -> ParticipantOut:
    return ParticipantOut(
        pilot=p.pilot,
        person=p.person,
        language=p.language,
        invited_us=p.invited_us,
        joined_us=p.joined_us,
    )
