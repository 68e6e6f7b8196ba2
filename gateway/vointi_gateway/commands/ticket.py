"""vointi-gateway edge ticket | revoke: the certificate of a box, from first to last."""

from __future__ import annotations

import argparse

from ..identity.errors import UnknownError
from ..pilots.consent.receipts import utc
from .context import Common, Context, Sub, command


def add_ticket_commands(sub: Sub, common: Common) -> None:
    """Add them to the group of `edge`."""
    ticket = command(sub, "ticket", "a one-time ticket for a box, good for a day", _ticket, common)
    ticket.add_argument("edge")
    ticket.add_argument("--site", default="", help="where it will stand; default: its own name")
    revoke = command(sub, "revoke", "shut an edge out, at once", _revoke, common)
    revoke.add_argument("edge")
    revoke.add_argument("--reason", required=True)


def _ticket(context: Context, arguments: argparse.Namespace) -> int:
    pilots = context.registry.pilots.settings()
    pilot = next((p.id for p in pilots if arguments.edge in p.edges), None)
    if pilot is None:
        raise UnknownError("edge", f"{arguments.edge} belongs to no pilot; add it to one first")
    site = arguments.site or arguments.edge
    with context.identity() as identity:
        ticket = identity.edges.ticket(arguments.edge, pilot, site, context.actor)
    address = context.settings.address
    order = f"vointi-edge enrol --config edge.toml --gateway {address} --ticket {ticket.text}"
    until = utc(ticket.expires_s * 1_000_000)
    text = f"Good once, until {until}, for {ticket.edge} alone. On the box:\n{order}"
    context.say(text, edge=ticket.edge, ticket=ticket.text, expires_s=ticket.expires_s)
    return 0


def _revoke(context: Context, arguments: argparse.Namespace) -> int:
    with context.identity() as identity:
        identity.edges.revoke(arguments.edge, arguments.reason, context.actor)
    context.say(f"{arguments.edge} is shut out", edge=arguments.edge, reason=arguments.reason)
    return 0
