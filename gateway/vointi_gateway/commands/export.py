"""vointi-gateway export PILOT PERSON: everything that is held about a person, as a zip file."""

from __future__ import annotations

import argparse

from .context import Common, Context, Sub, command


def add_commands(commands: Sub, common: Common) -> None:
    """Add the command."""
    about = "everything about one person, who looked included, as a zip file"
    parser = command(commands, "export", about, _export, common)
    parser.add_argument("pilot")
    parser.add_argument("person")


def _export(context: Context, arguments: argparse.Namespace) -> int:
    job = context.job("export", "exporting", pilot=arguments.pilot, person=arguments.person)
    context.say(f"written to {job.result['file']}", **job.result)
    return 0
