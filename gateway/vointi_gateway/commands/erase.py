"""vointi-gateway erase PILOT PERSON: everything, everywhere, with a receipt."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import RegistryError
from ..pilots.erasure import Erasures
from .context import Common, Context, Sub, command


def add_commands(commands: Sub, common: Common) -> None:
    """Add the command."""
    about = "erase a person: measurements, records, exports, edge buffers; prints the receipt"
    parser = command(commands, "erase", about, _erase, common)
    parser.add_argument("pilot")
    parser.add_argument("person")
    parser.add_argument("--yes", action="store_true", help="do it; it cannot be undone")
    parser.add_argument("--receipt", type=Path, help="write the receipt to this file, too")


def _erase(context: Context, arguments: argparse.Namespace) -> int:
    """Exit code 1 when a copy could not be reached yet, or the scan found bytes."""
    registry = context.registry
    erasures = Erasures(registry, registry.wall_us)
    if not arguments.yes:
        registry.people.get(arguments.pilot, arguments.person)
        raise RegistryError("--yes", f"is missing; {arguments.person} cannot be brought back")
    asked = erasures.request(arguments.pilot, arguments.person, context.actor)
    open_ = ("asked", "scanning")
    context.wait(lambda _told: erasures.get(asked.id).state not in open_, "erasing")
    found = erasures.get(asked.id)
    text = json.dumps(found.receipt | {"state": found.state}, indent=2)
    print(text)
    if arguments.receipt is not None:
        arguments.receipt.write_text(text + "\n", encoding="utf-8")
    return 0 if found.state == "done" else 1
