"""vointi-gateway quarantine list | show | replay | drop."""

from __future__ import annotations

import argparse

from ..errors import RegistryError
from .context import Common, Context, Sub, command, group


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    sub = group(commands, "quarantine", "deliveries that could not be stored, each with its reason")
    command(sub, "list", "the newest thousand: where from, which field, what to do", _list, common)
    show = command(sub, "show", "one, with its bytes", _show, common)
    show.add_argument("id")
    about = "try again, as if they arrived now; without an id, all"
    command(sub, "replay", about, _replay, common).add_argument("id", nargs="*")
    drop = command(sub, "drop", "throw away; they stay counted as quarantined", _drop, common)
    drop.add_argument("id", nargs="+")
    drop.add_argument("--yes", action="store_true", help="do it; it cannot be undone")


def _list(context: Context, _arguments: argparse.Namespace) -> int:
    job = context.job("quarantine", "looking", action="list", ids=[])
    context.show(job.result["rows"], "deliveries in quarantine")
    return 0


def _show(context: Context, arguments: argparse.Namespace) -> int:
    row = context.job("quarantine", "looking", action="show", ids=[arguments.id]).result
    text = "\n".join(f"{name}: {value}" for name, value in row.items())
    context.say(text, **row)
    return 0


def _replay(context: Context, arguments: argparse.Namespace) -> int:
    """Exit code 1 when something is still wrong."""
    result = context.job("quarantine", "trying", action="replay", ids=arguments.id).result
    text = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in result.items())
    context.say(text, **result)
    return 1 if result["still_wrong"] else 0


def _drop(context: Context, arguments: argparse.Namespace) -> int:
    if not arguments.yes:
        raise RegistryError("--yes", "is missing; what is dropped cannot be brought back")
    result = context.job("quarantine", "dropping", action="drop", ids=arguments.id).result
    context.say(f"{result['dropped']} dropped", **result)
    return 0
