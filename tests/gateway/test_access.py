"""Every route for every role, and whose data each of them sees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from door_kit import PERSON, ROLES, House, house
from fastapi.routing import APIRoute
from gateway_kit import DEVICE, EDGE, OTHER_EDGE, OTHER_PILOT, PILOT, T0_US, hr_frame
from route_matrix import (
    BODIES,
    EXPECTED,
    FOREIGN,
    OWN,
    PLACES,
    QUERIES,
    SPAN,
    WITHOUT_A_BODY,
)
from vointi_gateway import api
from vointi_gateway.api.access import RULES
from vointi_gateway.api.sight import Sight
from vointi_gateway.events import reading_event, status_event
from vointi_gateway.identity.sessions import Principal
from vointi_gateway.live import Event
from vointi_gateway.settings import MetricsSettings
from vointi_gateway.store.model import StoredReading
from vointi_gateway.store.reading import WRITES


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as made:
        # Then a stream that a role may open ends at once.
        made.gateway.hub.close()
        yield made


def served(here: House) -> set[str]:
    """Every route of the application, also those that are in no document."""

    def below(routes: Any, prefix: str) -> Iterator[str]:
        for route in routes:
            inner = getattr(route, "original_router", None)
            if inner is not None:
                yield from below(inner.routes, prefix + route.include_context.prefix)
            else:
                yield from (f"{m} {prefix}{route.path}" for m in route.methods if m != "HEAD")

    return set(below(here.app.routes, ""))


def test_every_route_has_a_row_here_and_a_rule_there(here: House) -> None:
    """A new route without either fails: say who may use it in api/access.py, and here."""
    rules = {f"{rule.method} {rule.path}" for rule in RULES}
    found = served(here)
    assert found == set(EXPECTED)
    assert found == rules
    assert len(rules) == len(RULES)


def test_every_route_of_the_api_is_documented(here: House) -> None:
    paths = here.app.openapi()["paths"]
    listed = {f"{m.upper()} {path}" for path, methods in paths.items() for m in methods}
    assert listed == {r for r in served(here) if "/api/" in r and "openapi" not in r}
    assert all(isinstance(route, APIRoute) for route in api.health.router.routes)


@pytest.mark.parametrize("role", ROLES)
def test_each_cell(here: House, role: str) -> None:
    # Failures of the role before are over.
    here.clock[0] += 1_800_000_000
    here.gateway.identity.edges.ticket(EDGE, PILOT, "s", "test")
    cookie = here.cookie(role)
    got = {}
    for route in EXPECTED:
        if route in ("DELETE /api/v1/session", "POST /sign-out"):
            cookie = here.cookie(role)
        method, path = route.split(" ")
        path = path.replace("{edge}", EDGE).replace("{pilot_id}", PILOT)
        for name, value in PLACES.items():
            path = path.replace(name, value)
        options = {"json": BODIES.get(route, {})} if method == "POST" else {}
        answer = here.ask(method, path + QUERIES.get(route, ""), cookie, **options)
        got[route] = answer.status_code
    assert got == {route: answers[role] for route, answers in EXPECTED.items()}


def test_an_unlisted_path_is_the_operators(here: House) -> None:
    for role, status in (("anonymous", 401), ("company", 403), ("operator", 404)):
        assert here.ask("GET", "/api/v1/nothing", here.cookie(role)).status_code == status


# ---- whose data


def test_a_company_sees_its_own_pilot_and_no_byte_of_another(here: House) -> None:
    """Planted markers of A in every byte that B can get; a foreign id is like one that is not."""
    rival = here.cookie("rival")
    markers = (PILOT, "Pilot A", EDGE + ".", f'"{EDGE}"', "Espoo")
    for route in EXPECTED:
        method, path = route.split(" ")
        # The document has examples, and they are the same for everybody.
        if method == "GET" and "{" not in path and not path.endswith(("live", "openapi.json")):
            text = here.ask("GET", path, rival).text
            for marker in markers:
                assert marker not in text, route
    for path, mine, theirs in (
        (f"/api/v1/series?metric=heart_rate&{SPAN}&device=", OWN, "no-such.device"),
        (f"/api/v1/series?metric=ecg&{SPAN}&device=", OWN, "no-such.device"),
        ("/api/v1/pilots/", PILOT, "no-such"),
        ("/api/v1/devices?pilot=", PILOT, "no-such"),
        ("/pilots/", PILOT, "no-such"),
    ):
        foreign, missing = (
            here.ask("GET", path + mine, rival),
            here.ask("GET", path + theirs, rival),
        )
        assert foreign.status_code == missing.status_code
        assert foreign.text.replace(mine, "X") == missing.text.replace(theirs, "X")


def test_counts_are_of_ones_own_edges(here: House) -> None:
    assert here.ask("GET", "/api/v1/health", here.cookie("operator")).json()["counts"] == {
        "accepted": 2, "stored": 2, "duplicates": 0, "quarantined": 0, "lost": 0,
    }  # fmt: skip
    document = here.ask("GET", "/api/v1/health", here.cookie("rival")).json()
    assert document["counts"]["accepted"] == 1
    assert [edge["edge"] for edge in document["edges"]] == [OTHER_EDGE]
    assert document["commit_ms"] == {"p50": None, "p99": None}


@pytest.mark.parametrize(
    ("role", "pilots", "devices", "people"),
    [
        ("company", [PILOT], [OWN], [PERSON]),
        ("care", [PILOT], [OWN], [PERSON]),
        ("city", [PILOT], [OWN], []),
        ("operator", [PILOT, OTHER_PILOT], [OWN, FOREIGN], [PERSON]),
        ("resident", [PILOT], [OWN], [PERSON]),
        ("rival", [OTHER_PILOT], [FOREIGN], [PERSON]),
    ],
)
def test_what_each_role_sees(
    here: House, role: str, pilots: list[str], devices: list[str], people: list[str]
) -> None:
    cookie = here.cookie(role)
    found = here.ask("GET", "/api/v1/pilots", cookie).json()
    assert [pilot["id"] for pilot in found] == pilots
    assert found[0]["people"] == people
    listed = here.ask("GET", "/api/v1/devices", cookie).json()
    assert [device["device"] for device in listed] == devices
    assert {device["person"] for device in listed} == {*people} or {None}


def test_another_resident_of_the_pilot_sees_nothing_of_the_first(here: House) -> None:
    invitations = here.gateway.identity.invitations
    made = invitations.invite("p-other", PILOT, "test")
    cookie = invitations.accept(made.path.rpartition("/")[2], made.code, "here")
    assert here.ask("GET", "/api/v1/devices", cookie).json() == []
    pilot = here.ask("GET", "/api/v1/pilots", cookie).json()[0]
    assert (pilot["people"], pilot["edges"], pilot["devices"]) == ([], [], 0)
    path = f"/api/v1/series?device={OWN}&metric=heart_rate&{SPAN}"
    assert here.ask("GET", path, cookie).status_code == 404


@pytest.mark.parametrize(
    ("role", "method", "path", "mine", "theirs"),
    [
        ("care", "GET", "/api/v1/consents/X/p-1", OTHER_PILOT, "none"),
        ("care", "GET", "/api/v1/consents/X/p-1/care/receipt", OTHER_PILOT, "none"),
        ("resident", "GET", f"/api/v1/consents/{PILOT}/X", "p-other", "p-none"),
        ("resident", "GET", f"/api/v1/people/{PILOT}/X", "p-other", "p-none"),
        ("resident", "GET", "/api/v1/people/X/p-1", OTHER_PILOT, "none"),
        ("city", "GET", "/api/v1/pilots/X", OTHER_PILOT, "none"),
    ],
)
def test_what_is_foreign_looks_like_what_is_not(
    here: House, role: str, method: str, path: str, mine: str, theirs: str
) -> None:
    people = here.gateway.registry.people
    if people.find(PILOT, "p-other") is None:
        people.add_simulated(PILOT, "p-other", "test")
    cookie = here.cookie(role)
    foreign = here.ask(method, path.replace("X", mine), cookie)
    missing = here.ask(method, path.replace("X", theirs), cookie)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.text.replace(mine, "X") == missing.text.replace(theirs, "X")


def test_a_care_professional_lends_nothing_of_another_pilot(here: House) -> None:
    cookie = here.cookie("care")
    for path, body in (
        ("/api/v1/loans/events", {"device": FOREIGN, "kind": "returned"}),
        ("/api/v1/loans", {"device": FOREIGN, "pilot": PILOT, "person": PERSON}),
        ("/api/v1/loans", {"device": OWN, "pilot": OTHER_PILOT, "person": PERSON}),
        ("/api/v1/participants", {"pilot": OTHER_PILOT}),
    ):
        assert here.ask("POST", path, cookie, json=body).status_code == 404
    listed = here.ask("GET", "/api/v1/loans", cookie).json()
    assert [device["device"] for device in listed] == [OWN]
    found = here.ask("GET", "/api/v1/participants", cookie).json()
    assert {one["pilot"] for one in found} == {PILOT}


@pytest.mark.parametrize(
    ("principal", "seen"),
    [
        (Principal("o", "operator"), {"reading", "status", "health"}),
        (Principal("c", "company", frozenset({PILOT})), {"reading", "status"}),
        (Principal("c", "company", frozenset({OTHER_PILOT})), set()),
        (Principal("r", "resident", frozenset({PILOT}), "", PERSON), {"reading"}),
        (Principal("r", "resident", frozenset({PILOT}), "", "p-other"), set()),
        (Principal("r", "resident", frozenset({OTHER_PILOT}), "", PERSON), set()),
    ],
)
def test_live_events_are_for_those_who_may_see_them(
    here: House, principal: Principal, seen: set[str]
) -> None:
    fleet = here.gateway.fleet
    reading = StoredReading(PILOT, EDGE, hr_frame(2), T0_US, PERSON, frozenset({"care"}))
    events = [reading_event(reading), status_event(fleet, EDGE)]
    events.append(Event("health", json.dumps({})))
    sight = Sight(principal, fleet, here.gateway.steward.gate())
    assert {event.name for event in events if sight.event(event)} == seen


# ---- the door


def test_a_change_needs_the_sessions_word_and_the_own_origin(here: House) -> None:
    operator = here.cookie("operator")
    path = "/api/v1/edges/edge-1/ticket"
    assert here.ask("POST", path, operator, json={}).status_code == 201
    for headers in (
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "wrong"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ):
        assert here.ask("POST", path, operator, json={}, headers=headers).status_code == 403
    good = {"Origin": "https://gw.test"}
    assert here.ask("POST", path, operator, json={}, headers=good).status_code == 201


def test_a_body_is_bounded_before_it_is_read(here: House) -> None:
    answer = here.ask("POST", "/api/v1/session", content=b"x" * 70_000)
    assert answer.status_code == 413

    async def endless():  # type: ignore[no-untyped-def]
        for _ in range(100):
            yield b'{"name":"' + b"x" * 10_000

    answer = here.ask("POST", "/api/v1/session", content=endless())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "route", [r for r in EXPECTED if r.startswith("POST /api") and not r.endswith(WITHOUT_A_BODY)]
)
def test_unknown_fields_are_refused(here: House, route: str) -> None:
    """Mass assignment: every field that there is, on every route that writes."""
    if route.endswith("revoke"):
        here.gateway.identity.edges.ticket(EDGE, PILOT, "s", "test")
    body = BODIES.get(route, {}) | {"role": "operator", "pilots": ["pilot-b"], "state": "active"}
    path = route.split(" ")[1].replace("{edge}", EDGE)
    assert here.ask("POST", path, here.cookie("operator"), json=body).status_code == 422


def test_local_mode_is_for_this_machine_and_its_own_pages(tmp_path: Path) -> None:
    with house(tmp_path, auth="local") as here:
        get = lambda host: here.ask("GET", "/api/v1/pilots", headers={"Host": host}).status_code  # noqa: E731
        assert [get(h) for h in ("localhost:8080", "127.0.0.1", "[::1]:80")] == [200, 200, 200]
        assert [get(h) for h in ("evil.example", "192.0.2.7", "")] == [403, 403, 403]
        proxied = {"Host": "localhost", "X-Forwarded-For": "192.0.2.7"}
        assert here.ask("GET", "/api/v1/pilots", headers=proxied).status_code == 403
        headers = {"Host": "localhost", "Origin": "https://evil.example"}
        path = "/api/v1/edges/edge-1/ticket"
        assert here.ask("POST", path, json={}, headers=headers).status_code == 403
        headers["Origin"] = "http://localhost"
        assert here.ask("POST", path, json={}, headers=headers).status_code == 201


def test_a_route_can_read_the_store_and_nothing_else(here: House) -> None:
    """Every verb of the store by the credential that the routes have."""
    for verb in sorted(WRITES):
        assert callable(getattr(here.gateway.store, verb))
        with pytest.raises(PermissionError, match=verb):
            getattr(here.gateway.readings, verb)
    assert here.gateway.readings.births()
    for folder in ("api", "ui"):
        for path in (Path(api.__file__).parent.parent / folder).rglob("*.py"):
            assert "gateway.store." not in path.read_text(), path.name


def test_a_scraper_has_a_token_and_sees_no_person(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with house(tmp_path / "data", metrics=MetricsSettings(token)) as here:
        path = "/api/v1/metrics"
        bearer = lambda text: here.ask("GET", path, headers={"Authorization": f"Bearer {text}"})  # noqa: E731
        assert [bearer(text).status_code for text in ("", "x")] == [401, 401], "no file, no token"
        token.write_text("first\n")
        assert [bearer(text).status_code for text in ("first", "other", "")] == [200, 401, 401]
        token.write_text("second\n")
        assert [bearer(text).status_code for text in ("first", "second")] == [401, 200]
        text = bearer("second").text
        assert 'vointi_readings{outcome="stored"} 2\n' in text
        assert f'vointi_edge_online{{edge="{EDGE}",pilot="{PILOT}"}} 1\n' in text
        assert re.search(r'^vointi_live_delay_seconds_bucket{le="\+Inf"} \d+$', text, re.M)
        assert PERSON not in text
        assert DEVICE not in text
        form = re.compile(r"(# (HELP|TYPE) \w+ .+|\w+(\{[^{}]*\})? [0-9.e+-]+)")
        assert all(form.fullmatch(line) for line in text.splitlines())
        other = here.ask("GET", "/api/v1/health", headers={"Authorization": "Bearer second"})
        assert other.status_code == 401, "it opens this door alone"


def test_failures_tell_nothing(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forced 500 on a route of each kind: no stack, no query, no ids."""

    def broken(*_: object) -> None:
        raise RuntimeError("SELECT secret FROM planted")

    monkeypatch.setattr(here.gateway.fleet, "edges", broken)
    operator = here.cookie("operator")
    for path in ("/api/v1/health", "/api/v1/devices", "/api/v1/pilots"):
        answer = here.ask("GET", path, operator)
        assert answer.status_code == 500
        assert answer.json() == {
            "field": "",
            "fix": "the gateway failed on this; its log says where",
        }


@pytest.mark.parametrize("path", ["/", "/sign-in", "/welcome/x", "/pilots/none", "/api/v1/pilots"])
def test_headers_are_on_every_page(here: House, path: str) -> None:
    headers = here.ask("GET", path, here.cookie("operator")).headers
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
