"""GET /api/v1/live: server-sent events, pushed right after each commit."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ..events import status_event
from ..live import Client, Event
from .asker import TheAsker
from .deps import GatewayView, Problem, TheGateway
from .door import still_signed_in
from .purpose import PurposeQuery, purpose_of
from .sight import Sight, TheSight

router = APIRouter(tags=["live"])

#: A comment this often keeps proxies from closing a quiet stream.
HEARTBEAT_S = 10.0
#: What a browser waits before it connects again, in ms.
RETRY_MS = 1000


@router.get(
    "/live",
    summary="Live readings",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": (
                "Events `reading` (one committed reading), `status` (link states of one edge), "
                "`health` (the five counts, each second) and `overflow` (the client was too slow "
                "and should load /series and connect again)"
            ),
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        503: {"model": Problem, "description": "Too many streams are open"},
    },
)
async def live(  # noqa: PLR0917 - the parameters are the query's
    request: Request,
    gateway: TheGateway,
    asker: TheAsker,
    sight: TheSight,
    pilot: Annotated[str | None, Query(description="Only this pilot's", max_length=64)] = None,
    device: Annotated[
        str | None, Query(description="Only this device's (global id)", max_length=130)
    ] = None,
    purpose: PurposeQuery = None,
) -> Response:
    """A stream of server-sent events; it never ends by itself."""
    meant = purpose_of(asker, purpose)
    client = gateway.hub.join(pilot, device, meant, sight.event)
    if client is None:
        fix = "too many live streams are open; close one, or try again later"
        return JSONResponse({"field": "", "fix": fix}, status_code=503)
    watched = sight.gate().worn(pilot, device, gateway.now_us())
    gateway.registry.views.note(asker.name, meant, watched)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    allowed = still_signed_in(request, gateway.identity.sessions)
    stream = _stream(gateway, client, sight, allowed)
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _stream(
    gateway: GatewayView, client: Client, sight: Sight, allowed: Callable[[], bool]
) -> AsyncIterator[str]:
    asked_s = time.monotonic()
    try:
        yield f"retry: {RETRY_MS}\n\n"
        for event in _first(gateway, client, sight):
            yield _text(event)
        while True:
            if time.monotonic() - asked_s >= HEARTBEAT_S:
                asked_s = time.monotonic()
                if not await run_in_threadpool(allowed):
                    break
            try:
                upcoming = await client.next(HEARTBEAT_S)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if upcoming is None:
                break
            yield _text(upcoming)
        if client.overflowed:
            yield 'event: overflow\ndata: {"fix":"load /api/v1/series and connect again"}\n\n'
    finally:
        gateway.hub.leave(client)


def _first(gateway: GatewayView, client: Client, sight: Sight) -> list[Event]:
    """What a new page needs at once: the counts and every edge's state."""
    states = [status_event(gateway.fleet, view.edge) for view in sight.edges()]
    counts = Event("health", json.dumps(gateway.counts_document()))
    return [event for event in (counts, *states) if client.wants(event)]


def _text(event: Event) -> str:
    return f"event: {event.name}\ndata: {event.data}\n\n"
