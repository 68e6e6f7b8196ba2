"""vointi-gateway release add | list | remove: signed releases that edges may be ordered."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from ..releases import releases_of
from .context import Common, Context, Sub, command, group

#: Enough to tell releases apart; the whole one is in the JSON.
_DIGEST_SHOWN = 12


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    sub = group(commands, "release", "signed releases of the edge's program")
    add = command(sub, "add", "take one in, if a release key of ours signed it", _add, common)
    add.add_argument("file", type=Path, help="as tools/release.py made it")
    command(sub, "list", "every release, newest first", _list, common)
    remove = command(sub, "remove", "delete one", _remove, common)
    remove.add_argument("release", metavar="version", help="version or number")


def _add(context: Context, arguments: argparse.Namespace) -> int:
    releases = releases_of(context.settings, context.registry)
    made = releases.add(arguments.file, actor=context.actor)
    context.say(f"{made.title}: taken in, {made.bytes} bytes", **asdict(made))
    return 0


def _list(context: Context, _arguments: argparse.Namespace) -> int:
    found = releases_of(context.settings, context.registry).all()
    cut = None if context.as_json else _DIGEST_SHOWN
    context.show([{**asdict(one), "digest": one.digest[:cut]} for one in found], "releases")
    return 0


def _remove(context: Context, arguments: argparse.Namespace) -> int:
    releases = releases_of(context.settings, context.registry)
    gone = releases.remove(arguments.release, actor=context.actor)
    context.say(f"{gone.title}: removed", **asdict(gone))
    return 0
