"""vointi-gateway tidy: what the gateway does each night, now."""

from __future__ import annotations

import argparse

from .context import Common, Context, Sub, command


def add_commands(commands: Sub, common: Common) -> None:
    """Add the command."""
    about = "move old days to the lake, remove what is too old and old exports, as every night"
    command(commands, "tidy", about, _tidy, common)


def _tidy(context: Context, _arguments: argparse.Namespace) -> int:
    job = context.job("tidy", "tidying")
    removed = job.result["removed"]
    rows = sum(sum(facts.values()) for facts in removed.values())
    text = f"{job.result['moved']} rows moved to the lake, {rows} removed as too old"
    text += f", {job.result['exports']} exports removed"
    context.say(text, **job.result)
    return 0
