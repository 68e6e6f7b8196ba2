"""A resident's own page: by plain forms, in three languages, and of nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from door_kit import PERSON, House, house
from gateway_kit import DEVICE, EDGE, PILOT, T0_US, channel, hr_frame
from registry_kit import birth, document
from vointi_gateway.pilots.consent.state import Kind
from vointi_gateway.pilots.document import Site
from vointi_gateway.store.model import Commit, Counts, StoredReading
from vointi_gateway.ui.messages import own_messages
from vointi_gateway.ui.own_words import Words

HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that the tests only look at."""
    with house(tmp_path_factory.mktemp("calm")) as made:
        made.clock[0] += HOUR_US
        for n, bpm in enumerate((58, 64, 73), 2):
            keep(made, n, bpm, T0_US + n * 60_000_000)
        yield made


@pytest.fixture
def here(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


def keep(here: House, seq: int, bpm: int, wall_us: int) -> None:
    reading = StoredReading(
        PILOT, EDGE, hr_frame(seq, bpm, wall_us=wall_us), wall_us, PERSON, frozenset({"care"})
    )
    here.gateway.store.commit(Commit((reading,), (), (), {EDGE: Counts(1, 1)}, {}))


def send(here: House, path: str, cookie: str, **fields: str) -> str:
    """Press a button; the address that follows."""
    answer = here.ask("POST", path, cookie, data={"csrf": here.csrf(cookie)} | fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def state(here: House, purpose: str) -> str:
    states = here.gateway.registry.consents.states()[PILOT, PERSON]
    return states[purpose].status_at(here.gateway.now_us()).value


def offered(text: str, purpose: str) -> list[str]:
    part = text.split(f'data-purpose="{purpose}"')[1].split("</article>")[0]
    return re.findall(r'name="kind" value="(\w+)"', part)


def test_a_resident_comes_to_their_own_page(calm: House) -> None:
    cookie = calm.cookie("resident")
    assert calm.ask("GET", "/", cookie).headers["location"] == "/me"
    made = calm.gateway.identity.invitations.invite(PERSON, PILOT, "test")
    assert calm.ask("POST", made.path, data={"code": made.code}).headers["location"] == "/me"


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_it_shows_what_was_measured_in_the_persons_words(calm: House, language: str) -> None:
    text = calm.ask("GET", f"/me?lang={language}", calm.cookie("resident")).text
    words = own_messages()[language]
    assert f'<html lang="{language}">' in text
    assert f"<h1>{words['own.title']}</h1>" in text
    assert f"<strong>73</strong> {words['unit.heart_rate']}" in text
    cells = re.findall(r"<td>([^<]*)</td>", text)
    assert cells[:3] == ["58", "64", "73"], "the day, with the 62 that was there before"
    assert words["measuring.on"] in text
    assert "rr_interval" not in text, "a word of the machine"


def test_a_break_covers_everything_and_ends_again(here: House) -> None:
    cookie = here.cookie("resident")
    purposes = here.gateway.registry.consents.states()[PILOT, PERSON]
    agreed = {p for p, s in purposes.items() if s.live(here.clock[0])}
    assert len(agreed) > 1
    for kind, status, measuring in (("paused", "paused", "paused"), ("resumed", "given", "on")):
        here.clock[0] += 1_000_000
        location = send(here, "/me/consent?lang=sv", cookie, kind=kind)
        assert location == "/me?lang=sv#main"
        assert {state(here, purpose) for purpose in agreed} == {status}
        text = here.ask("GET", location, cookie).text
        assert f'data-measuring="{measuring}"' in text


def test_each_purpose_is_answered_for_itself_and_as_easily_taken_back(here: House) -> None:
    cookie = here.cookie("resident")
    text = here.ask("GET", "/me", cookie).text
    assert offered(text, "care") == ["paused", "withdrawn"]
    here.clock[0] += 1_000_000
    location = send(here, "/me/consent", cookie, purpose="care", kind="withdrawn")
    assert (location, state(here, "care")) == ("/me#wishes", "withdrawn")
    assert state(here, "evaluation") == "given", "the others stay"
    text = here.ask("GET", "/me", cookie).text
    assert offered(text, "care") == ["given"]
    assert "<strong>62</strong>" not in text, "what is not agreed is not shown"
    # A second press in an older window changes nothing and breaks nothing.
    send(here, "/me/consent", cookie, purpose="care", kind="withdrawn")
    here.clock[0] += 1_000_000
    send(here, "/me/consent?lang=sv", cookie, purpose="care", kind="given")
    event = here.gateway.registry.consents.events(PILOT, PERSON, "care")[-1]
    assert (event.kind, event.method, event.language) == (Kind.GIVEN, "page", "sv")


@pytest.mark.parametrize(
    "fields",
    [{"kind": "expired", "purpose": "care"}, {"kind": "given"}, {"kind": "withdrawn"}, {}],
)
def test_a_form_says_only_what_a_person_can_say(calm: House, fields: dict[str, str]) -> None:
    cookie = calm.cookie("resident")
    data = {"csrf": calm.csrf(cookie)} | fields
    answer = calm.ask("POST", "/me/consent", cookie, data=data)
    assert (answer.status_code, answer.json()["field"]) == (422, "kind")


@pytest.mark.parametrize("path", ["/me/consent", "/me/copy", "/me/erase"])
def test_a_form_of_another_page_is_refused(calm: House, path: str) -> None:
    cookie = calm.cookie("resident")
    data = {"csrf": "x", "kind": "withdrawn", "purpose": "care"}
    assert calm.ask("POST", path, cookie, data=data).status_code == 403
    evil = {"Origin": "https://evil.example"}
    data["csrf"] = calm.csrf(cookie)
    assert calm.ask("POST", path, cookie, data=data, headers=evil).status_code == 403
    assert state(calm, "care") == "given"


def test_the_receipt_is_a_page_and_a_file(calm: House) -> None:
    cookie = calm.cookie("resident")
    answer = calm.ask("GET", "/me/receipt/care?lang=fi", cookie)
    words = own_messages()["fi"]
    assert f"<h1>{words['receipt.title']}</h1>" in answer.text
    assert words["event.given"] in answer.text
    assert PERSON in answer.text
    file = re.search(r'href="(/api/v1/consents/[^"]+)"', answer.text)
    assert file is not None
    assert calm.ask("GET", file[1], cookie).json()["subject"]["pseudonym"] == PERSON


def test_who_looked_is_told_and_oneself_is_not(calm: House) -> None:
    cookie = calm.cookie("resident")
    words = own_messages()["en"]
    path = f"/api/v1/series?device={EDGE}.{DEVICE}&metric=heart_rate&from={T0_US / 1e6 - 9}"
    assert calm.ask("GET", path, cookie).status_code == 200
    assert words["looked.none"] in calm.ask("GET", "/me?lang=en", cookie).text
    assert calm.ask("GET", path, calm.cookie("care")).status_code == 200
    text = calm.ask("GET", "/me?lang=en", cookie).text
    assert "<td>care</td>" in text
    assert words["looked.none"] not in text


def test_a_file_is_asked_for_waited_for_and_fetched(here: House) -> None:
    cookie = here.cookie("resident")
    location = send(here, "/me/copy?lang=en", cookie)
    waiting = here.ask("GET", location, cookie)
    assert (waiting.headers["refresh"], own_messages()["en"]["copy.asked"] in waiting.text) == (
        "3",
        True,
    )
    here.chores()
    done = here.ask("GET", location, cookie)
    assert "refresh" not in done.headers
    file = re.search(r'href="(/api/v1/exports/[^"]+/file)"', done.text)
    assert file is not None
    assert here.ask("GET", file[1], cookie).content[:2] == b"PK"
    stranger = resident(here, "p-other", PILOT)
    here.gateway.registry.people.add_simulated(PILOT, "p-other", "test")
    assert "/file" not in here.ask("GET", location, stranger).text


def real_person(here: House) -> str:
    """Somebody with a name, who wears a strap of a pilot of real people."""
    registry = here.gateway.registry
    registry.pilots.put(
        document(id="pilot-r", site=(Site("home-9", "Home 9", ("edge-9",)),)), actor="test"
    )
    here.gateway.steward.refresh()
    invited, _code = registry.people.invite(
        "pilot-r", actor="test", language="sv", name="Maija Esimerkki", contact="040 123 4567"
    )
    strap = replace(birth().devices[0], person=None)
    registry.observe("pilot-r", replace(birth(), edge="edge-9", devices=(strap,)))
    registry.lending.lend("edge-9.strap-1", "pilot-r", invited.person, actor="test")
    for purpose in ("care", "evaluation"):
        registry.consents.record("pilot-r", invited.person, purpose, Kind.GIVEN, actor="test")
    here.gateway.steward.refresh()
    return invited.person


def resident(here: House, person: str, pilot: str) -> str:
    made = here.gateway.identity.invitations.invite(person, pilot, "test")
    return here.gateway.identity.invitations.accept(made.path.rpartition("/")[2], made.code, "here")


def test_one_button_and_a_question_erase_everything(here: House) -> None:
    """The pseudonym leaves the sessions and links, too: no byte of it is found afterwards."""
    person, words = real_person(here), own_messages()["sv"]
    cookie, second = resident(here, person, "pilot-r"), resident(here, person, "pilot-r")
    here.gateway.identity.invitations.invite(person, "pilot-r", "test")
    text = here.ask("GET", "/me", cookie).text
    assert words["own.title"] in text, "in the language of the invitation"
    assert "/me/erase" in text
    assert words["sure.yes"] in here.ask("GET", "/me/erase", cookie).text
    location = send(here, "/me/erase", cookie)
    assert words["erased.title.open"] in here.ask("GET", location, cookie).text
    here.chores()
    receipt = here.ask("GET", location.partition("?")[0] + "/receipt").json()
    assert receipt["residual_bytes_found_in"] == []
    assert person not in json.dumps(receipt)
    # Whoever has the address has its secret: the API tells them the same, without a session.
    told = here.ask("GET", "/api/v1" + location.partition("?")[0].replace("erased", "erasures"))
    assert (told.json()["state"], told.json()["receipt"]) == ("done", receipt)
    assert person not in told.text
    done = here.ask("GET", location).text
    assert words["erased.title.done"] in done
    assert words["erased.residue"] not in done
    for old in (cookie, second):
        assert here.ask("GET", "/me", old).headers["location"] == "/sign-in"


def test_who_takes_no_part_is_told_so(calm: House) -> None:
    cookie = resident(calm, "p-nobody", PILOT)
    answer = calm.ask("GET", "/me?lang=fi", cookie)
    assert answer.status_code == 200
    assert own_messages()["fi"]["own.gone.title"] in answer.text


def test_figures_are_written_as_each_language_does() -> None:
    tables = own_messages()
    told = {
        language: (
            words.number("body_temperature", 36.64),
            words.number("steps", 12345.0),
            words.moment(T0_US, T0_US + 1),
            words.moment(T0_US - 24 * HOUR_US, T0_US),
        )
        for language in tables
        for words in [Words(tables[language], language)]
    }
    assert [told[language][0] for language in ("fi", "sv", "en")] == ["36,6", "36,6", "36.6"]
    assert told["en"][1] == "12,345"
    assert told["fi"][1] == "12\N{NO-BREAK SPACE}345"
    assert told["fi"][2].startswith("tänään klo ")
    assert re.fullmatch(r"\d+\. toukokuuta klo \d+\.\d\d", told["fi"][3])
    assert re.fullmatch(r"\d+ maj kl\. \d\d:\d\d", told["sv"][3])
    assert re.fullmatch(r"\d+ May at \d\d:\d\d", told["en"][3])


def test_metrics_are_one_thing_in_a_persons_words() -> None:
    words = Words(own_messages()["en"], "en")
    names = ["acc_x", "acc_y", "bp_systolic", "bp_diastolic", "ecg", "radon", "new_metric"]
    assert words.things(names) == [
        "Movement", "Blood pressure", "Heart trace (ECG)", "Radon, short term", "new_metric",
    ]  # fmt: skip


def test_two_pressures_stand_together(here: House) -> None:
    frame = replace(
        hr_frame(9), stream="bp",
        channels=(channel("bp_systolic", [122]), channel("bp_diastolic", [78])),
    )  # fmt: skip
    reading = StoredReading(PILOT, EDGE, frame, T0_US, PERSON, frozenset({"care"}))
    here.gateway.store.commit(Commit((reading,), (), (), {EDGE: Counts(1, 1)}, {}))
    here.clock[0] += 1_000_000
    text = here.ask("GET", "/me?lang=en", here.cookie("resident")).text
    assert "<strong>122/78</strong> mmHg" in text
