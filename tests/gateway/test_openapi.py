"""The description of the API is what it does: schemathesis asks, and compares every answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from door_kit import House, house
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

#: Each ends the session that asks, or holds the answer open; the matrix of roles asks them.
ELSEWHERE = {"DELETE /api/v1/session", "GET /api/v1/live"}
#: Their words mean what no schema can say: a code, a ticket, a request that is signed, a pilot's
#: document (published as a schema of its own), a time in words. 422 says so.
BY_MEANING = {
    "POST /api/v1/pilots",
    "POST /api/v1/participants/join",
    "POST /api/v1/enrol",
    "POST /api/v1/enrol/renew",
    "POST /api/v1/edges/{edge}/revoke",
    "GET /api/v1/series",
    "GET /api/v1/indicators/daily",
}
#: Bounded and without a seed of the day: a finding here is the same everywhere.
BOUNDED = settings(
    max_examples=3,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as made:
        made.gateway.hub.close()
        # Some routes wait for the writer's turn.
        made.gateway.ingest.writer.start()
        yield made
        made.gateway.ingest.writer.stop()


def test_answers_are_as_described(here: House) -> None:
    """Every status, type and body that any route gives is one that its description has."""
    schema = schemathesis.openapi.from_dict(here.app.openapi())
    cookie, found, asked = here.cookie("operator"), [], 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.label in ELSEWHERE:
            continue
        asked += 1

        @given(case=operation.as_strategy())
        @BOUNDED
        def ask(case: Any) -> None:
            answer = here.ask(*request(case), cookie, **options(case))
            response = schemathesis.Response.from_httpx(answer, verify=False)
            beyond = [positive_data_acceptance] if case.operation.label in BY_MEANING else []
            case.validate_response(response, excluded_checks=beyond)

        try:
            ask()
        except (Exception, BaseExceptionGroup) as exc:  # each route's own findings
            said = getattr(exc, "exceptions", [exc])
            found += [f"{operation.label}: {one}" for one in said]
    assert asked > 30
    assert found == [], "\n".join(found)


def request(case: Any) -> tuple[str, str]:
    values = case.as_transport_kwargs(base_url="https://gw.test")
    return values["method"], values["url"]


def options(case: Any) -> dict[str, Any]:
    values = case.as_transport_kwargs(base_url="https://gw.test")
    body = {"content": values["data"]} if values.get("data") is not None else {}
    if "json" in values:
        body = {"json": values["json"]}
    headers = {k: v for k, v in (values.get("headers") or {}).items() if v is not None}
    return {"params": values.get("params") or {}, "headers": headers, **body}
