"""GET /api/v1/refusals: readings of which nothing was kept, by device and reason."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from .asker import TheAsker
from .deps import PilotFilter, TheGateway

router = APIRouter(tags=["refusals"])


class RefusalOut(BaseModel):
    """How many readings of a device were refused for one reason; they count as quarantined."""

    edge: str
    device: str = Field(examples=["home-1.strap-1"])
    reason: str = Field(
        description="no-consent, paused, withdrawn, expired, terminated, not-lent, not-collected",
        examples=["withdrawn"],
    )
    n: int


@router.get("/refusals", summary="What was not kept, and why", response_model=list[RefusalOut])
def refusals(gateway: TheGateway, asker: TheAsker, pilot: PilotFilter = None) -> list[RefusalOut]:
    """Counts since the store was made."""
    asker.must_be("operator", "care", "city")
    found = []
    for r in gateway.readings.refused():
        owner = gateway.fleet.pilot_of(r.edge)
        if asker.sees(owner) and pilot in (None, owner):
            found.append(RefusalOut(edge=r.edge, device=r.device, reason=r.reason, n=r.n))
    return found
