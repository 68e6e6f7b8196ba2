"""GET /api/v1/health: whether it works, and the five counts."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ..fleet import EdgeView
from .deps import TheGateway
from .sight import TheSight

router = APIRouter(tags=["health"])


class CountsOut(BaseModel):
    """Counts of readings; accepted = stored + duplicates + quarantined + lost, always."""

    accepted: int = Field(description="Deliveries to ingest plus losses reported by edges")
    stored: int = Field(description="Distinct readings in the store")
    duplicates: int = Field(description="Deliveries of readings that were settled already")
    quarantined: int = Field(description="Refused with a reason, and kept")
    lost: int = Field(description="Given up by an edge, and reported")


class OutboxOut(BaseModel):
    """What an edge says of its own outbox: accepted = pending + committed + lost."""

    accepted: int
    pending: int
    committed: int
    lost: int


class EdgeOut(BaseModel):
    """One registered edge."""

    edge: str = Field(examples=["home-1"])
    pilot: str = Field(examples=["demo-home"])
    online: bool
    outbox: OutboxOut | None = Field(description="As last reported; null before the first report")
    last_seen_us: int | None = Field(description="UTC µs of its last message")
    held_back: int = Field(
        description="Messages that came faster than ingest.edge_rate_hz since the gateway started; "
        "they were not taken and the edge sends them again"
    )


class BrokerOut(BaseModel):
    """The MQTT broker."""

    connected: bool


class StoreOut(BaseModel):
    """The store."""

    backend: str = Field(examples=["embedded"])
    ok: bool


class LatencyOut(BaseModel):
    """Milliseconds over the last readings; null while nothing was measured."""

    p50: float | None
    p99: float | None


class HealthOut(BaseModel):
    """The state of the gateway."""

    status: str = Field(description="ok, or degraded while broker or store fail", examples=["ok"])
    version: str
    uptime_s: float
    counts: CountsOut
    edges: list[EdgeOut]
    broker: BrokerOut
    store: StoreOut
    latency_ms: LatencyOut = Field(
        description="From a reading's last sample to its event on /live; live readings only, "
        "and not what an edge finds in a signal"
    )
    commit_ms: LatencyOut = Field(description="Duration of a store transaction")


class AliveOut(BaseModel):
    """That it answers."""

    status: str = Field(examples=["ok"])


@router.get("/alive", summary="Whether it answers", response_model=AliveOut)
def alive() -> AliveOut:
    """For supervisors: says nothing of anybody."""
    return AliveOut(status="ok")


@router.get("/health", summary="State and counts", response_model=HealthOut)
def health(gateway: TheGateway, sight: TheSight) -> HealthOut:
    """Version, uptime, the five counts, edges, broker and store; counts of visible edges only."""
    edges = sight.edges()
    every = sight.everything
    held_back = gateway.held_back()
    counts = gateway.counts_document() if every else gateway.counts_of([v.edge for v in edges])
    nothing = LatencyOut(p50=None, p99=None)
    ok = gateway.broker_connected and gateway.store_ok
    return HealthOut(
        status="ok" if ok else "degraded",
        version=gateway.version,
        uptime_s=round(gateway.uptime_s, 3),
        counts=CountsOut(**counts),
        edges=[_edge(view, held_back.get(view.edge, 0)) for view in edges],
        broker=BrokerOut(connected=gateway.broker_connected),
        store=StoreOut(backend=gateway.readings.name, ok=gateway.store_ok),
        latency_ms=_latency(gateway.latency_ms()) if every else nothing,
        commit_ms=_latency(gateway.commit_ms()) if every else nothing,
    )


def _latency(percentiles: tuple[float | None, float | None]) -> LatencyOut:
    p50, p99 = (None if p is None else round(p, 2) for p in percentiles)
    return LatencyOut(p50=p50, p99=p99)


def _edge(view: EdgeView, held_back: int) -> EdgeOut:
    outbox = view.status.outbox.as_dict() if view.status else None
    return EdgeOut(
        edge=view.edge,
        pilot=view.pilot,
        online=view.online,
        outbox=OutboxOut.model_validate(outbox) if outbox else None,
        last_seen_us=view.last_seen_us,
        held_back=held_back,
    )
