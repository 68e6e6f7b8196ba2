"""The commands for edges, accounts and residents, in this process."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from vointi_gateway.cli import main
from vointi_gateway.ui.letter import letter

CONFIG = """
data_dir = "data"
[identity]
names = ["localhost"]
[[pilot]]
id = "p"
name = "P"
kind = "home"
edges = ["home-1"]
"""


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[object]:
    (tmp_path / "g.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)

    def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main([*words, "--config", "g.toml"])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield run
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def test_edges(call) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call("edge", "ticket", "home-1")
    assert code == 0
    assert "vointi-edge enrol --config edge.toml --gateway http://localhost:8080 --ticket" in out
    code, out, _ = call("edge", "revoke", "home-1", "--reason", "lost")
    assert code == 0
    edges = json.loads(call("edge", "list", "--json")[1])["edges"]
    assert [(e["edge"], e["state"], e["note"]) for e in edges] == [("home-1", "revoked", "lost")]
    assert "revoked" in call("edge", "list")[1]
    code, _, err = call("edge", "ticket", "home-9")
    assert (code, err) == (2, "edge: home-9 belongs to no pilot; add it to one first\n")


def test_accounts_and_residents(call) -> None:  # type: ignore[no-untyped-def]
    rights = ("--role", "company", "--pilot", "p")
    code, out, _ = call("account", "add", "maija", *rights, stdin="a long enough one\n")
    assert code == 0
    assert "otpauth://totp/Vointi:maija?secret=" in out
    code, _, err = call("account", "add", "maija", *rights, stdin="a long enough one\n")
    assert (code, err.splitlines()[-1]) == (
        2, "name: maija has an account already; change that one",
    )  # fmt: skip
    assert call("account", "role", "maija", "--role", "operator")[0] == 0
    assert "maija" in call("account", "list")[1]
    assert "otpauth" in call("account", "password", "maija", stdin="another long one\n")[1]
    assert call("account", "disable", "maija")[0] == 0
    (row,) = json.loads(call("account", "list", "--json")[1])
    assert (row["name"], row["role"], row["enabled"]) == ("maija", "operator", False)
    assert call("account", "disable", "nobody")[0] == 2


def test_a_resident_gets_a_link_by_paper_and_a_code_by_another_way(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    joined = json.loads(call("participant", "invite", "p", "--language", "sv", "--json")[1])
    invite = ("resident", "invite", joined["person"], "--pilot", "p", "--letter", "letter.html")
    code, out, _ = call(*invite, "--json")
    assert code == 0
    made = json.loads(out)
    assert made["link"].startswith("http://localhost:8080/welcome/")
    paper = tmp_path / "letter.html"
    assert paper.stat().st_mode & 0o077 == 0
    text = paper.read_text()
    assert '<html lang="sv">' in text
    site, _, token = made["link"].rpartition("/")
    assert f'{site}/<wbr><span class="token">{token}</span>' in text, "a line ends before the token"
    assert "<svg" in text
    assert made["code"] not in text
    assert "src=" not in text
    code, _, err = call("resident", "invite", "p-nobody", "--pilot", "p")
    assert (code, "p-nobody" in err) == (2, True)


@pytest.mark.parametrize(
    ("language", "day"), [("sv", "senast den 4\xa0dec"), ("en", "by 4\xa0Dec"), ("fi", "4.\xa0jou")]
)
def test_a_letter_names_the_last_day_on_which_it_works_until_the_evening(
    language: str, day: str
) -> None:
    noon_utc_s = 1_796_472_000
    assert day in letter("https://vointi.example/welcome/x", noon_utc_s, language)


def test_the_links_of_a_letter_begin_as_people_reach_the_pages(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    config = tmp_path / "g.toml"
    config.write_text('url = "https://vointi.example.org/"\n' + config.read_text())
    joined = json.loads(call("participant", "invite", "p", "--json")[1])
    words = ("resident", "invite", joined["person"], "--pilot", "p", "--json")
    made = json.loads(call(*words)[1])
    assert made["link"].startswith("https://vointi.example.org/welcome/")
    assert "localhost" not in made["link"]
