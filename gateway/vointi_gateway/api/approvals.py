"""/api/v1/approvals: who is behind a pseudonym, told to one person when another allows it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from ..pilots.approvals import Approval
from .asker import TheAsker
from .deps import REFUSALS, TheGateway
from .erasures import WhoIn

router = APIRouter(tags=["approvals"], responses=REFUSALS)

ApprovalId = Annotated[str, Path(description="As POST answered", max_length=64)]


class ApprovalIn(WhoIn):
    """Whose name is wanted, and what for."""

    reason: str = Field(max_length=200, examples=["the strap does not answer; call"])


class ApprovalOut(BaseModel):
    """A wish, and who allowed it."""

    id: str
    pilot: str
    person: str
    asked_by: str
    reason: str
    asked_us: int = Field(description="UTC µs; it ends a day later")
    approved_by: str | None


class NameOut(BaseModel):
    """Who it is."""

    model_config = ConfigDict(extra="forbid")
    name: str
    contact: str
    language: str


@router.get("/approvals", summary="What waits for a yes", response_model=list[ApprovalOut])
def approvals(gateway: TheGateway) -> list[ApprovalOut]:
    """The wishes of the last day that nobody allowed yet."""
    return [_out(one) for one in gateway.registry.approvals.open()]


@router.post(
    "/approvals", summary="Wish to know a name", status_code=201, response_model=ApprovalOut
)
def ask(gateway: TheGateway, asker: TheAsker, body: ApprovalIn) -> ApprovalOut:
    """Another person has to allow it, within a day."""
    asker.must_see(body.pilot, body.person)
    made = gateway.registry.approvals.ask(body.pilot, body.person, asker.name, body.reason)
    return _out(made)


@router.post("/approvals/{approval}/approve", summary="Allow it", response_model=ApprovalOut)
def approve(gateway: TheGateway, asker: TheAsker, approval: ApprovalId) -> ApprovalOut:
    """By anybody who may, but for the one who asked."""
    return _out(gateway.registry.approvals.approve(approval, asker.name))


@router.post("/approvals/{approval}/use", summary="The name, once", response_model=NameOut)
def use(gateway: TheGateway, asker: TheAsker, approval: ApprovalId) -> NameOut:
    """For the one who asked, once."""
    found = gateway.registry.approvals.use(approval, asker.name)
    return NameOut(name=found.name, contact=found.contact, language=found.language)


def _out(one: Approval) -> ApprovalOut:
    return ApprovalOut(
        id=one.id,
        pilot=one.pilot,
        person=one.person,
        asked_by=one.asked_by,
        reason=one.reason,
        asked_us=one.asked_us,
        approved_by=one.approved_by,
    )
