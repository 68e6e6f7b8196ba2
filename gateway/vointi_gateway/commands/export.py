"""vointi-gateway export PILOT PERSON: everything that is held about a person, as a zip file."""

from __future__ import annotations

import argparse

from ..api.timespan import parse_resolution
from .context import Common, Context, Sub, command


def add_commands(commands: Sub, common: Common) -> None:
    """Add the command."""
    about = "everything about one person, who looked included, as a zip file"
    parser = command(commands, "export", about, _export, common)
    parser.add_argument("pilot")
    parser.add_argument("person")
    text = "raw (everything, the default), or summaries by 60s, 1h, 1d"
    parser.add_argument("--resolution", default="raw", help=text)


def _export(context: Context, arguments: argparse.Namespace) -> int:
    job = context.job(
        "export",
        "exporting",
        pilot=arguments.pilot,
        person=arguments.person,
        window_us=parse_resolution(arguments.resolution),
    )
    days = context.settings.export_days
    context.say(f"written to {job.result['file']}; it is kept for {days} days", **job.result)
    return 0
