"""Every word of the pages stands in the table, and the table holds nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from vointi_gateway.ui.messages import load_messages

UI = Path(__file__).resolve().parents[2] / "gateway" / "vointi_gateway" / "ui"
PLURAL = re.compile(r"\.(zero|one|two|few|many|other)$")


def sources() -> str:
    files = [*UI.glob("static/js/*.js"), *UI.glob("templates/*.html")]
    assert len(files) > 20
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_every_key_that_is_asked_for_is_there() -> None:
    keys = {PLURAL.sub("", key) for key in load_messages()}
    asked = set(re.findall(r"""(?:\bt|\btn)(?:\(|\[)["']([\w.]*\w)["']""", sources()))
    assert asked - keys == set()
    assert len(asked) > 50


def test_no_key_is_left_over() -> None:
    text = sources()
    built = set(re.findall(r"""["'`]([a-z_]+(?:\.[a-z]+)*)\.(?:\$\{|["'] ~)""", text))
    left = [
        key
        for key in load_messages()
        if PLURAL.sub("", key) not in text and not any(key.startswith(f"{b}.") for b in built)
    ]
    assert [key for key in left if not key.endswith(".same")] == []
