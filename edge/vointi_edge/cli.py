"""vointi-edge. Exit codes: 0 fine, 1 trouble while running, 2 wrong input, 75 begin anew."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import json
import logging
import signal
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from vointi_edge import __version__
from vointi_edge.care.cli import add_commands
from vointi_edge.catalogue import Model, load_catalogue
from vointi_edge.clockfloor import FLOOR_FILE, ClockFloor
from vointi_edge.config import DeviceConfig, EdgeConfig, load_config, load_place
from vointi_edge.configtrial import ConfigTrial
from vointi_edge.errors import ConfigError, EdgeError, Problem, RestartError
from vointi_edge.lock import DataLock
from vointi_edge.placing import placing_problem
from vointi_edge.update.cli import add_command as add_update
from vointi_edge.update.orders import ROOT
from vointi_edge.vitals import run_folder

EX_TEMPFAIL = 75  # sysexits.h: begin anew, please
# The file descriptor: what sys.stderr is need not have one.
_STDERR = 2


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 2
    except EdgeError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vointi-edge", description="Vointi's edge.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("run", help="read devices until stopped")
    run.add_argument("--config", type=Path, required=True, metavar="edge.toml")
    run.add_argument("--root", type=Path, default=ROOT, help="where updates tell how they ended")
    run.add_argument("--verbose", action="store_true", help="log what is usually not worth it")
    run.set_defaults(command=_run)
    check = commands.add_parser("check", help="check configuration and catalogue")
    check.add_argument("--config", type=Path, required=True, metavar="edge.toml")
    check.set_defaults(command=_check)
    enrol = commands.add_parser("enrol", help="trade a ticket for a certificate")
    enrol.add_argument("--config", type=Path, required=True, metavar="edge.toml")
    enrol.add_argument("--gateway", required=True, metavar="URL", help="https://host:port")
    enrol.add_argument(
        "--ticket", required=True, help='from the operator; "-" reads it from a pipe'
    )
    enrol.set_defaults(command=_enrol)
    status = commands.add_parser("status", help="print the outbox counters of a data folder")
    status.add_argument("--data-dir", type=Path, required=True)
    status.set_defaults(command=_status)
    test = commands.add_parser("self-test", help="say whether this program could serve")
    test.add_argument("--config", type=Path, required=True, metavar="edge.toml")
    test.set_defaults(command=_self_test)
    add_commands(commands, _load)
    add_update(commands)
    return parser


def _load(path: Path) -> tuple[EdgeConfig, dict[str, Model], str | None]:
    """Read everything that is configured; raises ConfigError with all problems of a step."""
    config = load_config(path)
    models = load_catalogue(config.catalogue_dir)
    problems = [
        Problem(path.name, f"device[{n}].{field}", fix)
        for n, device in enumerate(config.devices, 1)
        for field, fix in _device_problems(device, models)
    ]
    password = None
    if config.mqtt.password_file is not None:
        try:
            password = config.mqtt.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            where = config.mqtt.password_file
            fix = f"{where} cannot be read ({error.strerror})"
            problems.append(Problem(path.name, "mqtt.password_file", fix))
    if problems:
        raise ConfigError(problems)
    return config, models, password


def _device_problems(device: DeviceConfig, models: dict[str, Model]) -> list[tuple[str, str]]:
    if device.model not in models:
        return [("model", f'no catalogue file "{device.model}.toml"; known: {", ".join(models)}')]
    model = models[device.model]
    problem = placing_problem(device, model)
    if problem is not None:
        return [problem]
    names = [spec.id for spec in model.streams]
    return [
        ("enable", f'{device.model} has no stream "{name}"; it has {", ".join(names)}')
        for name in device.enable
        if name not in names
    ]


def _check(arguments: argparse.Namespace) -> int:
    config, models, _ = _load(arguments.config)
    print(f"{arguments.config.name}: fine; {len(config.devices)} devices, {len(models)} models")
    return 0


def _self_test(arguments: argparse.Namespace) -> int:
    """Load everything that `run` needs, and change nothing."""
    from vointi_edge import agent

    config, models, _ = _load(arguments.config)
    print(f"{agent.__name__} {__version__}: {len(config.devices)} devices, {len(models)} models")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from vointi_edge.outbox.database import connect_readonly
    from vointi_edge.outbox.store import read_counts

    database = connect_readonly(arguments.data_dir / "outbox.db")
    try:
        print(json.dumps(asdict(read_counts(database))))
    finally:
        database.close()
    return 0


def _enrol(arguments: argparse.Namespace) -> int:
    from vointi_edge.identity.keeper import FOLDER, Keeper
    from vointi_edge.identity.renewal import enrol

    name, data_dir = load_place(arguments.config)
    ticket = sys.stdin.readline() if arguments.ticket == "-" else arguments.ticket
    keeper = Keeper(data_dir / FOLDER)
    edge = enrol(keeper, arguments.gateway, ticket, name)
    certificate = keeper.certificate()
    until = f"{certificate.not_after:%Y-%m-%d %H:%MZ}" if certificate else "?"
    print(f"{edge} is enrolled until {until}; it renews itself while it runs")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(levelname).1s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    # The service manager ends a hanging edge by SIGABRT: the log then says where it hung.
    faulthandler.enable(_STDERR)
    for chatty in (
        "bumble",
        "bleak",
        "bleak_retry_connector",
        "asyncio",
        "paho",
        "httpx",
        "httpcore",
    ):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    path: Path = arguments.config
    ConfigTrial(path, lambda _: None).start()
    config, models, password = _load(path)
    try:
        with DataLock(config.data_dir):
            asyncio.run(_run_agent(arguments, config, models, password))
    except RestartError as error:
        logging.getLogger(__name__).info("%s", error)
        return EX_TEMPFAIL
    return 0


def _check_successor(path: Path, config: EdgeConfig) -> None:
    """Raise ConfigError unless `path` holds a configuration for the same edge."""
    successor, _, _ = _load(path)
    for field in ("edge", "pilot"):
        if getattr(successor, field) != getattr(config, field):
            fix = f"must stay {getattr(config, field)}; another edge is provisioned anew"
            raise ConfigError([Problem(path.name, field, fix)])


async def _run_agent(
    arguments: argparse.Namespace,
    config: EdgeConfig,
    models: dict[str, Model],
    password: str | None,
) -> None:
    from vointi_edge.agent import Agent, kernel_boot_id
    from vointi_edge.clock import make_clock

    floor_us = ClockFloor(config.data_dir / FLOOR_FILE).read()
    agent = Agent(
        config,
        models,
        clock=make_clock(config.clock_trust, config.clock_speed, floor_us),
        kernel_boot=kernel_boot_id(),
        password=password,
        trial=ConfigTrial(arguments.config, lambda new: _check_successor(new, config)),
        run_dir=run_folder(config.data_dir),
        root=arguments.root,
    )
    task = asyncio.create_task(agent.run(), name="agent")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    renewal = _start_renewal(config)
    try:
        await task
    except asyncio.CancelledError:
        return
    finally:
        if renewal is not None:
            renewal.cancel()


def _start_renewal(config: EdgeConfig) -> asyncio.Task[None] | None:
    """Renew what `enrol` has fetched; certificates from elsewhere are renewed from there."""
    from vointi_edge.identity.keeper import FOLDER, Keeper
    from vointi_edge.identity.renewal import renew_for_ever

    if config.mqtt.tls is None or not config.mqtt.tls.own:
        return None
    job = renew_for_ever(Keeper(config.data_dir / FOLDER), lambda: datetime.now(UTC))
    return asyncio.create_task(job, name="renewal")


if __name__ == "__main__":
    sys.exit(main())
