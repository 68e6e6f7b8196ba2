"""`vointi-sim`: the command line."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from vointi_sim import __version__
from vointi_sim.errors import ArgumentError, SimError

# As of grep and argparse: 2 is "you asked for something that cannot be".
_EXIT_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done or stopped, 2 cannot be done as asked."""
    logging.basicConfig(level=logging.WARNING, format="vointi-sim: %(message)s")
    # Bumble reports a link that is lost in mid-packet as an error; here it is a daily event.
    logging.getLogger("bumble").setLevel(logging.CRITICAL)
    options = _parser().parse_args(argv)
    try:
        return int(asyncio.run(options.job(options)))
    except SimError as error:
        print(f"vointi-sim: {error}", file=sys.stderr)
        return _EXIT_USAGE


def tcp_address(field: str, text: str) -> tuple[str, int]:
    """`tcp-server:HOST:PORT` or `HOST:PORT` as a pair. Raises ArgumentError."""
    host, colon, port = text.removeprefix("tcp-server:").rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise ArgumentError(field, f"{text!r} is no address", "write tcp-server:127.0.0.1:9300")
    return host, int(port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vointi-sim", description="Simulated wellbeing devices.")
    parser.add_argument("--version", action="version", version=f"vointi-sim {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="a home and a service point, until stopped")
    run.add_argument("--home", required=True, help="tcp-server:HOST:PORT of the home's adapter")
    run.add_argument("--service-point", help="tcp-server:HOST:PORT of the service point's adapter")
    run.add_argument("--box", type=Path, help="path of the service-point box's serial line")
    run.add_argument("--seed", type=int, default=1, help="decides everything that happens")
    run.add_argument("--speed", type=float, default=1.0, help="simulated seconds a second")
    run.add_argument("--control", help="HOST:PORT for faults and statistics")
    run.set_defaults(job=_run)
    return parser


async def _run(options: argparse.Namespace) -> int:
    from vointi_sim.clock import PacedClock
    from vointi_sim.home import home

    place = home(PacedClock(options.speed), options.seed)
    host, port = tcp_address("--home", options.home)
    await place.start(host, port, "--home")
    try:
        _say(ready=True, home="tcp-client:{}:{}".format(*place.port.address), seed=options.seed)
        await _stopped()
    finally:
        await place.stop()
    return 0


def _say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


async def _stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with contextlib.suppress(asyncio.CancelledError):
        await stop.wait()
