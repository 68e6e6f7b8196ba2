"""A resident's own pages: plain forms in three languages, they work without JavaScript."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ..api.deps import GatewayView, TheGateway
from ..api.session import session_of
from ..api.sight import Sight, TheSight
from ..errors import ConflictError, RegistryError, UnknownRecordError
from ..pilots.consent.state import Kind, Status
from ..pilots.erasure import Erasures
from .forms import check_meant, fields
from .messages import DOOR_LANGUAGES, door_language, own_messages
from .own_view import OwnView
from .own_words import Words
from .rendering import page_environment

#: A page that waits for something asks again this often.
REFRESH_S = 3
_SAID = frozenset({"given", "refused", "paused", "resumed", "withdrawn"})


class _Pages:
    """Renders the pages and takes what they send."""

    def __init__(self, version: str) -> None:
        self._environment = page_environment(version)
        self._tables = own_messages()
        self._languages = {code: words["language"] for code, words in self._tables.items()}

    def own(self, request: Request, gateway: TheGateway, sight: TheSight) -> Response:
        view = self._view(request, gateway, sight)
        if not view.exists:
            return self._render(request, gateway, "own_gone.html", session=session_of(request))
        copy = self._copy(request, gateway, sight)
        wishes, (looks, more) = view.wishes(), view.looks()
        return self._render(
            request,
            gateway,
            "own.html",
            refresh=copy is not None and copy.state == "asked",
            session=session_of(request),
            pilot_id=view.pilot,
            wishes=wishes,
            measuring=_measuring([wish.status for wish in wishes]),
            measures=view.measures(),
            looks=looks,
            more=more,
            copy=copy,
        )

    async def say(self, request: Request, gateway: TheGateway, sight: TheSight) -> Response:
        """One purpose, or with none named, all of them: a break and its end."""
        form = await fields(request)
        check_meant(request, form)
        kind, purpose = form.get("kind", ""), form.get("purpose", "")
        if kind not in _SAID or (not purpose and kind not in ("paused", "resumed")):
            raise RegistryError("kind", f"{kind!r}; use {', '.join(sorted(_SAID))}")
        await run_in_threadpool(self._say, request, gateway, sight, purpose, Kind(kind))
        return _back(request, "wishes" if purpose else "main")

    def _say(
        self, request: Request, gateway: GatewayView, sight: Sight, purpose: str, kind: Kind
    ) -> None:
        view = self._view(request, gateway, sight)
        every = [wish.purpose for wish in view.wishes() if kind.value in wish.offered]
        for one in [purpose] if purpose else every:
            try:
                gateway.registry.consents.record(
                    view.pilot,
                    view.person,
                    one,
                    kind,
                    actor=sight.principal.name,
                    method="page",
                    language=self._language(request, gateway),
                )
            except ConflictError:
                # Said twice, or in two windows: the page shows where it stands.
                continue
        # The next page must not show what was just taken back.
        gateway.steward.refresh()

    def receipt(
        self,
        request: Request,
        gateway: TheGateway,
        sight: TheSight,
        purpose: Annotated[str, Path(max_length=32)],
    ) -> Response:
        view = self._view(request, gateway, sight)
        words = self._words(request, gateway)
        found = gateway.registry.consents.receipt(view.pilot, view.person, purpose)
        events = gateway.registry.consents.events(view.pilot, view.person, purpose)
        now_us = gateway.now_us()
        return self._render(
            request,
            gateway,
            "own_receipt.html",
            receipt=found,
            things=words.things(found["processing"]["data"]),
            events=[
                (words.moment(e.effective_us or e.at_us, now_us), e.kind.value) for e in events
            ],
            file=f"/api/v1/consents/{view.pilot}/{view.person}/{purpose}/receipt",
        )

    async def copy(self, request: Request, gateway: TheGateway, sight: TheSight) -> Response:
        check_meant(request, await fields(request))
        view = self._view(request, gateway, sight)
        gateway.registry.people.get(view.pilot, view.person)
        job = await run_in_threadpool(
            lambda: gateway.registry.jobs.ask(
                "export",
                pilot=view.pilot,
                person=view.person,
                actor=sight.principal.name,
                window_us=None,
            )
        )
        return _back(request, "copy", copy=job.id)

    def sure(self, request: Request, gateway: TheGateway) -> Response:
        return self._render(request, gateway, "own_erase.html", session=session_of(request))

    async def erase(self, request: Request, gateway: TheGateway, sight: TheSight) -> Response:
        check_meant(request, await fields(request))
        view = self._view(request, gateway, sight)
        erasures = Erasures(gateway.registry, gateway.now_us)
        asked = await run_in_threadpool(
            erasures.request, view.pilot, view.person, sight.principal.name
        )
        lang = self._language(request, gateway)
        return RedirectResponse(f"/erased/{asked.id}?lang={lang}", status_code=303)

    def erased(
        self, request: Request, gateway: TheGateway, erasure: Annotated[str, Path(max_length=64)]
    ) -> Response:
        """For whoever knows the address: the session ends with the data."""
        erasures = Erasures(gateway.registry, gateway.now_us)
        found = erasures.get(erasure)
        edges = erasures.edges(found)
        is_open = found.state not in ("done", "residue")
        return self._render(
            request,
            gateway,
            "own_erased.html",
            refresh=is_open,
            state="open" if is_open else "done",
            residue=found.state == "residue",
            waiting=bool(edges) and not all(edges.values()),
            file=None if is_open else f"/erased/{found.id}/receipt",
        )

    def certificate(
        self, gateway: TheGateway, erasure: Annotated[str, Path(max_length=64)]
    ) -> dict[str, Any]:
        """The signed receipt; it names nobody."""
        return Erasures(gateway.registry, gateway.now_us).get(erasure).receipt

    def _copy(self, request: Request, gateway: GatewayView, sight: Sight) -> Any:
        """The file that this page has asked for, if it was this person's."""
        asked = request.query_params.get("copy", "")[:64]
        try:
            job = gateway.registry.jobs.get(asked) if asked else None
        except UnknownRecordError:
            return None
        mine = job is not None and job.arguments.get("person") == sight.principal.person
        return job if mine and job is not None and job.kind == "export" else None

    def _view(self, request: Request, gateway: GatewayView, sight: Sight) -> OwnView:
        return OwnView(gateway, sight, self._words(request, gateway))

    def _words(self, request: Request, gateway: GatewayView) -> Words:
        language = self._language(request, gateway)
        return Words(self._tables[language], language)

    def _language(self, request: Request, gateway: GatewayView) -> str:
        """The one clicked, else the one that the person was invited in, else the browser's."""
        chosen = request.query_params.get("lang", "")
        session = request.state.session
        if chosen not in DOOR_LANGUAGES and session is not None:
            p = session.principal
            person = gateway.registry.people.find(next(iter(p.pilots), ""), p.person)
            chosen = person.language if person is not None else ""
        return door_language(chosen, request.headers.get("accept-language", ""))

    def _render(
        self,
        request: Request,
        gateway: GatewayView,
        template: str,
        *,
        refresh: bool = False,
        **values: Any,
    ) -> HTMLResponse:
        lang = self._language(request, gateway)
        text = self._environment.get_template(template).render(
            lang=lang, t=self._tables[lang], languages=self._languages, **values
        )
        headers = {"Vary": "Accept-Language"}
        if refresh:
            headers["Refresh"] = str(REFRESH_S)
        return HTMLResponse(text, headers=headers)


def build_router(*, version: str) -> APIRouter:
    """Return the router of ``/me`` with its parts, and of ``/erased/{erasure}``."""
    pages = _Pages(version)
    router = APIRouter(include_in_schema=False)
    for path, answer, method in (
        ("/me", pages.own, "GET"),
        ("/me/consent", pages.say, "POST"),
        ("/me/receipt/{purpose}", pages.receipt, "GET"),
        ("/me/copy", pages.copy, "POST"),
        ("/me/erase", pages.sure, "GET"),
        ("/me/erase", pages.erase, "POST"),
        ("/erased/{erasure}", pages.erased, "GET"),
    ):
        router.add_api_route(path, answer, methods=[method], response_class=HTMLResponse)
    router.add_api_route("/erased/{erasure}/receipt", pages.certificate, methods=["GET"])
    return router


def _measuring(statuses: list[str]) -> str:
    if Status.GIVEN.value in statuses:
        return "on"
    return "paused" if Status.PAUSED.value in statuses else "off"


def _back(request: Request, place: str, **query: str) -> Response:
    """To the page that the form stood on, in its language."""
    lang = request.query_params.get("lang", "")
    words = query | ({"lang": lang} if lang in DOOR_LANGUAGES else {})
    text = "&".join(f"{name}={value}" for name, value in words.items())
    return RedirectResponse(f"/me{'?' if text else ''}{text}#{place}", status_code=303)
