"""vointi-gateway participant list | invite | join."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..pilots.consent.receipts import utc
from .context import Common, Context, Sub, command, group


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    sub = group(commands, "participant", "participants, by pseudonym")
    listing = command(sub, "list", "who takes part", _list, common)
    listing.add_argument("--pilot", help="only this pilot's")
    invite = command(sub, "invite", "a new participant, and the code to join with", _invite, common)
    invite.add_argument("pilot")
    invite.add_argument("--name", default="", help="kept in the vault, apart from measurements")
    invite.add_argument("--contact", default="", help="kept in the vault, too")
    invite.add_argument("--language", default="fi", help="fi, sv or en")
    invite.add_argument("--resident", help="who is in the vault already, for a second pilot")
    join = command(sub, "join", "use an invitation's code", _join, common)
    join.add_argument("code")


def _list(context: Context, arguments: argparse.Namespace) -> int:
    rows = [
        asdict(p) | {"invited_us": utc(p.invited_us), "joined_us": p.joined_us and utc(p.joined_us)}
        for p in context.registry.people.all(arguments.pilot)
    ]
    named = [{name.removesuffix("_us"): value for name, value in row.items()} for row in rows]
    context.show(named, "participants")
    return 0


def _invite(context: Context, arguments: argparse.Namespace) -> int:
    participant, code = context.registry.people.invite(
        arguments.pilot,
        actor=context.actor,
        language=arguments.language,
        name=arguments.name,
        contact=arguments.contact,
        resident=arguments.resident,
    )
    text = f"{participant.person}: invited; the code {code} works once, within 14 days"
    context.say(text, pilot=participant.pilot, person=participant.person, code=code)
    return 0


def _join(context: Context, arguments: argparse.Namespace) -> int:
    joined = context.registry.people.join(arguments.code)
    text = f"{joined.person}: takes part in {joined.pilot}"
    context.say(text, pilot=joined.pilot, person=joined.person)
    return 0
