"""Commands for whoever runs pilots: one module a subject, `add_commands` for all."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from . import (
    account,
    audit,
    backup,
    consent,
    device,
    doctor,
    edge,
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
        account,
        edge,
        release,
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
    ):
        subject.add_commands(commands, common)
