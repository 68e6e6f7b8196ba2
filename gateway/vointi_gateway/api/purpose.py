"""What data are looked at for, and the store as that purpose may see it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ..errors import QueryError
from ..pilots.consented import ConsentedStore
from .asker import Asker
from .deps import GatewayView
from .sight import Sight

PurposeQuery = Annotated[
    str | None,
    Query(
        description="What it is looked at for: care, evaluation or open_data; the role's own first",
        max_length=32,
    ),
]


def purpose_of(asker: Asker, wanted: str | None) -> str:
    """The purpose that is meant. Raises QueryError for one that is not the role's."""
    if wanted is None:
        return asker.purposes[0]
    if wanted not in asker.purposes:
        raise QueryError("purpose", f"is not for {asker.role}; use {', '.join(asker.purposes)}")
    return wanted


def store_for(gateway: GatewayView, purpose: str, sight: Sight) -> ConsentedStore:
    """What the asker may see for a purpose now."""
    return ConsentedStore(gateway.readings, sight.gate(), purpose, gateway.now_us)
