"""/api/v1/loans: who has which device, and what happened to it since it came back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ..errors import UnknownRecordError
from .asker import Asker, TheAsker
from .deps import REFUSALS, GatewayView, PilotFilter, TheGateway

router = APIRouter(tags=["loans"], responses=REFUSALS)


class LentOut(BaseModel):
    """One registered device."""

    device: str = Field(examples=["home-1.strap-1"])
    edge: str
    model: str
    kind: str
    state: str = Field(description="ready, lent, returned, cleaned, charged or lost")
    pilot: str | None
    person: str | None = Field(description="Pseudonym of who has it")


class LendIn(BaseModel):
    """Which device to whom."""

    model_config = ConfigDict(extra="forbid")

    device: str = Field(max_length=130)
    pilot: str = Field(max_length=63)
    person: str = Field(max_length=63)


class EventIn(BaseModel):
    """What happened to a device."""

    model_config = ConfigDict(extra="forbid")

    device: str = Field(max_length=130)
    kind: Literal["returned", "cleaned", "charged", "lost"]


@router.get("/loans", summary="Devices on loan", response_model=list[LentOut])
def loans(gateway: TheGateway, asker: TheAsker, pilot: PilotFilter = None) -> list[LentOut]:
    """Every registered device with its state, and who has it."""
    asker.must_be("operator", "care")
    return [d for d in _devices(gateway, asker) if pilot in (None, d.pilot)]


@router.post("/loans", summary="Lend a device", status_code=201, response_model=LentOut)
def lend(gateway: TheGateway, asker: TheAsker, body: LendIn) -> LentOut:
    """From now on, what the device measures is this person's."""
    asker.must_be("operator", "care")
    asker.must_see(body.pilot)
    _must_have(gateway, asker, body.device)
    gateway.registry.lending.lend(body.device, body.pilot, body.person, actor=asker.name)
    return next(d for d in _devices(gateway, asker) if d.device == body.device)


@router.post("/loans/events", summary="A device came back, was cleaned or charged, or is lost")
def event(gateway: TheGateway, asker: TheAsker, body: EventIn) -> LentOut:
    """It goes out again when it was cleaned and charged after it came back."""
    asker.must_be("operator", "care")
    _must_have(gateway, asker, body.device)
    lending = gateway.registry.lending
    if body.kind == "returned":
        lending.give_back(body.device, actor=asker.name)
    else:
        lending.care(body.device, body.kind, actor=asker.name)
    return next(d for d in _devices(gateway, asker) if d.device == body.device)


def _must_have(gateway: GatewayView, asker: Asker, device: str) -> None:
    """Raises UnknownRecordError, as if it did not exist, for a device of another pilot's edge."""
    if all(d.device != device for d in _devices(gateway, asker)):
        raise UnknownRecordError("device", f"{device} is not registered; add it first")


def _devices(gateway: GatewayView, asker: Asker) -> list[LentOut]:
    mine = {e.edge for e in gateway.fleet.edges() if asker.sees(e.pilot)}
    found = gateway.registry.lending.devices()
    return [LentOut(**asdict(d)) for d in found if d.edge in mine or asker.pilots is None]
