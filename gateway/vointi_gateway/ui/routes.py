"""The HTML routes and the static files; everything that moves is fetched from the API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from vointi_gateway.api.sight import principal_of
from vointi_gateway.identity.sessions import Principal
from vointi_gateway.ui.messages import (
    DEFAULT_LANGUAGE,
    DOOR_LANGUAGES,
    door_language,
    door_messages,
    load_messages,
)
from vointi_gateway.ui.rendering import page_environment

_HERE = Path(__file__).parent
#: Where the five counts come from: an operator's with the stream; others ask for those of their
#: own edges, and a resident is not bothered with them.
_COUNTS = {"operator": "streamed", "resident": ""}
#: Browsers ask each time and get a 304: a page never mixes files of two versions.
_STATIC_HEADERS = {"Cache-Control": "no-cache"}


class PilotView(Protocol):
    """What a page says of a pilot before any reading has arrived."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def city(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102


class _Pages:
    """Renders the templates; one instance a router."""

    def __init__(self, pilots: Sequence[PilotView], version: str) -> None:
        self._pilots = pilots
        self._environment = page_environment(version)
        self._tables = {language: load_messages(language) for language in DOOR_LANGUAGES}
        self._names = {code: words["language"] for code, words in door_messages().items()}
        self._static = StaticFiles(directory=_HERE / "static")

    def _render(
        self, request: Request, template: str, status: int = 200, **values: object
    ) -> HTMLResponse:
        chosen = request.query_params.get("lang", "")
        accepted = request.headers.get("accept-language", "")
        lang = door_language(chosen, accepted, DEFAULT_LANGUAGE)
        text = self._environment.get_template(template).render(
            lang=lang,
            t=self._tables[lang],
            languages=self._names,
            # A language that was clicked goes along with the links.
            query=f"?lang={lang}" if chosen == lang else "",
            counts=_COUNTS.get(principal_of(request).role, "asked"),
            **values,
        )
        return HTMLResponse(text, status, {"Vary": "Accept-Language"})

    def overview(self, request: Request) -> Response:
        if principal_of(request).role == "resident":
            return RedirectResponse("/me", status_code=303)
        return self._render(request, "overview.html")

    def pilot(self, pilot_id: str, request: Request) -> HTMLResponse:
        pilot = next((p for p in self._pilots if p.id == pilot_id), None)
        if pilot is None or not _sees(principal_of(request), pilot):
            return self._render(request, "not_found.html", 404)
        return self._render(request, "pilot.html", pilot=pilot)

    async def static(self, request: Request, path: str) -> Response:
        try:
            response = await self._static.get_response(path, request.scope)
        except HTTPException as error:
            return Response(status_code=error.status_code)
        response.headers.update(_STATIC_HEADERS)
        return response


def _sees(principal: Principal, pilot: PilotView) -> bool:
    if principal.role == "city":
        return pilot.city == principal.city
    return principal.role == "operator" or pilot.id in principal.pilots


def build_router(pilots: Sequence[PilotView], *, version: str) -> APIRouter:
    """Return the router of `GET /`, `GET /pilots/{id}` and `GET /static/…`.

    `version` stands in the footer; `pilots` is looked at anew for every page. An unknown pilot is
    a 404 page. The strict headers that the pages are written for (no inline script or style) are
    the application's.
    """
    pages = _Pages(pilots, version)
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/", pages.overview, methods=["GET"], response_class=HTMLResponse)
    router.add_api_route(
        "/pilots/{pilot_id}", pages.pilot, methods=["GET"], response_class=HTMLResponse
    )
    router.add_api_route("/static/{path:path}", pages.static, methods=["GET", "HEAD"])
    return router
