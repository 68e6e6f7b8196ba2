"""The door: who asks, whether that role may use that route, whether a change is meant.

Plain ASGI in front of everything, so that no route, file or error page is reached around it, and
no body is read for somebody who may not send one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, URLPath
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..identity.sessions import LOCAL, Session, Sessions
from .access import ANONYMOUS, Access, Rule

#: The prefix makes browsers insist on Secure, on Path=/ and on this host alone.
COOKIE = "__Host-vointi"
#: Largest body of any route: an import of a pilot file would say so itself.
MAX_BODY = 65_536
_SAFE = frozenset({"GET", "HEAD"})
_FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"})
_LOCAL_SESSION = Session(LOCAL, "local")


class Door:
    """ASGI middleware; the session is in ``request.state.session``, None for a stranger.

    Args:
        app: what is behind it.
        sessions: who is signed in.
        is_open: whoever reaches us is the operator; only ever on the loopback interface.

    """

    def __init__(self, app: ASGIApp, sessions: Sessions, *, is_open: bool) -> None:
        self._app, self._sessions, self._open = app, sessions, is_open
        self._access = Access()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        session = await self._session(request)
        scope.setdefault("state", {})["session"] = session
        rule = self._access.rule(request.method, request.url.path)
        refusal = self._refusal(request, rule, session)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _limited(receive), send)

    async def _session(self, request: Request) -> Session | None:
        if self._open:
            return _LOCAL_SESSION
        token = request.cookies.get(COOKIE)
        return await run_in_threadpool(self._sessions.find, token) if token else None

    def _refusal(self, request: Request, rule: Rule, session: Session | None) -> Response | None:
        if self._open and not _names_this_machine(request.headers):
            return _problem(403, "Host", "open it as http://localhost")
        if self._open and _FORWARDED & set(request.headers):
            # Behind a proxy this machine is everybody.
            return _problem(403, "auth", 'behind a proxy set auth = "accounts"')
        if _size(request.headers) > MAX_BODY:
            return _problem(413, "", f"the body is too large; send at most {MAX_BODY} bytes")
        role = session.principal.role if session else ANONYMOUS
        if role not in rule.roles:
            return _closed(request, session)
        if request.method in _SAFE:
            return None
        return self._forged(request, rule, session)

    def _forged(self, request: Request, rule: Rule, session: Session | None) -> Response | None:
        """A change that another site may have sent in this browser's name."""
        if not _same_origin(request.headers):
            return _problem(403, "Origin", "another site may not change anything here")
        if session is None or rule.form or self._open:
            return None
        if not session.allows_change(request.headers.get("x-csrf-token", "")):
            return _problem(403, "X-CSRF-Token", "send what GET /api/v1/session gives as csrf")
        return None


def still_signed_in(request: Request, sessions: Sessions) -> Callable[[], bool]:
    """Whether the session of a long answer still stands; asked now and then."""
    token = request.cookies.get(COOKIE)
    if getattr(request.state, "session", None) is _LOCAL_SESSION or token is None:
        return lambda: True
    return lambda: sessions.find(token) is not None


def _closed(request: Request, session: Session | None) -> Response:
    if session is not None:
        return _problem(403, "", "your role may not do this")
    if request.url.path.startswith("/api/"):
        return _problem(401, "", "sign in: POST /api/v1/session")
    return RedirectResponse(URLPath("/sign-in"), status_code=303)


def _problem(status: int, field: str, fix: str) -> Response:
    return JSONResponse({"field": field, "fix": fix}, status_code=status)


def _names_this_machine(headers: Headers) -> bool:
    """Against a page elsewhere whose name was made to lead here (DNS rebinding)."""
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _same_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _size(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else MAX_BODY + 1


def _limited(receive: Receive) -> Receive:
    """Bodies without a stated length end where the largest may."""
    left = MAX_BODY

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return counted
