"""Planted words: what one pilot, person or secret owns is in no byte that others get."""

from __future__ import annotations

import json
import logging
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from door_kit import PASSWORD, PERSON, ROLES, House, house
from gateway_kit import BIN, DEVICE, EDGE, OTHER_EDGE, OTHER_PILOT, PILOT, T0_US, hr_frame, payload
from route_matrix import BODIES, EXPECTED, PLACES, SPAN
from vointi_contract.topics import EdgeTopics
from vointi_gateway.ingest.stage import Delivery
from vointi_gateway.logs import LineFormatter

NAME, CONTACT = "Aino Planted", "aino@planted.example"
#: A heart rate that no clock, port or id happens to be.
PLANTED_BPM = 237
SQL = ("' OR 1=1 --", '"; DROP TABLE pilot; --', "x' UNION SELECT name FROM resident --", "%00")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as made:
        made.gateway.hub.close()
        made.gateway.registry.people.invite(PILOT, actor="test", name=NAME, contact=CONTACT)
        yield made


def everything(here: House, role: str, pilot: str, edge: str) -> Iterator[tuple[str, str]]:
    """What a role gets from every route, headers and all, asking for this pilot's things."""
    cookie = here.cookie(role)
    for route in EXPECTED:
        method, path = route.split(" ")
        # Session routes end the session; the description and the revocation are not answers.
        if "session" in path or "sign-out" in path or "openapi" in path or "revoke" in path:
            continue
        for name, value in ({**PLACES, "{pilot}": pilot, "{pilot_id}": pilot}).items():
            path = path.replace(name, value)
        path = path.replace("{edge}", edge)
        body = json.loads(json.dumps(BODIES.get(route, {})).replace(PILOT, pilot))
        options = {"json": body} if method == "POST" else {}
        query = f"?device={edge}.{DEVICE}&metric=heart_rate&{SPAN}" if "series" in path else ""
        query = f"?pilot={pilot}&metric=heart_rate&from=-3d" if "daily" in path else query
        answer = here.ask(method, path + query, cookie, **options)
        heads = " ".join(f"{k}: {v}" for k, v in answer.headers.items())
        yield route, f"{heads}\n{answer.text}"


@pytest.mark.parametrize("role", ["company", "care", "city", "resident"])
def test_what_belongs_to_one_pilot_is_in_no_byte_that_another_gets(here: House, role: str) -> None:
    """All routes × roles, asked for one's own things and for the other's by their very names."""
    people = here.gateway.registry.people
    planted = people.invite(OTHER_PILOT, actor="test", name="B", contact="b@planted.example")[0]
    markers = (planted.person, "Pilot B", "Vantaa", f"{OTHER_EDGE}.{DEVICE}", "b@planted")
    for asked, edge in ((PILOT, EDGE), (OTHER_PILOT, OTHER_EDGE)):
        for route, text in everything(here, role, asked, edge):
            # A refusal may repeat the word that was asked for, and nothing more.
            said = text.replace(f"{OTHER_EDGE}.{DEVICE}", "") if asked == OTHER_PILOT else text
            for marker in markers:
                assert marker not in said, (route, marker)


@pytest.mark.parametrize("role", ROLES)
def test_a_name_is_in_no_answer_to_any_role(here: House, role: str) -> None:
    for route, text in everything(here, role, PILOT, EDGE):
        # "My data" is one's own; the resident who asks here is not the one who is planted.
        assert NAME not in text, route
        assert CONTACT not in text, route


def test_ten_years_in_seconds_are_refused_before_they_are_read(here: House) -> None:
    asked = f"/api/v1/series?device={EDGE}.{DEVICE}&metric=heart_rate"
    years = f"{asked}&from={T0_US / 1e6 - 315_360_000:.0f}&to={T0_US / 1e6:.0f}&resolution=1s"
    answer = here.ask("GET", years, here.cookie("operator"))
    assert (answer.status_code, answer.json()["field"]) == (422, "resolution")


def test_no_route_takes_an_address_to_fetch(here: House) -> None:
    """No webhook, no import by address: there is nothing to forge a request with."""
    document = json.dumps(here.app.openapi()).lower()
    for word in ('"url"', '"uri"', '"href"', '"callback"', '"webhook"', '"redirect"'):
        assert word not in document, word


@pytest.mark.parametrize("text", SQL)
def test_sql_in_every_parameter_is_a_word_like_any_other(here: House, text: str) -> None:
    operator = here.cookie("operator")
    before = here.gateway.registry.people.all()
    for path, method in here.app.openapi()["paths"].items():
        for name in [p["name"] for p in method.get("get", {}).get("parameters", [])]:
            if "{" in path:
                filled = re.sub(r"\{\w+\}", text.replace("/", "").replace("%", "%25"), path)
                status = here.ask("GET", filled, operator).status_code
            else:
                status = here.ask("GET", path, operator, params={name: text}).status_code
            assert status in (200, 404, 406, 409, 422, 503), (path, name, status)
    assert here.gateway.registry.people.all() == before


def test_the_linter_refuses_sql_made_of_values(root: Path, tmp_path: Path) -> None:
    """By the project's own rules, so that taking the rule away is seen here."""
    bad = tmp_path / "bad.py"
    bad.write_text('def f(con: object, x: str) -> None:\n    con.execute(f"SELECT {x} FROM a")\n')
    command = ["ruff", "check", "--no-cache", "--config", str(root / "pyproject.toml"), str(bad)]
    said = subprocess.run(
        [str(BIN / command[0]), *command[1:]], capture_output=True, text=True, check=False
    )
    assert "S608" in said.stdout


def test_no_value_name_or_secret_is_in_the_log(
    here: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Good and bad readings, good and bad requests, at the wordiest level."""
    caplog.set_level(logging.DEBUG)
    writer, topics = here.gateway.ingest.writer, EdgeTopics(PILOT, EDGE)
    good = payload(hr_frame(50, PLANTED_BPM, wall_us=here.clock[0]))
    odd = payload(hr_frame(51, PLANTED_BPM * 1000, wall_us=here.clock[0]))
    for number, data in enumerate((good, odd, b"\x01planted-bytes", good[:-3])):
        topic = topics.live(DEVICE)
        writer._inbox.put(Delivery(topic, data, number, 1, 1, False, here.clock[0]), "live", 1)
    writer.start()
    try:
        writer.submit(lambda store: store.counts()).result(60)
    finally:
        writer.stop()
    for role in ROLES:
        list(everything(here, role, PILOT, EDGE))
    here.ask("POST", "/api/v1/session", json={"name": "x", "password": PASSWORD, "code": "1"})
    # Without the times: their digits are anybody's.
    text = "\n".join(LineFormatter().format(record)[24:] for record in caplog.records)
    assert "sign-in" in text
    assert "quarantined" in text, "and says what is wrong without saying what was measured"
    for planted in (NAME, CONTACT, PASSWORD, f"{PLANTED_BPM}000", "planted-bytes", "900000"):
        assert planted not in text, planted
    assert not re.search(rf"\b{PLANTED_BPM}\b", text)
    assert PERSON in text, "who is who in the log is the pseudonym"
