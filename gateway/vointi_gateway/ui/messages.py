"""The words of the pages: one JSON file a language, read by the templates and by the browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files

DEFAULT_LANGUAGE = "en"
#: What every page is in; the first is for residents who ask for none of them.
DOOR_LANGUAGES = ("fi", "sv", "en")


def load_messages(language: str = DEFAULT_LANGUAGE) -> Mapping[str, str]:
    """Return the flat table key → text of one language (BCP 47 primary tag).

    Raises FileNotFoundError when the language has no table.
    """
    source = files(__package__).joinpath("static", "messages", f"{language}.json")
    table: dict[str, str] = json.loads(source.read_text(encoding="utf-8"))
    return table


def door_messages() -> Mapping[str, Mapping[str, str]]:
    """The words of the pages that let somebody in, by language."""
    return _tables("door")


def own_messages() -> Mapping[str, Mapping[str, str]]:
    """The words of a resident's own pages, by language; the frame's are the door's."""
    door, own = _tables("door"), _tables("own")
    return {language: {**door[language], **own[language]} for language in DOOR_LANGUAGES}


def _tables(folder: str) -> dict[str, dict[str, str]]:
    source = files(__package__).joinpath(folder)
    return {
        language: json.loads(source.joinpath(f"{language}.json").read_text(encoding="utf-8"))
        for language in DOOR_LANGUAGES
    }


def door_language(chosen: str, accepted: str, default: str = DOOR_LANGUAGES[0]) -> str:
    """The language of a page: the one clicked, else the browser's best, else the default.

    `accepted` is an Accept-Language header (RFC 9110, 12.5.4); what cannot be read is passed over.
    """
    if chosen in DOOR_LANGUAGES:
        return chosen
    wishes = []
    for place, part in enumerate(accepted[:200].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        wishes.append((-quality, place, tag.strip().lower().split("-")[0]))
    known = [tag for quality, _, tag in sorted(wishes) if tag in DOOR_LANGUAGES and quality < 0]
    return known[0] if known else default
