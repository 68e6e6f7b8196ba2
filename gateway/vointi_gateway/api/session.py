"""/api/v1/session: sign in, who is signed in, sign out. /api/v1/invitations: let a resident in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from .. import qr
from ..identity.errors import SignInError, UnknownError
from ..identity.sessions import Session
from .deps import Problem, TheGateway
from .door import COOKIE

router = APIRouter(tags=["session"])

_SHORT = Field(max_length=64)


class SignIn(BaseModel):
    """What a person of the staff knows and has."""

    model_config = ConfigDict(extra="forbid")
    name: str = _SHORT
    password: str = Field(max_length=256)
    code: str = Field(max_length=16, description="Six digits of the authenticator")


class SessionOut(BaseModel):
    """Who is signed in."""

    name: str
    role: str = Field(examples=["company"])
    pilots: list[str] = Field(description="Of a company or a care professional")
    city: str
    person: str = Field(description="A resident's own pseudonym")
    csrf: str = Field(description="Send it as X-CSRF-Token with every change")


class InvitationIn(BaseModel):
    """Whom to let in."""

    model_config = ConfigDict(extra="forbid")
    person: str = _SHORT
    pilot: str = _SHORT


class InvitationOut(BaseModel):
    """A link and its code; hand them over in two ways. They are shown once."""

    path: str
    link: str = Field(description="The whole address, by which people reach the gateway")
    qr_svg: str = Field(description="The link as a QR code, an inline SVG")
    code: str
    expires_s: int = Field(description="UTC seconds")


@router.post(
    "/session",
    summary="Sign in",
    status_code=204,
    responses={401: {"model": Problem}, 429: {"model": Problem}},
)
def sign_in(
    request: Request, response: Response, gateway: TheGateway, body: Annotated[SignIn, Body()]
) -> None:
    """Set the session's cookie."""
    accounts = gateway.identity.accounts
    token = accounts.sign_in(body.name, body.password, body.code, address(request))
    set_cookie(response, token)


@router.get("/session", summary="Who is signed in", response_model=SessionOut)
def who(request: Request) -> SessionOut:
    """Name, role and the word for changes."""
    session = session_of(request)
    p = session.principal
    return SessionOut(
        name=p.name,
        role=p.role,
        pilots=sorted(p.pilots),
        city=p.city,
        person=p.person,
        csrf=session.csrf,
    )


@router.delete("/session", summary="Sign out", status_code=204)
def sign_out(request: Request, response: Response, gateway: TheGateway) -> None:
    """End the session."""
    end_session(request, response, gateway)


@router.post(
    "/invitations",
    summary="Let a resident in",
    status_code=201,
    response_model=InvitationOut,
    responses={404: {"model": Problem}, 422: {"model": Problem}},
)
def invite(
    request: Request, gateway: TheGateway, body: Annotated[InvitationIn, Body()]
) -> InvitationOut:
    """A one-time link and its code; an earlier unused one ends."""
    by = session_of(request).principal.name
    if gateway.registry.people.find(body.pilot, body.person) is None:
        raise UnknownError("person", f"{body.pilot} has no {body.person}; add them first")
    made = gateway.identity.invitations.invite(body.person, body.pilot, by)
    link = gateway.settings.address + made.path
    return InvitationOut(
        path=made.path,
        link=link,
        qr_svg=qr.svg(link, link),
        code=made.code,
        expires_s=made.expires_s,
    )


def session_of(request: Request) -> Session:
    """The session that the door has found. Raises SignInError."""
    session: Session | None = request.state.session
    if session is None:
        raise SignInError("", "sign in first")
    return session


def address(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else "?"


def set_cookie(response: Response, token: str) -> None:
    """Give the session to the browser; scripts never see it, other sites never send it."""
    response.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="strict")


def end_session(request: Request, response: Response, gateway: TheGateway) -> None:
    """End the session here and in the browser."""
    gateway.identity.sessions.end(request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
