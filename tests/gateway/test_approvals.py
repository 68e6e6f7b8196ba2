"""The two-person rule: who is behind a pseudonym."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from door_kit import House, house
from gateway_kit import OTHER_PILOT, PILOT

WISH = "/api/v1/approvals"
DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as made:
        made.add("second", "operator")
        yield made


@pytest.fixture(scope="module")
def person(here: House) -> str:
    people = here.gateway.registry.people
    return people.invite(PILOT, actor="test", name="Maija Esimerkki", contact="maija@x.fi")[
        0
    ].person


def post(here: House, who: str, path: str, **body: str) -> Any:
    return here.ask("POST", path, here.cookie(who), **({"json": body} if body else {}))


def wish(here: House, person: str, who: str = "care") -> str:
    made = post(here, who, WISH, pilot=PILOT, person=person, reason="the strap is silent")
    assert made.status_code == 201
    return str(made.json()["id"])


def test_one_person_alone_learns_no_name(here: House, person: str) -> None:
    mine = wish(here, person, "operator")
    own = post(here, "operator", f"{WISH}/{mine}/approve")
    assert own.status_code == 403
    assert "another person" in own.json()["fix"]
    early = post(here, "operator", f"{WISH}/{mine}/use")
    assert (early.status_code, "Maija" in early.text) == (403, False)


def test_a_second_person_allows_it_for_the_first_and_once(here: House, person: str) -> None:
    asked = wish(here, person)
    waiting = here.ask("GET", WISH, here.cookie("operator")).json()
    assert asked in [one["id"] for one in waiting]
    assert post(here, "care", f"{WISH}/{asked}/approve").status_code == 403, "not that role"
    allowed = post(here, "operator", f"{WISH}/{asked}/approve")
    assert allowed.json()["approved_by"] == "operator"
    assert post(here, "second", f"{WISH}/{asked}/approve").status_code == 409
    assert post(here, "operator", f"{WISH}/{asked}/use").status_code == 403, "who asked, alone"
    told = post(here, "care", f"{WISH}/{asked}/use")
    assert told.json() == {"name": "Maija Esimerkki", "contact": "maija@x.fi", "language": "fi"}
    assert post(here, "care", f"{WISH}/{asked}/use").status_code == 409
    log = here.gateway.registry.audit.path.read_text()
    for step in ("reveal-asked", "reveal-approved", '"reveal"'):
        assert step in log
    assert "Maija" not in log


def test_a_wish_ends_after_a_day_and_needs_a_reason(here: House, person: str) -> None:
    asked = wish(here, person)
    here.clock[0] += DAY_US
    assert post(here, "operator", f"{WISH}/{asked}/approve").status_code == 404
    empty = post(here, "care", WISH, pilot=PILOT, person=person, reason=" ")
    assert (empty.status_code, empty.json()["field"]) == (422, "reason")


def test_nobody_is_behind_a_simulated_person_and_others_pilots_are_not_there(here: House) -> None:
    asked = wish(here, "p-7f3a")
    post(here, "operator", f"{WISH}/{asked}/approve")
    assert post(here, "care", f"{WISH}/{asked}/use").status_code == 404
    foreign = post(here, "care", WISH, pilot=OTHER_PILOT, person="p-7f3a", reason="x")
    assert foreign.status_code == 404
