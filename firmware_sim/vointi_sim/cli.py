"""`vointi-sim`: the command line."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from vointi_sim import __version__
from vointi_sim.errors import ArgumentError, SimError
from vointi_sim.fleet.cli import add_fleet
from vointi_sim.wired_cli import add_wired, run_wired

if TYPE_CHECKING:
    from vointi_sim.clock import Clock
    from vointi_sim.extras import Extra
    from vointi_sim.faults import Faults
    from vointi_sim.places import Place
    from vointi_sim.radio import HciPort

# As of grep and argparse: 2 is "you asked for something that cannot be".
_EXIT_USAGE = 2
# An adapter of this machine's own kernel, in place of a TCP port.
_VHCI = "vhci"


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
    host, _, port = text.removeprefix("tcp-server:").rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65_535:
        raise ArgumentError(field, f"{text!r} is no address", "write tcp-server:127.0.0.1:9300")
    return host, int(port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vointi-sim", description="Simulated wellbeing devices.")
    parser.add_argument("--version", action="version", version=f"vointi-sim {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="a home and a service point, until stopped")
    run.add_argument("--home", help="tcp-server:HOST:PORT of the home's adapter, or vhci")
    run.add_argument("--second", help="tcp-server:HOST:PORT of a second adapter in the home")
    run.add_argument("--service-point", help="tcp-server:HOST:PORT of the service point's adapter")
    run.add_argument("--box", type=Path, help="path of the service-point box's serial line")
    run.add_argument("--seed", type=int, help="decides everything that happens; 1 if not given")
    run.add_argument("--speed", type=float, default=1.0, help="simulated seconds a second")
    run.add_argument("--control", help="HOST:PORT for faults and statistics")
    run.add_argument("--scenario", type=Path, help="TOML file of faults at given moments")
    run.set_defaults(job=_run)
    play = commands.add_parser("play", help="a recording through a simulated strap")
    play.add_argument("record", type=Path, metavar="RECORD", help="WFDB record or EDF file")
    play.add_argument("--hci", required=True, help="tcp-server:HOST:PORT of the adapter")
    play.add_argument("--speed", type=float, default=1.0, help="recorded seconds a second")
    play.add_argument("--lead", type=int, default=0, help="number of the lead, from 0")
    play.add_argument("--seconds", type=float, help="only the first SECONDS of the recording")
    play.add_argument("--control", help="HOST:PORT for faults and statistics")
    play.set_defaults(job=_play)
    add_fleet(commands, tcp_address, _stop_asked)
    add_wired(commands, tcp_address)
    commands.choices["wired"].set_defaults(job=_wired)
    return parser


async def _wired(options: argparse.Namespace) -> int:
    _check_positive("--speed", options.speed)
    return await run_wired(options, _say, _stop_asked())


async def _run(options: argparse.Namespace) -> int:
    _check_run(options)
    # Only now: the radio takes a second to load, and a wrong option should be said at once.
    from vointi_sim import scenario
    from vointi_sim.clock import PacedClock
    from vointi_sim.faults import Faults

    story = scenario.read(options.scenario) if options.scenario else scenario.Scenario(None, ())
    seed = next(one for one in (options.seed, story.seed, 1) if one is not None)
    clock = PacedClock(options.speed)
    wanted = _places(options, clock, seed, story.extras)
    faults = Faults([place for place, _, _ in wanted], clock, seed)
    director = scenario.Director(story, faults, clock)
    async with AsyncExitStack() as stack:
        facts = {"box": str(options.box)} if options.box is not None else {}
        facts |= await _open(
            stack, clock, wanted, options.control, faults=faults, second=options.second
        )
        stop = _stop_asked()
        _say(ready=True, **facts, seed=seed)
        acting = asyncio.create_task(director.run())
        await stop.wait()
        acting.cancel()
    return 0


def _places(
    options: argparse.Namespace, clock: Clock, seed: int, extras: Sequence[Extra]
) -> list[tuple[Place, str, str]]:
    from vointi_sim.places import home, service_point

    wanted = []
    if options.home is not None:
        at_home = home(clock, seed, extras)
        if options.second is not None:
            at_home.add_port("B8:27:EB:00:00:03")
        wanted.append((at_home, "--home", options.home))
    if options.service_point is not None:
        point = service_point(clock, seed, options.box, extras)
        wanted.append((point, "--service-point", options.service_point))
    return wanted


def _check_run(options: argparse.Namespace) -> None:
    _check_positive("--speed", options.speed)
    if options.home is None and options.service_point is None:
        raise ArgumentError("--home", "is missing", "give --home, --service-point or both")
    if options.box is not None and options.service_point is None:
        raise ArgumentError("--box", "is of a service point", "give --service-point too")
    if options.second is not None and options.home is None:
        raise ArgumentError("--second", "is of a home", "give --home too")
    for field in ("home", "second", "service_point", "control"):
        text = getattr(options, field)
        if text is not None and (text != _VHCI or field == "control"):
            tcp_address(f"--{field.replace('_', '-')}", text)


async def _play(options: argparse.Namespace) -> int:
    _check_positive("--speed", options.speed)
    if options.seconds is not None:
        _check_positive("--seconds", options.seconds)
    for field in ("hci", "control"):
        if getattr(options, field) not in (None, _VHCI):
            tcp_address(f"--{field}", getattr(options, field))
    from vointi_sim.clock import PacedClock
    from vointi_sim.faults import Faults
    from vointi_sim.player import Player
    from vointi_sim.recordings import read

    recording = read(options.record, options.lead, options.seconds)
    clock = PacedClock(options.speed)
    player = Player(clock, recording)
    async with AsyncExitStack() as stack:
        wanted = [(player.place, "--hci", options.hci)]
        faults = Faults([player.place], clock)
        facts = await _open(stack, clock, wanted, options.control, faults=faults)
        stop = _stop_asked()
        _say(
            ready=True,
            hci=facts.pop("player"),
            **facts,
            record=recording.name,
            lead=recording.lead,
            rate_hz=recording.rate_hz,
            samples=len(recording.microvolts),
            invalid=recording.invalid,
        )
        tell = asyncio.create_task(player.tell(_progress))
        await stop.wait()
        tell.cancel()
    return 0


async def _open(
    stack: AsyncExitStack,
    clock: Clock,
    wanted: Sequence[tuple[Place, str, str]],
    control: str | None,
    *,
    faults: Faults,
    second: str | None = None,
) -> dict[str, str]:
    from vointi_sim.control import ControlPort

    facts: dict[str, str] = {}
    for place, field, text in wanted:
        stack.push_async_callback(place.stop)
        await _reachable(place.port, field, text)
        facts[place.name] = place.port.where
        for adapter in place.ports[1:]:
            await _reachable(adapter, "--second", second or "")
            facts[adapter.name] = adapter.where
        await place.switch_on()
    if control is not None:
        places = [place for place, _, _ in wanted]
        listener = ControlPort(places, faults, clock)
        stack.push_async_callback(listener.stop)
        host, port = tcp_address("--control", control)
        facts["control"] = "{}:{}".format(*await listener.start(host, port, "--control"))
    return facts


async def _reachable(port: HciPort, field: str, text: str) -> None:
    if text == _VHCI:
        port.attach(field)
    else:
        await port.start(*tcp_address(field, text), field)


def _check_positive(field: str, value: float) -> None:
    if not 0 < value < 1e6:
        raise ArgumentError(field, f"{value} is wrong", "use a number above 0")


def _progress(sent: int, total: int) -> None:
    _say(done=sent == total, sent=sent, samples=total)


def _say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def _stop_asked() -> asyncio.Event:
    """Set by SIGINT and SIGTERM: wanted before anybody is told that we are ready."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop
