"""What the resources share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol, cast

from fastapi import Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from ..alarms import Alarms
from ..fleet import Fleet
from ..identity.service import Identity
from ..ingest.meter import Histogram
from ..live import LiveHub
from ..pilots.registry import Registry
from ..quarantine import QuarantineRoom
from ..releases import Releases
from ..settings import Settings
from ..steward import Steward
from ..store.port import Store

Percentiles = tuple[float | None, float | None]


class GatewayView(Protocol):
    """What the resources may ask of the running gateway."""

    version: str
    settings: Settings
    fleet: Fleet
    hub: LiveHub
    readings: Store
    registry: Registry

    @property
    def steward(self) -> Steward:
        """Who knows what is agreed."""

    identity: Identity
    releases: Releases

    @property
    def alarms(self) -> Alarms:
        """What somebody has to look at."""

    @property
    def quarantine(self) -> QuarantineRoom:
        """What could not be stored."""

    def now_us(self) -> int:
        """UTC now, µs."""

    @property
    def uptime_s(self) -> float:
        """Seconds since the start."""

    def counts_document(self) -> dict[str, Any]:
        """The five counts by name."""

    def counts_of(self, edges: Sequence[str]) -> dict[str, Any]:
        """The five counts of these edges alone."""

    def held_back(self) -> Mapping[str, int]:
        """Deliveries per edge that were too many at once, since the start."""

    @property
    def mqtt_address(self) -> tuple[str, int]:
        """Host and port by which edges reach the broker."""

    @property
    def broker_connected(self) -> bool:
        """Whether the MQTT session stands."""

    @property
    def store_ok(self) -> bool:
        """Whether the store took the last commit."""

    def latency_ms(self) -> Percentiles:
        """p50 and p99 from last sample to live event."""

    def delays(self) -> Histogram:
        """From last sample to live event, of every live reading since the start."""

    def commit_ms(self) -> Percentiles:
        """p50 and p99 of a transaction."""


def _gateway(request: Request) -> GatewayView:
    return cast(GatewayView, request.app.state.gateway)


#: The running gateway, as a parameter of a route.
TheGateway = Annotated[GatewayView, Depends(_gateway)]


#: A pilot or a pseudonym in a path or a query.
PilotId = Annotated[str, Path(description="Pilot", max_length=63, examples=["demo-home"])]
PersonId = Annotated[str, Path(description="Pseudonym", max_length=63, examples=["p-7f3a"])]
PilotFilter = Annotated[str | None, Query(description="Only this pilot's", max_length=63)]


class Problem(BaseModel):
    """Why a request was not answered: the parameter, and what to send in its place."""

    field: str = Field(description="The parameter that is wrong, or empty", examples=["resolution"])
    fix: str = Field(description="What to send in its place", examples=["use raw, 1s, 60s or 1m"])


#: What every route that names a record may answer instead.
REFUSALS: dict[int | str, dict[str, Any]] = {
    403: {"model": Problem, "description": "The role does not allow it"},
    404: {"model": Problem, "description": "Nothing of this name is registered"},
    409: {"model": Problem, "description": "It contradicts what is registered"},
    422: {"model": Problem, "description": "A field is wrong; field and fix"},
}
