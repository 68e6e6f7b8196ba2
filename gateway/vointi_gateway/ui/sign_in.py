"""The pages that let somebody in: plain forms, they work without JavaScript."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ..api.deps import TheGateway
from ..api.session import address, end_session, set_cookie
from ..identity.errors import IdentityError
from .forms import check_meant, fields
from .messages import door_language, door_messages
from .rendering import page_environment

#: Where residents come in.
OWN_PAGE = "/me"
_TEMPLATES = {"door": "sign_in.html", "welcome": "welcome.html"}


class _Pages:
    """Renders the forms and takes what they send."""

    def __init__(self, version: str) -> None:
        self._environment = page_environment(version)
        self._words = door_messages()
        self._languages = {code: words["language"] for code, words in self._words.items()}

    def _form(
        self, request: Request, page: str, problem: IdentityError | None = None
    ) -> HTMLResponse:
        header = request.headers.get("accept-language", "")
        lang = door_language(request.query_params.get("lang", ""), header)
        failed = problem.status if problem else 0
        text = self._environment.get_template(_TEMPLATES[page]).render(
            failed=failed, page=page, lang=lang, t=self._words[lang], languages=self._languages
        )
        return HTMLResponse(text, failed or 200, {"Vary": "Accept-Language"})

    def staff(self, request: Request) -> Response:
        return self._form(request, "door")

    def resident(self, token: str, request: Request) -> Response:
        # The token is in the address that the form is sent to: it is not used up by looking.
        return self._form(request, "welcome")

    async def staff_sent(self, request: Request, gateway: TheGateway) -> Response:
        form = await fields(request)
        values = (form.get("name", ""), form.get("password", ""), form.get("code", ""))
        accounts = gateway.identity.accounts
        try:
            token = await run_in_threadpool(accounts.sign_in, *values, address(request))
        except IdentityError as exc:
            return self._form(request, "door", exc)
        return _let_in(token)

    async def resident_sent(self, token: str, request: Request, gateway: TheGateway) -> Response:
        form = await fields(request)
        accept = gateway.identity.invitations.accept
        code = form.get("code", "")
        try:
            cookie = await run_in_threadpool(accept, token, code, address(request))
        except IdentityError as exc:
            return self._form(request, "welcome", exc)
        return _let_in(cookie, OWN_PAGE)

    async def sign_out(self, request: Request, gateway: TheGateway) -> Response:
        form = await fields(request)
        check_meant(request, form)
        response = RedirectResponse("/sign-in", status_code=303)
        await run_in_threadpool(end_session, request, response, gateway)
        return response


def build_router(*, version: str) -> APIRouter:
    """Return the router of ``/sign-in``, ``/sign-out`` and ``/welcome/{token}``."""
    pages = _Pages(version)
    router = APIRouter(include_in_schema=False)
    for path, answer, method in (
        ("/sign-in", pages.staff, "GET"),
        ("/sign-in", pages.staff_sent, "POST"),
        ("/sign-out", pages.sign_out, "POST"),
        ("/welcome/{token}", pages.resident, "GET"),
        ("/welcome/{token}", pages.resident_sent, "POST"),
    ):
        router.add_api_route(path, answer, methods=[method], response_class=HTMLResponse)
    return router


def _let_in(token: str, page: str = "/") -> Response:
    response = RedirectResponse(page, status_code=303)
    set_cookie(response, token)
    return response
