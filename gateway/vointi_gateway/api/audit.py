"""/api/v1/audit: what was done, by whom; and the signed head to keep a copy of."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from .asker import TheAsker
from .deps import REFUSALS, TheGateway

router = APIRouter(tags=["audit"], responses=REFUSALS)

#: Rows in one answer.
MAX_ROWS = 1000


@router.get("/audit", summary="What was done")
def audit(
    gateway: TheGateway,
    asker: TheAsker,
    after: Annotated[int, Query(description="Rows with a higher number", ge=0)] = 0,
) -> list[dict[str, Any]]:
    """At most a thousand rows of the chained log, the oldest first."""
    asker.must_be("operator", "city")
    found: list[dict[str, Any]] = []
    for row in gateway.registry.audit.rows():
        mine = asker.sees(row.facts.get("pilot"))
        if row.n > after and mine:
            found.append(asdict(row))
        if len(found) == MAX_ROWS:
            break
    return found


@router.get("/audit/head", summary="The newest row's number and hash, signed")
def head(gateway: TheGateway, asker: TheAsker) -> dict[str, Any]:
    """Keep a copy elsewhere: `vointi-gateway audit verify --head` proves that nothing was cut."""
    asker.must_be("operator", "city", "company", "care")
    return gateway.registry.audit.head() | {"key": gateway.registry.key.public_text}
