"""Commands for whoever runs pilots: one module a subject, `add_commands` for all."""

from __future__ import annotations

import argparse
from collections.abc import Callable

<<<<<<< HEAD
from . import audit, backup, consent, device, doctor, erase, export, participant, pilot, tidy
=======
from . import audit, backup, consent, device, doctor, erase, export, participant, pilot, sample
>>>>>>> 92e4263 (gateway: Make four cities of simulated people from one seed.)

__all__ = ["add_commands"]


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add every command; each sets `run_with(settings, arguments) -> exit code`."""
    for subject in (
        pilot,
        participant,
        device,
        consent,
        erase,
        export,
        backup,
<<<<<<< HEAD
        tidy,
        doctor,
        audit,
=======
        doctor,
        audit,
        sample,
>>>>>>> 92e4263 (gateway: Make four cities of simulated people from one seed.)
    ):
        subject.add_commands(commands, common)
