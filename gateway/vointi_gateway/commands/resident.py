"""vointi-gateway resident invite: the link, QR code and letter to a resident's own page."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from .. import qr
from ..errors import RegistryError
from ..identity.invitations import Invitation
from ..ui.letter import letter
from ..ui.messages import DOOR_LANGUAGES
from .context import Common, Context, Sub, command, group


def add_commands(commands: Sub, common: Common) -> None:
    """Add the command."""
    sub = group(commands, "resident", "residents")
    invite = command(sub, "invite", "a one-time link and its code", _invite, common)
    invite.add_argument("person", help="pseudonym")
    invite.add_argument("--pilot", required=True)
    invite.add_argument("--letter", type=Path, help="write the link as a page to print, HTML")
    text = "of the letter; default: the person's own"
    invite.add_argument("--language", choices=DOOR_LANGUAGES, help=text)


def _invite(context: Context, arguments: argparse.Namespace) -> int:
    person = context.registry.people.get(arguments.pilot, arguments.person)
    with context.identity() as identity:
        made = identity.invitations.invite(person.person, person.pilot, context.actor)
    link = context.settings.address + made.path
    language = arguments.language or person.language
    facts = {"link": link, "code": made.code, "expires_s": made.expires_s, "language": language}
    if arguments.letter is not None:
        _write(arguments.letter, letter(link, made.expires_s, language))
        facts["letter"] = str(arguments.letter)
    context.draw(qr.for_terminal(link))
    context.say(_text(link, made, arguments.letter), **facts)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise RegistryError("--letter", f"{path} cannot be written ({exc.strerror})") from exc


def _text(link: str, made: Invitation, paper: Path | None) -> str:
    until = datetime.fromtimestamp(made.expires_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts = {
        f"link: {link}": f"works once, until {until}",
        f"code: {made.code}": "hand it over another way than the link",
    }
    if paper is not None:
        facts[f"letter: {paper}"] = "print it in a browser; the code is not in it"
    return "\n".join(f"{fact}\n      ({about})" for fact, about in facts.items())
