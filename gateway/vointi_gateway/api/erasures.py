"""/api/v1/erasures: to be erased, and the receipt."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from ..pilots.erasure import Erasure, Erasures
from .asker import TheAsker
from .deps import REFUSALS, GatewayView, TheGateway

router = APIRouter(tags=["erasures"], responses=REFUSALS)


class WhoIn(BaseModel):
    """A person of a pilot."""

    model_config = ConfigDict(extra="forbid")

    pilot: str = Field(max_length=63)
    person: str = Field(max_length=63)


class ErasureOut(BaseModel):
    """How far an erasure is."""

    id: str
    pilot: str
    state: str = Field(description="asked, waiting (for a copy), scanning, done, or residue")
    receipt: dict[str, Any] = Field(description="Signed once it is done")
    edges: dict[str, bool] = Field(
        description="Each edge concerned: whether it has confirmed to collect and keep nothing"
    )


@router.post("/erasures", summary="Erase a person", status_code=202, response_model=ErasureOut)
def erase(gateway: TheGateway, asker: TheAsker, body: WhoIn) -> ErasureOut:
    """From now on nothing of the person is kept or shown; the rest follows within seconds."""
    asker.must_be("operator", "resident")
    asker.must_see(body.pilot, body.person)
    erasures = _erasures(gateway)
    return _out(erasures, erasures.request(body.pilot, body.person, asker.name))


@router.get("/erasures/{erasure}", summary="How far it is", response_model=ErasureOut)
def erasure(
    gateway: TheGateway,
    erasure: Annotated[str, Path(description="As POST answered", max_length=64)],
) -> ErasureOut:
    """The state, and at the end the receipt, which names nobody.

    The id is a secret of who asked: a resident has no session any more once they are erased.
    """
    erasures = _erasures(gateway)
    return _out(erasures, erasures.get(erasure))


def _erasures(gateway: GatewayView) -> Erasures:
    return Erasures(gateway.registry, gateway.now_us)


def _out(erasures: Erasures, found: Erasure) -> ErasureOut:
    return ErasureOut(
        id=found.id,
        pilot=found.pilot,
        state=found.state,
        receipt=found.receipt,
        edges=erasures.edges(found),
    )
