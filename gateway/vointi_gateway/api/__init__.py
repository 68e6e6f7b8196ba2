"""The HTTP API, one file a resource."""

from __future__ import annotations

from fastapi import APIRouter

from . import (
    approvals,
    audit,
    consents,
    devices,
    edges,
    erasures,
    exports,
    health,
    indicators,
    live,
    loans,
    metrics,
    participants,
    pilots,
    quarantine,
    refusals,
    releases,
    series,
    session,
)

__all__ = ["router"]


def router() -> APIRouter:
    """Every resource under /api/v1."""
    api = APIRouter(prefix="/api/v1")
    for resource in (
        *(health, metrics, approvals, pilots, devices, series, live, participants, loans),
        *(consents, erasures, exports, refusals, quarantine, audit, session, edges, releases),
        indicators,
    ):
        api.include_router(resource.router)
    return api
