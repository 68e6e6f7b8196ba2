"""Whatever is sent as a body, to whichever route: a refusal with field and fix, and no failure."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from door_kit import PERSON, House, house
from gateway_kit import DEVICE, EDGE, PILOT
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from route_matrix import BODIES, PLACES

DEEP = 5_000
_ADDRESSES = itertools.count(1)
#: Bodies that are no JSON object, or none that anybody means.
NO_OBJECT: dict[str, bytes] = {
    "nothing": b"",
    "no json": b"{",
    "half a list": b"[1,",
    "a word": b"nul",
    "not utf-8": b'{"pilot": "\xff\xfe"}',
    "utf-16": '{"pilot": "x"}'.encode("utf-16"),
    "a mark and an object": b"\xef\xbb\xbf{}",
    "deep list": b"[" * DEEP + b"]" * DEEP,
    "deep and open": b'{"a":' * DEEP,
    "deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "a list": b"[]",
    "a number": b"7",
    "a long number": b"9" * 6_000,
    "null": b"null",
    "infinity": b"Infinity",
    "zeros": bytes(1_000),
}
TYPES = (
    "application/json",
    "application/json; charset=utf-16",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "",
)
#: Values that a field of any kind may be given.
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**4_000, -(10**40), 2**63, 2**64, 1e308, float("nan"), float("inf")]),
    st.text(st.characters(codec=None), max_size=300),
    st.sampled_from(["\x00", "\ud800", "x" * 60_000, "𐏿", "../..", "a\nb", "%s%n", "'; --"]),
    st.lists(st.integers() | st.text(max_size=3), max_size=5),
    st.dictionaries(st.text(max_size=5), st.none() | st.integers(), max_size=5),
)
FEW = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
#: What a valid body of a route looks like, where the matrix of roles does not send one.
VALID: dict[str, dict[str, object]] = {
    "POST /api/v1/participants": {"pilot": PILOT, "name": "x", "contact": "x", "language": "fi"},
    "POST /api/v1/loans": {"device": f"{EDGE}.{DEVICE}", "pilot": PILOT, "person": PERSON},
    "POST /api/v1/loans/events": {"device": f"{EDGE}.{DEVICE}", "kind": "charged"},
    "POST /api/v1/consents": {
        "pilot": PILOT,
        "person": PERSON,
        "purpose": "care",
        "kind": "given",
        "language": "fi",
    },
    "POST /api/v1/exports": {"pilot": PILOT, "person": PERSON, "resolution": "raw"},
    "POST /api/v1/approvals": {"pilot": PILOT, "person": PERSON, "reason": "test"},
    "POST /api/v1/edges/{edge}/ticket": {"site": "home"},
    "POST /api/v1/pilots": {"id": "x", "name": "X", "kind": "home", "city": "Espoo"},
    "POST /api/v1/session": {"name": "nobody", "password": "x" * 12, "code": "000000"},
    "POST /api/v1/enrol": {"ticket": "x", "csr": "x"},
    "POST /api/v1/enrol/renew": {"serial": "1", "csr": "x", "signature": "eA=="},
    "POST /api/v1/quarantine/replay": {"ids": ["none"]},
    "POST /api/v1/quarantine/drop": {"ids": ["none"]},
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as made:
        made.gateway.ingest.writer.start()
        yield made


@pytest.fixture(scope="module")
def cookie(here: House) -> str:
    return here.cookie("operator")


def routes(here: House) -> list[tuple[str, str, str]]:
    """(method, path with places filled in, label) of whatever changes something."""
    found = []
    for path, methods in here.app.openapi()["paths"].items():
        for method in {"post", "put", "patch"} & methods.keys():
            label = f"{method.upper()} {path}"
            found.append((method.upper(), re.sub(r"{.*?}", _place, path), label))
    assert len(found) > 15
    return found


def _place(match: re.Match[str]) -> str:
    return PLACES.get(match.group(), "none")


def told(answer: httpx.Response, sent: object) -> None:
    """A refusal says field and fix; nothing else is an answer to what cannot be meant."""
    assert answer.status_code < 500, (sent, answer.status_code, answer.text)
    if answer.status_code >= 400:
        said = answer.json()
        assert said.keys() >= {"field", "fix"}, (sent, said)
        assert said["fix"], (sent, said)


def send(here: House, cookie: str, route: tuple[str, str, str], body: bytes, kind: str) -> Any:
    headers = {"content-type": kind} if kind else {}
    # From another address each time: who fails often is told to wait, and nothing else.
    where = f"2001:db8::{next(_ADDRESSES):x}"
    return here.ask(route[0], route[1], cookie, content=body, headers=headers, address=where)


def alive(here: House, cookie: str) -> None:
    answer = here.ask("GET", "/api/v1/health", cookie)
    said = answer.json()
    assert (answer.status_code, said["store"]["ok"], said["counts"]["stored"]) == (200, True, 2)


@pytest.mark.parametrize("name", NO_OBJECT)
def test_what_is_no_object_is_refused_by_every_route(here: House, cookie: str, name: str) -> None:
    for route in routes(here):
        kinds = TYPES if name in ("nothing", "no json", "utf-16") else TYPES[:1]
        for kind in kinds:
            answer = send(here, cookie, route, NO_OBJECT[name], kind)
            told(answer, (route[2], name, kind))
            if "requestBody" in here.app.openapi()["paths"].get(_path(route), {}).get("post", {}):
                assert answer.status_code >= 400, (route[2], name, kind)
    alive(here, cookie)


def _path(route: tuple[str, str, str]) -> str:
    return route[2].partition(" ")[2]


def test_a_body_that_is_too_large_is_refused_by_every_route(here: House, cookie: str) -> None:
    for route in routes(here):
        answer = send(here, cookie, route, b'{"pilot": "' + b"x" * 70_000 + b'"}', TYPES[0])
        assert (answer.status_code, answer.json()["fix"] != "") == (413, True), route[2]
    alive(here, cookie)


def test_a_field_of_any_kind_is_taken_or_refused_by_name(here: House, cookie: str) -> None:
    """Each field of each route, and one that is not there, with whatever JSON can hold."""
    found: list[str] = []
    for route in routes(here):
        try:
            _asking(here, cookie, route)()
        except (Exception, BaseExceptionGroup) as exc:  # each route's own findings
            found += [f"{route[2]}: {one}" for one in getattr(exc, "exceptions", [exc])]
    assert found == [], "\n".join(found)
    alive(here, cookie)


def _asking(here: House, cookie: str, route: tuple[str, str, str]) -> Callable[[], None]:
    valid = VALID.get(route[2], BODIES.get(route[2], {}))
    fields = [*valid, "unknown"]

    @given(field=st.sampled_from(fields), value=ODD)
    @example(field=fields[0], value="\ud800")
    @example(field=fields[0], value="\x00")
    @example(field=fields[0], value=10**4_000)
    @FEW
    def ask(field: str, value: object) -> None:
        body = json.dumps({**valid, field: value}).encode()
        told(send(here, cookie, route, body, TYPES[0]), (route[2], field, repr(value)[:60]))

    asking: Callable[[], None] = ask
    return asking
