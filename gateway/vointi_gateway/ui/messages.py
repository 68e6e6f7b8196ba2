"""The words of the pages: one JSON file a language, read by the templates and by the browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files

DEFAULT_LANGUAGE = "en"


def load_messages(language: str = DEFAULT_LANGUAGE) -> Mapping[str, str]:
    """Return the flat table key → text of one language (BCP 47 primary tag).

    Raises FileNotFoundError when the language has no table.
    """
    source = files(__package__).joinpath("static", "messages", f"{language}.json")
    table: dict[str, str] = json.loads(source.read_text(encoding="utf-8"))
    return table
