"""Every word of the pages stands in the table, and the table holds nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from vointi_gateway.ui import own_view
from vointi_gateway.ui.messages import door_messages, load_messages, own_messages

UI = Path(__file__).resolve().parents[2] / "gateway" / "vointi_gateway" / "ui"
DOOR = ("door.html", "languages.html", "letter.html", "sign_in.html", "welcome.html")
ASKED = re.compile(r"""(?:\bt|\btn)(?:\(|\[)["']([\w.]*\w)["']""")
FIELD = re.compile(r"\{\w+\}")
PLURAL = re.compile(r"\.(zero|one|two|few|many|other)$")


def sources() -> str:
    files = [*UI.glob("static/js/*.js"), *UI.glob("templates/*.html")]
    files = [f for f in files if f.name not in DOOR and not f.name.startswith("own")]
    assert len(files) > 20
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_every_key_that_is_asked_for_is_there() -> None:
    keys = {PLURAL.sub("", key) for key in load_messages()}
    asked = set(ASKED.findall(sources()))
    assert asked - keys == set()
    assert len(asked) > 50


def test_the_live_pages_say_the_same_in_every_language() -> None:
    english = load_messages("en")
    for language in ("fi", "sv"):
        table = load_messages(language)
        assert set(table) == set(english)
        for key, sentence in table.items():
            assert sentence.strip(), key
            assert set(FIELD.findall(sentence)) == set(FIELD.findall(english[key])), key


def test_the_door_says_the_same_in_every_language() -> None:
    files = [*(UI / "templates" / name for name in DOOR), UI / "letter.py"]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    asked = set(ASKED.findall(text))
    built = {f"{page}.{word}" for page in ("door", "welcome") for word in ("title", "failed")}
    tables = door_messages()
    assert set(tables) == {"fi", "sv", "en"}
    for table in tables.values():
        assert asked | built <= set(table)
        assert set(table) == set(tables["en"])


def test_a_residents_pages_say_the_same_in_every_language() -> None:
    files = [*UI.glob("templates/own*.html"), UI / "own_words.py"]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    asked = set(re.findall(r"""\[["']([\w.]*\w)["']\]""", text))
    built = re.findall(r"""["']([a-z.]+\.)["'] ~""", text)
    tables = own_messages()
    own = set(tables["en"]) - set(door_messages()["en"])
    assert len(asked & own) > 40
    for table in tables.values():
        assert asked <= set(table)
        assert set(table) == set(tables["en"])
        for key, sentence in table.items():
            assert sentence.strip(), key
            assert FIELD.findall(sentence) == FIELD.findall(tables["en"][key]), key
    measures = {f"{kind}.{key}" for key, _ in own_view.MEASURES for kind in ("measure", "unit")}
    assert measures <= own
    left = {k for k in own if k not in asked and not any(k.startswith(b) for b in built)}
    assert left <= {"measure.ecg", "measure.movement", "measure.beats", "measure.contact"}


def test_no_key_is_left_over() -> None:
    text = sources()
    built = set(re.findall(r"""["'`]([a-z_]+(?:\.[a-z]+)*)\.(?:\$\{|["'] ~)""", text))
    left = [
        key
        for key in load_messages()
        if PLURAL.sub("", key) not in text and not any(key.startswith(f"{b}.") for b in built)
    ]
    assert [key for key in left if not key.endswith(".same")] == []
