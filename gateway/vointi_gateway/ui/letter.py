"""The letter that takes a resident to their own page: one sheet of paper, nothing else needed."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup

from .. import qr
from .messages import door_messages
from .own_words import Words
from .rendering import template_environment


def letter(link: str, expires_s: int, language: str) -> str:
    """An HTML document to print, without the code, which goes another way.

    Args:
        link: the whole address.
        expires_s: UTC seconds.
        language: fi, sv or en.

    """
    table = door_messages()[language]
    last_day = Words(table, language).day(datetime.fromtimestamp(expires_s, UTC).date())
    picture = Markup(qr.svg(link, table["letter.title"]))  # noqa: S704 - made by us, of a link
    return (
        template_environment()
        .get_template("letter.html")
        .render(t=table, lang=language, link=link, picture=picture, last_day=last_day)
    )
