"""`vointi-sim fleet`: hundreds of homes against a real broker and a real gateway."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from vointi_sim.errors import ArgumentError

# One look at every home's clock: a heart rate comes each second, a frame of ECG each half.
_ROUND_S: Final = 0.05
_TELL_S: Final = 1.0
# People are shared: what a heart does is computed once for all who have it.
_PEOPLE: Final = 16

#: Reads HOST:PORT of an option; raises ArgumentError.
Address: TypeAlias = Callable[[str, str], tuple[str, int]]


def add_fleet(commands: Any, tcp_address: Address, stop_asked: Callable[[], asyncio.Event]) -> None:
    """Add the parser of `fleet`."""
    fleet = commands.add_parser("fleet", help="many homes that speak MQTT as edges, for load")
    fleet.add_argument("--broker", help="HOST:PORT")
    fleet.add_argument("--homes", type=int, default=300)
    fleet.add_argument("--pilot", default="fleet")
    fleet.add_argument("--seed", type=int, default=1)
    fleet.add_argument("--seconds", type=float, help="measure for so long, then wait for the rest")
    fleet.add_argument("--password-file", type=Path, help="one password for all edges")
    fleet.add_argument("--describe", type=Path, metavar="FOLDER", help="write the broker's and the "
                       "gateway's configuration of these edges there, and end")  # fmt: skip
    fleet.set_defaults(job=lambda options: _fleet(options, tcp_address, stop_asked))


def names(homes: int) -> list[str]:
    """The edges of a fleet."""
    return [f"fleet-{number:04d}" for number in range(1, homes + 1)]


def describe(folder: Path, pilot: str, homes: int) -> None:
    """Write users.json (for vointi-broker), pilot.toml (for gateway.toml) and password."""
    folder.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(18)
    users = {name: {"password": password, "role": "edge"} for name in names(homes)}
    edges = ", ".join(f'"{name}"' for name in names(homes))
    written = {
        "users.json": json.dumps(users, indent=1),
        "pilot.toml": f'[[pilot]]\nid = "{pilot}"\nname = "Fleet (simulated)"\ncity = "Espoo"\n'
        f'kind = "home"\npeople = "simulated"\nedges = [{edges}]\n',
        "password": password,
    }
    for name, text in written.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")


async def _fleet(
    options: argparse.Namespace, tcp_address: Address, stop_asked: Callable[[], asyncio.Event]
) -> int:
    if not 0 < options.homes <= 9_999:
        raise ArgumentError("--homes", f"{options.homes} is wrong", "give 1 to 9999")
    if options.describe is not None:
        describe(options.describe, options.pilot, options.homes)
        return 0
    if options.broker is None:
        raise ArgumentError("--broker", "is missing", "give HOST:PORT, or --describe FOLDER")
    host, port = tcp_address("--broker", options.broker)
    password = None
    if options.password_file is not None:
        try:
            password = options.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            fix = "give a readable file"
            raise ArgumentError("--password-file", f"{error.strerror}", fix) from error
    stop = threading.Event()
    work = asyncio.create_task(
        asyncio.to_thread(_run, options, (host, port, password), stop), name="fleet"
    )
    asked = asyncio.create_task(stop_asked().wait(), name="stop")
    await asyncio.wait((work, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    stop.set()
    return await work


def _run(
    options: argparse.Namespace, where: tuple[str, int, str | None], stop: threading.Event
) -> int:
    # Only now: a wrong option should be said at once, and MQTT is an extra of this package.
    try:
        from vointi_sim.fleet.run import Fleet
        from vointi_sim.fleet.wire import Where
    except ImportError as error:
        raise ArgumentError("fleet", f"needs {error.name}", "install vointi-sim[fleet]") from error
    fleet = Fleet(
        names(options.homes),
        options.pilot,
        Where(*where),
        random.Random(options.seed),  # noqa: S311 - load, not secrets
        _PEOPLE,
        say=lambda line: print(line, flush=True),
        seconds=options.seconds,
    )
    return fleet.run(_ROUND_S, _TELL_S, stop)
