"""Plain forms: their fields, and whether the page they came from is this session's."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request

from ..api.session import session_of
from ..identity.errors import RefusedError


async def fields(request: Request) -> dict[str, str]:
    """The fields of a form as browsers send it (application/x-www-form-urlencoded)."""
    text = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(text, max_num_fields=20).items()}


def check_meant(request: Request, form: dict[str, str]) -> None:
    """Raises RefusedError when the form does not carry its session's word."""
    if not session_of(request).allows_change(form.get("csrf", "")):
        raise RefusedError("csrf", "the page is too old; load it again")
