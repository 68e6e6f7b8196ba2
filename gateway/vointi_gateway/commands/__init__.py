"""Commands for whoever runs pilots: one module a subject, `add_commands` for all."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from . import (
    audit,
    backup,
    consent,
    device,
    doctor,
    erase,
    export,
    participant,
    pilot,
    quarantine,
    release,
    resident,
    sample,
    tidy,
)

__all__ = ["add_commands"]


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add every command; each sets `run_with(settings, arguments) -> exit code`."""
    for subject in (
        pilot,
        participant,
        resident,
        device,
        consent,
        erase,
        export,
        backup,
        quarantine,
        tidy,
        doctor,
        audit,
        sample,
        release,
    ):
        subject.add_commands(commands, common)
