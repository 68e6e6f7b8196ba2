"""vointi-gateway doctor: look for what is wrong, and say what to do."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..pilots.doctor import Finding, examine
from .context import Common, Context, Sub, command


def add_commands(commands: Sub, common: Common) -> None:
    """Add the command."""
    command(commands, "doctor", "look for what is wrong, and say what to do", _doctor, common)


def _doctor(context: Context, _arguments: argparse.Namespace) -> int:
    """Exit code 1 when something is wrong."""
    findings = list(examine(context.registry))
    job = context.job("check", "looking into the store")
    findings += [Finding(**check) for check in job.result["checks"]]
    context.show([asdict(f) for f in findings], "findings")
    return 0 if all(f.ok for f in findings) else 1
