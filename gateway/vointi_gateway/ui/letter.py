"""The letter that takes a resident to their own page: one sheet of paper, nothing else needed."""

from __future__ import annotations

from datetime import timedelta

from markupsafe import Markup

from .. import qr
from .messages import door_messages
from .own_words import Words
from .rendering import template_environment

NO_BREAK = "\u00a0"


def letter(link: str, expires_s: int, language: str) -> str:
    """An HTML document to print, without the code, which goes another way.

    Args:
        link: the whole address.
        expires_s: UTC seconds.
        language: fi, sv or en.

    """
    table = door_messages()[language]
    words = Words(table, language)
    # It works until the hour at which it was made: the day before is the last whole one.
    last_day = words.day(words.local(expires_s * 1_000_000).date() - timedelta(days=1))
    last_day = last_day.replace(" ", NO_BREAK)
    picture = Markup(qr.svg(link, table["letter.title"]))  # noqa: S704 - made by us, of a link
    site, _, token = link.rpartition("/")
    return (
        template_environment()
        .get_template("letter.html")
        .render(t=table, lang=language, site=site, token=token, picture=picture, last_day=last_day)
    )
