"""/api/v1/edges: tickets and revocation. /api/v1/enrol: what a box asks for with its ticket."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from ..identity.edges import Enrolled
from ..identity.errors import IdentityError, RefusedError, UnknownError
from ..pilots.commands import Order
from .deps import GatewayView, Problem, TheGateway
from .session import address, session_of

router = APIRouter(tags=["edges"])

_EdgeId = Annotated[str, Path(max_length=63, examples=["home-1"])]
_REFUSALS: dict[int | str, dict[str, object]] = {
    403: {"model": Problem, "description": "The proof is not good (any more)"},
    404: {"model": Problem, "description": "No certificates here, or no such edge"},
    422: {"model": Problem, "description": "The request is not well formed"},
    429: {"model": Problem, "description": "Too many failures from this address"},
}


class OrderOut(BaseModel):
    """One command."""

    kind: str = Field(examples=["update"])
    what: str = Field(description="Of an update: version and number")
    state: str = Field(
        description="asked, sent, fetched, done, refused, failed, rolled back, unanswered, stopped"
    )
    reason: str
    asked_us: int
    changed_us: int


class EdgeIdentityOut(BaseModel):
    """One edge as the registry has it."""

    edge: str
    pilot: str
    site: str
    state: str = Field(examples=["active"], description="expected, active, suspect or revoked")
    note: str
    not_after_s: int | None = Field(description="End of its newest certificate, UTC seconds")
    version: str | None = Field(description="Of the program, as it said when it was last heard")
    order: OrderOut | None = Field(description="The last command, and what became of it")


class EdgesOut(BaseModel):
    """Every edge with a ticket or certificate, and what somebody has to look at."""

    edges: list[EdgeIdentityOut]
    alarms: list[str]


class TicketIn(BaseModel):
    """Where the box will stand."""

    model_config = ConfigDict(extra="forbid")
    site: str = Field("", max_length=63)


class TicketOut(BaseModel):
    """What the box is given; shown once."""

    ticket: str
    edge: str
    expires_s: int


class RevokeIn(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(max_length=200)


class EnrolIn(BaseModel):
    """A box with its ticket and a request for the key that it has made."""

    model_config = ConfigDict(extra="forbid")
    ticket: str = Field(max_length=200)
    csr: str = Field(max_length=4096)
    edge: str | None = Field(None, max_length=63)


class RenewIn(BaseModel):
    """A request for the next key, signed by the key that the certificate has."""

    model_config = ConfigDict(extra="forbid")
    serial: str = Field(max_length=64)
    csr: str = Field(max_length=4096)
    signature: str = Field(max_length=256, description="Base 64 of the DER signature")


class EnrolOut(BaseModel):
    """The certificate and where to go with it."""

    edge: str
    pilot: str
    site: str
    chain: str = Field(description="PEM, leaf first")
    trust: str = Field(description="PEM of the roots that the broker proves itself by")
    serial: str
    not_before_s: int
    not_after_s: int
    policy_keys: str = Field(description="Whose signed policies and commands it obeys")
    mqtt_host: str
    mqtt_port: int


@router.get("/edges", summary="Edges and their certificates", response_model=EdgesOut)
def edges(gateway: TheGateway) -> EdgesOut:
    """Every edge that has a ticket or a certificate."""
    found = gateway.identity.edges.records()
    commands = gateway.registry.commands
    versions, orders = commands.versions(), commands.newest()
    listed = [
        EdgeIdentityOut(
            **{n: getattr(one, n) for n in one.__slots__},
            version=versions.get(one.edge),
            order=_order_out(orders.get(one.edge)),
        )
        for one in found
    ]
    return EdgesOut(edges=listed, alarms=gateway.alarms.lines())


@router.post(
    "/edges/{edge}/ticket",
    summary="A one-time ticket",
    status_code=201,
    response_model=TicketOut,
    responses=_REFUSALS,
)
def ticket(
    edge: _EdgeId, request: Request, gateway: TheGateway, body: Annotated[TicketIn, Body()]
) -> TicketOut:
    """For a day; an earlier unused one ends."""
    view = gateway.fleet.edge(edge)
    if view is None:
        raise UnknownError("edge", f"{edge} belongs to no pilot; add it to one first")
    by = session_of(request).principal.name
    made = gateway.identity.edges.ticket(edge, view.pilot, body.site or edge, by)
    return TicketOut(ticket=made.text, edge=made.edge, expires_s=made.expires_s)


@router.post(
    "/edges/{edge}/revoke", summary="Shut an edge out", status_code=204, responses=_REFUSALS
)
def revoke(
    edge: _EdgeId, request: Request, gateway: TheGateway, body: Annotated[RevokeIn, Body()]
) -> None:
    """Its certificates and tickets end, and so does its session with the broker."""
    gateway.identity.edges.revoke(edge, body.reason, session_of(request).principal.name)


@router.get("/enrol/ca", summary="The root certificate", response_class=PlainTextResponse)
def trust(gateway: TheGateway) -> PlainTextResponse:
    """PEM; a box compares its SHA-256 with the one in its ticket before it believes it."""
    return PlainTextResponse(gateway.identity.trust)


@router.post("/enrol", summary="First certificate", response_model=EnrolOut, responses=_REFUSALS)
def enrol(request: Request, gateway: TheGateway, body: Annotated[EnrolIn, Body()]) -> EnrolOut:
    """A ticket is good once; the same key may ask again for ten minutes."""
    where = address(request)
    name, throttle = f"enrol:{where}", gateway.identity.throttle
    throttle.check(name, where)
    try:
        enrolled = gateway.identity.edges.enrol(body.ticket, body.csr, body.edge)
    except RefusedError:
        throttle.failed(name, where)
        raise
    return _out(gateway, enrolled)


@router.post(
    "/enrol/renew", summary="Next certificate", response_model=EnrolOut, responses=_REFUSALS
)
def renew(request: Request, gateway: TheGateway, body: Annotated[RenewIn, Body()]) -> EnrolOut:
    """For a new key, proved by the old one; also up to thirty days after the end."""
    where = address(request)
    name, throttle = f"enrol:{where}", gateway.identity.throttle
    throttle.check(name, where)
    try:
        signature = base64.b64decode(body.signature, validate=True)
        enrolled = gateway.identity.edges.renew(body.serial, body.csr, signature)
    except ValueError as exc:  # also of letters beyond ASCII
        raise IdentityError("signature", "is not base 64") from exc
    except RefusedError:
        throttle.failed(name, where)
        raise
    return _out(gateway, enrolled)


def _order_out(order: Order | None) -> OrderOut | None:
    if order is None:
        return None
    return OrderOut(**{name: getattr(order, name) for name in OrderOut.model_fields})


def _out(gateway: GatewayView, enrolled: Enrolled) -> EnrolOut:
    host, port = gateway.mqtt_address
    issued = enrolled.issued
    return EnrolOut(
        edge=enrolled.edge,
        pilot=enrolled.pilot,
        site=enrolled.site,
        chain=issued.chain,
        trust=gateway.identity.trust,
        serial=issued.serial,
        not_before_s=issued.not_before_s,
        not_after_s=issued.not_after_s,
        policy_keys=gateway.registry.key.public_text,
        mqtt_host=host,
        mqtt_port=port,
    )
