"""vointi-gateway edge: certificates, what edges run, and what they are told to do."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vointi_contract.command import CommandKind

from ..errors import RegistryError
from ..identity.edges import EdgeRecord
from ..identity.errors import UnknownError
from ..pilots.commands import Order
from ..pilots.consent.receipts import utc
from ..releases import releases_of
from .context import Common, Context, Sub, command, group
from .ticket import add_ticket_commands

_LOOK_S = 0.1
#: A gateway sends within a second, and an edge that is online answers at once.
_WAIT_S = 30.0


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    sub = group(commands, "edge", "edges: certificates, versions, commands")
    add_ticket_commands(sub, common)
    command(sub, "list", "every edge: certificate, version, last order", _list, common)
    update = command(sub, "update", "install a release, a few edges at a time", _update, common)
    update.add_argument("edge", nargs="?", help="one edge; or --pilot")
    update.add_argument("--pilot", help="every edge of a pilot")
    update.add_argument("--release", metavar="V", help="version or number; the newest")
    update.add_argument("--at-a-time", type=int, default=1, metavar="N", help="edges at once; 1")
    update.add_argument("--stop", action="store_true", help="take back what was not begun")
    tell = command(sub, "command", "tell an edge to do something, and wait for it", _tell, common)
    tell.add_argument("edge")
    tell.add_argument("what", choices=("config", "rate", "resend", "diagnostics"))
    tell.add_argument("value", nargs="?", help="config: edge.toml; rate: bytes/s, 0 for no cap")
    tell.add_argument("--wait", type=float, default=_WAIT_S, metavar="S", help="at most; 30")


def _list(context: Context, _arguments: argparse.Namespace) -> int:
    records, alarms = _records(context)
    commands = context.registry.commands
    versions, orders = commands.versions(), commands.newest()
    rows = [
        asdict(one) | {"version": versions.get(one.edge), "order": _short(orders.get(one.edge))}
        for one in records
    ]
    if context.as_json:
        print(json.dumps({"edges": rows, "alarms": alarms}, indent=2))
        return 0
    context.show([_readable(row) for row in rows], "edges")
    for line in alarms:
        context.say(f"! {line}")
    return 0


def _records(context: Context) -> tuple[list[EdgeRecord], list[str]]:
    """Every edge of a pilot, with its certificate where edges get one; and the alarms."""
    pilots = context.registry.pilots.settings()
    known = {e: EdgeRecord(e, p.id, "", "", "", None) for p in pilots for e in p.edges}
    if context.settings.identity is None:
        return [known[edge] for edge in sorted(known)], []
    with context.identity() as identity:
        known |= {record.edge: record for record in identity.edges.records()}
        alarms = identity.alarms()
    return [known[edge] for edge in sorted(known)], alarms


def _short(order: Order | None) -> dict[str, Any] | None:
    if order is None:
        return None
    names = ("kind", "what", "state", "reason", "asked_us", "changed_us")
    return {name: getattr(order, name) for name in names}


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    order = row["order"] or {}
    words = (order.get("kind"), order.get("what"), order.get("state"), order.get("reason"))
    until = utc(row["not_after_s"] * 1_000_000) if row["not_after_s"] else None
    said = {"version": row["version"], "order": " ".join(filter(None, words))}
    names = ("edge", "pilot", "state", "note")
    return {name: row[name] for name in names} | {"certificate_until": until} | said


def _update(context: Context, arguments: argparse.Namespace) -> int:
    edges = _edges(context, arguments)
    commands = context.registry.commands
    if arguments.stop:
        stopped = commands.stop(edges, actor=context.actor)
        context.say(f"{stopped} taken back; what an edge has begun goes on", stopped=stopped)
        return 0
    if context.settings.identity is None:
        fix = "edges get no certificates here, and fetch releases by them; add [identity]"
        raise RegistryError("identity", fix)
    if arguments.at_a_time < 1:
        raise RegistryError("at_a_time", "is at least 1")
    release = releases_of(context.settings, context.registry).find(arguments.release)
    asked = commands.roll_out(
        edges,
        release.title,
        {"url": release.address, "sha256": release.digest},
        at_a_time=arguments.at_a_time,
        actor=context.actor,
    )
    text = f"{release.title}: asked of {len(asked)}, {arguments.at_a_time} at a time; see edge list"
    context.say(text, release=release.title, edges=edges)
    return 0


def _edges(context: Context, arguments: argparse.Namespace) -> list[str]:
    if (arguments.edge is None) == (arguments.pilot is None):
        raise RegistryError("edge", "name one edge, or --pilot")
    pilots = context.registry.pilots.settings()
    found = [
        edge
        for pilot in pilots
        for edge in pilot.edges
        if arguments.edge == edge or arguments.pilot == pilot.id
    ]
    if not found:
        name = arguments.edge or arguments.pilot
        raise UnknownError("edge", f"{name} is not known, or has no edges; see pilot list")
    return found


def _tell(context: Context, arguments: argparse.Namespace) -> int:
    arguments.pilot = None
    (edge,) = _edges(context, arguments)
    kind, said = _meant(arguments)
    commands = context.registry.commands
    asked = commands.ask(edge, kind, said, actor=context.actor)
    end = time.monotonic() + arguments.wait
    while (order := commands.get(asked.id)).is_open and time.monotonic() < end:
        time.sleep(_LOOK_S)
    reason = f": {order.reason}" if order.reason else ""
    text = f"{edge}: {kind} {order.state}{reason}"
    if order.details:
        text += "\n" + json.dumps(order.details, indent=2)
    context.say(text, **asdict(order))
    return 0 if order.is_open or order.state == "done" else 1


def _meant(arguments: argparse.Namespace) -> tuple[CommandKind, dict[str, Any]]:
    """Kind and arguments. Raises RegistryError."""
    what, value = arguments.what, arguments.value
    if (value is None) == (what in ("config", "rate")):
        raise RegistryError("value", "config takes a file, rate a number, the others nothing")
    if what == "resend":
        return "resend", {}
    if what == "diagnostics":
        return "diagnostics", {}
    if what == "rate":
        if not value.isdecimal():
            raise RegistryError("value", "is a number of bytes a second")
        return "rate_cap", {"bytes_per_s": int(value)}
    try:
        return "config", {"text": Path(value).read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError) as exc:
        raise RegistryError("value", f"{value} cannot be read ({exc})") from exc
