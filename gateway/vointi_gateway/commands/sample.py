"""vointi-gateway sample-data: four cities of simulated people, from one seed."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import ConflictError, RegistryError, StoreLockedError
from ..making import make_store
from ..sample.files import write
from ..sample.load import load_readings, load_registry
from ..sample.plan import Sample, plan
from .context import Common, Context, Sub, command


def add_commands(commands: Sub, common: Common) -> None:
    """Add the command."""
    about = "simulated pilots, people, loans, consents and readings; the same for the same seed"
    parser = command(commands, "sample-data", about, _run, common)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pilots", type=int, default=35)
    parser.add_argument("--people", type=int, default=1500)
    parser.add_argument("--weeks", type=int, default=3)
    parser.add_argument("--to", type=Path, help="write it as files into this new folder")
    parser.add_argument("--load", action="store_true", help="put it into the data folder")


def _run(context: Context, arguments: argparse.Namespace) -> int:
    sample = plan(
        arguments.seed, pilots=arguments.pilots, people=arguments.people, weeks=arguments.weeks
    )
    if arguments.to is None and not arguments.load:
        raise RegistryError("sample-data", "does nothing so; name --to FOLDER, or --load, or both")
    facts: dict[str, object] = {"pilots": len(sample.pilots), "people": len(sample.people)}
    if arguments.to is not None:
        facts = write(sample, arguments.to)
    if arguments.load:
        facts = {**facts, "readings": _load(context, sample)}
    text = ", ".join(f"{facts[name]} {name}" for name in ("pilots", "people", "readings"))
    context.say(text, **facts)
    return 0


def _load(context: Context, sample: Sample) -> int:
    """The readings once; the registry takes what it does not have."""
    store = make_store(context.settings)
    try:
        store.open()
    except StoreLockedError as exc:
        raise ConflictError("data_dir", "a gateway uses it; stop that one first") from exc
    try:
        first = sample.devices[0].edge
        if first in store.births():
            raise ConflictError("data_dir", f"has sample data of {first} already; use a new one")
        load_registry(sample, context.registry)
        with context.bar("loading") as told:
            return load_readings(sample, store, told)
    finally:
        store.close()
