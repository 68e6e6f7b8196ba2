"""Accounts, second factors, sessions, invitations: who gets in, and how long they stay."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from door_kit import PASSWORD, PERSON, House, house
from gateway_kit import EDGE, PILOT
from identity_kit import Box, SetTime
from starlette.requests import Request
from vointi_gateway.api import live
from vointi_gateway.api.door import COOKIE, still_signed_in
from vointi_gateway.api.sight import Sight
from vointi_gateway.identity import totp
from vointi_gateway.identity.audit import LogAudit
from vointi_gateway.identity.errors import IdentityError, SignInError, TooManyError
from vointi_gateway.identity.sessions import LOCAL
from vointi_gateway.identity.throttle import PER_ADDRESS, PER_NAME, WINDOW_S, Throttle
from vointi_gateway.logs import LineFormatter
from vointi_gateway.ui.messages import door_language, door_messages

HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(autouse=True)
def patience(here: House) -> None:
    """Failures of one test are over before the next."""
    here.clock[0] += round(WINDOW_S * 2e6)


# RFC 6238, appendix B: SHA-1, the last six of its eight digits.
@pytest.mark.parametrize(
    ("at_s", "digits"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_codes_are_those_of_the_rfc(at_s: int, digits: str) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert totp.code(secret, at_s // 30) == digits
    assert totp.matching_step(secret, digits, at_s + 29.0, 0) == at_s // 30
    assert totp.matching_step(secret, digits, at_s + 90.0, 0) is None
    assert totp.matching_step(secret, digits, at_s, at_s // 30) is None, "used before"


def test_a_cookie_is_for_this_host_and_no_script(here: House) -> None:
    header = here.sign_in("operator").headers["set-cookie"].lower()
    assert header.startswith("__host-vointi=")
    for word in ("secure", "httponly", "samesite=strict", "path=/"):
        assert word in header
    assert "domain" not in header


def test_password_and_code_are_both_needed_and_a_code_is_good_once(here: House) -> None:
    assert here.sign_in("operator").status_code == 204
    again = {"name": "operator", "password": PASSWORD, "code": here.code("operator")}
    assert here.ask("POST", "/api/v1/session", json=again).status_code == 401
    answers = [
        here.sign_in("operator", password="wrong wrong wrong"),
        here.sign_in("operator", code="000000"),
        here.sign_in("operator", code=""),
        here.ask("POST", "/api/v1/session", json=again | {"name": "nobody"}),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1, "which of them was wrong is not said"


def test_guessing_is_slowed_down_and_locks_nobody_out(here: House) -> None:
    """The person at their own desk gets in while somebody elsewhere guesses at their name."""
    here.sign_in("operator", address="198.51.100.1")
    codes = []
    for number in range(PER_NAME + 10):
        address = f"203.0.113.{number}"
        guess = {"name": "operator", "password": "guess", "code": "000000"}
        answer = here.ask("POST", "/api/v1/session", json=guess, address=address)
        codes.append(answer.status_code)
    assert codes[0] == 401
    assert codes[-1] == 429
    assert here.sign_in("operator", address="198.51.100.1").status_code == 204
    assert here.sign_in("operator", address="203.0.113.99").status_code == 429
    here.clock[0] += round(WINDOW_S * 1e6)
    assert here.sign_in("operator", address="203.0.113.99").status_code == 204


def test_one_address_may_not_try_many_names() -> None:
    now = SetTime()
    throttle = Throttle(now)
    for number in range(PER_ADDRESS):
        throttle.check(f"name{number}", "a")
        throttle.failed(f"name{number}", "a")
    with pytest.raises(TooManyError):
        throttle.check("another", "a")
    throttle.check("another", "b")
    now.now_s += WINDOW_S
    throttle.check("another", "a")


def test_a_session_ends_by_idling_by_age_and_by_signing_out(here: House) -> None:
    def alive(cookie: str) -> bool:
        return here.ask("GET", "/api/v1/session", cookie).status_code == 200

    idle = here.cookie("company")
    here.clock[0] += HOUR_US - 1_000_000
    assert alive(idle)
    here.clock[0] += HOUR_US - 1_000_000
    assert alive(idle), "use keeps it"
    here.clock[0] += HOUR_US + 1_000_000
    assert not alive(idle)
    old = here.cookie("company")
    for _ in range(13):
        here.clock[0] += HOUR_US - 60_000_000
        alive(old)
    assert not alive(old)
    out = here.cookie("company")
    assert here.ask("DELETE", "/api/v1/session", out).status_code == 204
    assert not alive(out)


def test_a_session_ends_when_the_role_changes(here: House) -> None:
    accounts = here.gateway.identity.accounts
    changes = (
        lambda: accounts.set_role("care", "company", [PILOT]),
        lambda: accounts.set_role("care", "care", [PILOT]),
        lambda: here.secrets.update(care=accounts.set_password("care", PASSWORD)),
        lambda: accounts.disable("care"),
    )
    for change in changes:
        cookie = here.cookie("care")
        assert here.ask("GET", "/api/v1/session", cookie).status_code == 200
        change()
        assert here.ask("GET", "/api/v1/session", cookie).status_code == 401
    assert here.sign_in("care").status_code == 401


def test_signing_in_by_form_and_out_again(here: House) -> None:
    here.clock[0] += 30_000_000
    form = {"name": "operator", "password": PASSWORD, "code": here.code("operator")}
    wrong = here.ask("POST", "/sign-in", data=form | {"code": "1"})
    assert wrong.status_code == 401
    assert 'role="alert"' in wrong.text
    assert PASSWORD not in wrong.text
    answer = here.ask("POST", "/sign-in", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.cookies[COOKIE]
    assert here.ask("GET", "/", cookie).status_code == 200
    assert here.ask("POST", "/sign-out", cookie, data={"csrf": "no"}).status_code == 403
    csrf = here.csrf(cookie)
    assert here.ask("POST", "/sign-out", cookie, data={"csrf": csrf}).status_code == 303
    assert here.ask("GET", "/", cookie).status_code == 303
    elsewhere = {"Origin": "https://evil.example"}
    assert here.ask("POST", "/sign-in", data=form, headers=elsewhere).status_code == 403


def test_the_door_speaks_three_languages_by_one_click(here: House) -> None:
    words = door_messages()
    assert len({frozenset(table) for table in words.values()}) == 1, "the same words in each"
    for page in ("/sign-in", "/welcome/x"):
        for wanted, table in words.items():
            text = here.ask("GET", f"{page}?lang={wanted}").text
            assert f'<html lang="{wanted}">' in text
            title = table["door.title" if page == "/sign-in" else "welcome.title"]
            assert f"<h1>{title}</h1>" in text
            for other, words_of_it in words.items():
                assert f'href="?lang={other}" lang="{other}"' in text
                assert words_of_it["language"] in text
        failed = here.ask("POST", f"{page}?lang=fi", data={"code": "1"}, address="203.0.113.77")
        assert 'role="alert"' in failed.text
        assert '<html lang="fi">' in failed.text, "and stays in it"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "fi"),
        ("sv-FI,sv;q=0.9,en;q=0.8", "sv"),
        ("en-GB", "en"),
        ("de, en;q=0.5, sv;q=0.7", "sv"),
        ("sv;q=0, en;q=0.1", "en"),
        ("de", "fi"),
        ("sv;q=x,,;q=", "fi"),
        ("x" * 5000, "fi"),
    ],
)
def test_the_browsers_language_is_taken_until_one_is_chosen(header: str, language: str) -> None:
    assert door_language("", header) == language
    assert door_language("en", header) == "en"
    assert door_language("../x", header) == language


def test_a_residents_link_needs_its_code_and_works_once(here: House) -> None:
    made = here.gateway.identity.invitations.invite(PERSON, PILOT, "test")
    assert here.ask("GET", made.path).status_code == 200, "looking does not use it up"
    wrong = f"{(int(made.code) + 1) % 1_000_000:06d}"
    assert here.ask("POST", made.path, data={"code": wrong}).status_code == 401
    answer = here.ask("POST", made.path, data={"code": made.code})
    assert answer.status_code == 303
    who = here.ask("GET", "/api/v1/session", answer.cookies[COOKIE]).json()
    assert (who["role"], who["person"], who["pilots"]) == ("resident", PERSON, [PILOT])
    assert here.ask("POST", made.path, data={"code": made.code}).status_code == 401


def test_a_residents_link_bears_five_wrong_codes_two_weeks_and_no_successor(here: House) -> None:
    invitations = here.gateway.identity.invitations

    def accepts(path: str, code: str, address: str = "a") -> bool:
        try:
            return bool(invitations.accept(path.rpartition("/")[2], code, address))
        except SignInError:
            return False

    made = invitations.invite(PERSON, PILOT, "test")
    wrong = f"{(int(made.code) + 1) % 1_000_000:06d}"
    assert not any(accepts(made.path, wrong, f"a{n}") for n in range(5))
    assert not accepts(made.path, made.code, "b")
    late = invitations.invite(PERSON, PILOT, "test")
    here.clock[0] += 14 * 24 * HOUR_US
    assert not accepts(late.path, late.code)
    first = invitations.invite(PERSON, PILOT, "test")
    second = invitations.invite(PERSON, PILOT, "test")
    assert not accepts(first.path, first.code)
    assert accepts(second.path, second.code)


@pytest.mark.parametrize(
    ("name", "role", "rights", "field"),
    [
        ("A b", "operator", {}, "name"),
        ("x", "resident", {}, "role"),
        ("x", "root", {}, "role"),
        ("x", "company", {}, "pilot"),
        ("x", "operator", {"pilots": ["p"]}, "pilot"),
        ("x", "city", {}, "city"),
        ("x", "care", {"pilots": ["p"], "city": "Espoo"}, "city"),
    ],
)
def test_rights_are_whole_or_refused(
    here: House, name: str, role: str, rights: dict[str, object], field: str
) -> None:
    with pytest.raises(IdentityError) as caught:
        here.gateway.identity.accounts.add(name, role, PASSWORD, **rights)  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_a_password_has_a_length(here: House, password: str) -> None:
    with pytest.raises(IdentityError, match="12 to 256"):
        here.gateway.identity.accounts.add("x", "operator", password)


def test_no_secret_is_in_the_database_or_the_log(
    here: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    identity = here.gateway.identity
    cookie = here.cookie("operator")
    made = identity.invitations.invite(PERSON, PILOT, "test")
    ticket = identity.edges.ticket(EDGE, PILOT, "s", "test").text
    here.sign_in("operator", password="planted-wrong-password")
    stored = b"".join(
        p.read_bytes() for p in (here.gateway.settings.data_dir / "identity").glob("identity.db*")
    )
    token = ticket.partition(".")[0]
    secrets = (PASSWORD, cookie, made.path.rpartition("/")[2], token, "planted-wrong-password")
    for secret in secrets:
        assert secret.encode() not in stored
        assert secret not in caplog.text
    for secret in (*here.secrets.values(), made.code):
        assert secret not in caplog.text
    for word in ("sign-in", "edge.ticket", "resident.invite"):
        assert word in caplog.text


def test_a_record_is_one_line_whatever_a_stranger_calls_themselves() -> None:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(LineFormatter().format(record))

    log, keep = logging.getLogger("vointi.security"), Keep()
    log.addHandler(keep)
    try:
        LogAudit().record("sign-in", "x\n2026 info sign-in ok\x1b[2J" + "y" * 500, outcome="failed")
    finally:
        log.removeHandler(keep)
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert "\x1b" not in lines[0]
    assert len(lines[0]) < 400


def test_a_thousand_guesses_at_a_ticket_are_stopped(here: House) -> None:
    ticket = here.gateway.identity.edges.ticket(EDGE, PILOT, "s", "test").text
    csr = Box().request()
    codes = []
    for number in range(40):
        body = {"ticket": f"{number:032d}".replace("0", "a").replace("1", "b")[:32], "csr": csr}
        body["ticket"] = "".join(c if c.isalpha() else "c" for c in body["ticket"])
        codes.append(
            here.ask("POST", "/api/v1/enrol", json=body, address="203.0.113.5").status_code
        )
    assert codes[0] == 403
    assert set(codes[10:]) == {429}
    good = {"ticket": ticket, "csr": csr}
    assert here.ask("POST", "/api/v1/enrol", json=good, address="203.0.113.5").status_code == 429
    answer = here.ask("POST", "/api/v1/enrol", json=good, address="203.0.113.6")
    assert answer.status_code == 200
    assert answer.json()["mqtt_port"] == 8883


def test_an_authenticator_reads_the_second_factor() -> None:
    secret = totp.new_secret()
    address = urlsplit(totp.uri(secret, "maija@example.org"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert parse_qs(address.query)["secret"] == [secret]


def test_a_live_stream_ends_with_its_session(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is open goes dark when its role changes, at the next heartbeat."""
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.0)
    gateway, sessions = here.gateway, here.gateway.identity.sessions
    cookie = here.cookie("company")
    header = (b"cookie", f"{COOKIE}={cookie}".encode())
    request = Request({"type": "http", "headers": [header], "state": {}})
    allowed = still_signed_in(request, sessions)
    assert allowed()
    gateway.identity.accounts.set_role("company", "company", [PILOT])
    client = gateway.hub.join(None, None)
    assert client is not None
    sight = Sight(LOCAL, gateway.fleet, gateway.steward.gate())

    async def until_the_end() -> list[str]:
        return [text async for text in live._stream(gateway, client, sight, allowed)]

    texts = asyncio.run(asyncio.wait_for(until_the_end(), 5))
    assert texts[0].startswith("retry:")
    assert gateway.hub.listening is False
