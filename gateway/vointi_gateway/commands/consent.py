"""vointi-gateway consent list | give | refuse | pause | resume | withdraw | receipt | texts."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from functools import partial

from ..pilots.consent.receipts import event_record
from ..pilots.consent.state import Kind
from .context import Common, Context, Sub, command, group

_SAID = {
    "ask": Kind.REQUESTED,
    "give": Kind.GIVEN,
    "refuse": Kind.REFUSED,
    "pause": Kind.PAUSED,
    "resume": Kind.RESUMED,
    "withdraw": Kind.WITHDRAWN,
}


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    sub = group(commands, "consent", "who agreed to what")
    listing = command(sub, "list", "everybody's consents, or one person's events", _list, common)
    listing.add_argument("--pilot")
    listing.add_argument("--person")
    for name, kind in _SAID.items():
        say = command(sub, name, f"record: {kind.value}", partial(_record, kind), common)
        _who(say)
        say.add_argument("--method", default="paper", help="page, paper or spoken")
        say.add_argument("--language", help="of the text that was shown")
        if kind is Kind.GIVEN:
            say.add_argument("--days", type=int, help="ends by itself after so many days")
    _who(command(sub, "receipt", "what the person is given", _receipt, common))
    command(sub, "texts", "what people are asked, in every language", _texts, common)


def _who(parser: argparse.ArgumentParser) -> None:
    for name in ("pilot", "person", "purpose"):
        parser.add_argument(name)


def _list(context: Context, arguments: argparse.Namespace) -> int:
    consents, now_us = context.registry.consents, context.registry.wall_us()
    if arguments.pilot and arguments.person:
        events = consents.events(arguments.pilot, arguments.person)
        context.show([event_record(e) for e in events], "consent events")
        return 0
    rows = [
        {
            "pilot": pilot,
            "person": person,
            "purpose": purpose,
            "state": state.status_at(now_us).value,
        }
        for (pilot, person), states in sorted(consents.states().items())
        for purpose, state in sorted(states.items())
        if arguments.pilot in (None, pilot) and arguments.person in (None, person)
    ]
    context.show(rows, "consents")
    return 0


def _record(kind: Kind, context: Context, arguments: argparse.Namespace) -> int:
    days = getattr(arguments, "days", None)
    now_us = context.registry.wall_us()
    event = context.registry.consents.record(
        arguments.pilot,
        arguments.person,
        arguments.purpose,
        kind,
        actor=context.actor,
        method=arguments.method,
        language=arguments.language,
        expires_us=None if days is None else now_us + days * 86_400_000_000,
    )
    text = f"{event.person}: {event.purpose} {kind.value}"
    context.say(text, **event_record(event))
    return 0


def _receipt(context: Context, arguments: argparse.Namespace) -> int:
    found = context.registry.consents.receipt(arguments.pilot, arguments.person, arguments.purpose)
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0


def _texts(context: Context, _arguments: argparse.Namespace) -> int:
    texts = context.registry.consents.texts.all()
    context.show([asdict(t) | {"sha256": t.sha256[:16]} for t in texts], "texts")
    return 0
