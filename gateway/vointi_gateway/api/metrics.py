"""GET /api/v1/metrics: the gateway's state for Prometheus; no measured value, no person."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from itertools import accumulate

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from starlette.requests import Request

from ..identity.errors import RefusedError, SignInError
from ..ingest.meter import BOUNDS_MS, Histogram
from .deps import GatewayView, Problem, TheGateway

router = APIRouter(tags=["health"])

#: The text exposition format that every scraper reads.
_FORM = "text/plain; version=0.0.4; charset=utf-8"


@router.get(
    "/metrics",
    summary="State for Prometheus",
    response_class=PlainTextResponse,
    responses={401: {"model": Problem}, 403: {"model": Problem}},
)
def metrics(request: Request, gateway: TheGateway) -> PlainTextResponse:
    """For an operator, or whoever sends the token of `metrics.token_file` as a bearer."""
    _check(request, gateway)
    return PlainTextResponse("".join(_lines(gateway)), media_type=_FORM)


def _check(request: Request, gateway: GatewayView) -> None:
    given = request.headers.get("authorization", "")
    token = gateway.settings.metrics.token()
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return
    if request.state.session is None:
        raise SignInError("Authorization", "send the token of metrics.token_file, or sign in")
    if request.state.session.principal.role != "operator":
        raise RefusedError("", "your role may not do this")


def _lines(gateway: GatewayView) -> Iterator[str]:
    counts = gateway.counts_document()
    outcomes = {f'outcome="{name}"': n for name, n in counts.items() if name != "accepted"}
    # No counter: what was reported lost may still come, and is then taken back.
    yield from _metric("readings", "gauge", "Readings by outcome", outcomes)
    edges = {f'edge="{v.edge}",pilot="{v.pilot}"': v for v in gateway.fleet.edges()}
    online = {labels: int(view.online) for labels, view in edges.items()}
    yield from _metric("edge_online", "gauge", "Whether an edge is connected", online)
    pending = {at: v.status.outbox.pending for at, v in edges.items() if v.status is not None}
    yield from _metric("edge_pending", "gauge", "Readings that wait on an edge", pending)
    p50, p99 = gateway.commit_ms()
    took = {'quantile="0.5"': p50, 'quantile="0.99"': p99}
    known = {labels: ms / 1000 for labels, ms in took.items() if ms is not None}
    yield from _metric("commit_seconds", "gauge", "Duration of a store transaction", known)
    yield from _histogram("live_delay_seconds", "Last sample to live event", gateway.delays())
    for name, about, value in (
        ("broker_connected", "Whether the MQTT session stands", int(gateway.broker_connected)),
        ("store_ok", "Whether the store took the last commit", int(gateway.store_ok)),
        ("uptime_seconds", "Since the start", round(gateway.uptime_s, 3)),
        ("alarms", "What somebody has to look at", len(gateway.alarms.lines())),
    ):
        yield from _metric(name, "gauge", about, {"": value})


def _metric(name: str, kind: str, about: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP vointi_{name} {about}\n# TYPE vointi_{name} {kind}\n"
    for labels, value in values.items():
        yield f"vointi_{name}{{{labels}}} {value}\n" if labels else f"vointi_{name} {value}\n"


def _histogram(name: str, about: str, found: Histogram) -> Iterator[str]:
    yield f"# HELP vointi_{name} {about}\n# TYPE vointi_{name} histogram\n"
    for bound_ms, upto in zip(BOUNDS_MS, accumulate(found.steps), strict=True):
        yield f'vointi_{name}_bucket{{le="{bound_ms / 1000}"}} {upto}\n'
    count = sum(found.steps)
    yield f'vointi_{name}_bucket{{le="+Inf"}} {count}\n'
    yield f"vointi_{name}_sum {found.sum_ms / 1000}\nvointi_{name}_count {count}\n"
