"""/api/v1/quarantine: deliveries that could not be stored, why, and trying them again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from .asker import TheAsker
from .deps import REFUSALS, TheGateway

router = APIRouter(tags=["quarantine"], responses=REFUSALS)

#: A digest in hexadecimal.
Id = Annotated[str, Field(max_length=32, pattern="^[0-9a-f]*$", examples=["0f" * 16])]


class DeliveryOut(BaseModel):
    """One delivery: `field` is what is wrong with it, `fix` what would be right."""

    id: str
    received: str = Field(description="UTC")
    edge: str
    topic: str
    field: str
    fix: str
    bytes: int


class ChosenIn(BaseModel):
    """Which deliveries."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Id] = Field(max_length=1000, description="To replay: all when it is empty")


@router.get("/quarantine", summary="What could not be stored", response_model=list[DeliveryOut])
def quarantine(gateway: TheGateway, asker: TheAsker) -> list[dict[str, Any]]:
    """The newest thousand."""
    asker.must_be("operator")
    return gateway.quarantine.rows()


@router.get("/quarantine/{delivery}", summary="One, with its bytes")
def delivery(
    gateway: TheGateway, asker: TheAsker, delivery: Annotated[str, Path(max_length=32)]
) -> dict[str, Any]:
    """The bytes are in hexadecimal."""
    asker.must_be("operator")
    return gateway.quarantine.row(delivery)


@router.post("/quarantine/replay", summary="Try again")
def replay(gateway: TheGateway, asker: TheAsker, body: ChosenIn) -> dict[str, Any]:
    """As if they arrived now: how many readings came of it, and what is still wrong."""
    asker.must_be("operator")
    return gateway.quarantine.replay(body.ids, actor=asker.name)


@router.post("/quarantine/drop", summary="Throw away")
def drop(gateway: TheGateway, asker: TheAsker, body: ChosenIn) -> dict[str, Any]:
    """They stay counted as quarantined."""
    asker.must_be("operator")
    return gateway.quarantine.drop(body.ids, actor=asker.name) if body.ids else {"dropped": 0}
