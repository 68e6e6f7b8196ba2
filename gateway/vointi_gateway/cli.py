"""vointi-gateway serve | check | config, and the commands for whoever runs pilots."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from . import logs
from .commands import add_commands
from .config import FILE_NAME, load
from .errors import ConfigError, GatewayError
from .gateway import Gateway
from .server import serve
from .settings import Settings
from .sockets import bind

#: What a supervisor should not answer by trying again: wrong settings, a port or store in use.
EXIT_USAGE = 2


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; exits 0, 1 on failure, 2 on wrong settings."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load(arguments.config, os.environ)
        if "run_with" in arguments:
            sys.exit(arguments.run_with(settings, arguments))
        sys.exit(arguments.run(settings))
    except GatewayError as exc:
        print(exc, file=sys.stderr)
        sys.exit(EXIT_USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vointi-gateway", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, about in (
        ("serve", _serve, "receive, store and show"),
        ("check", _check, "say whether the settings are right"),
        ("config", _config, "print the settings as they are used, secrets left out"),
    ):
        command = commands.add_parser(name, help=about)
        _common(command)
        command.set_defaults(run=run)
    add_commands(commands, _common)
    return parser


def _common(command: argparse.ArgumentParser) -> None:
    about = f"a TOML file, else {FILE_NAME}; VOINTI_… overrides it"
    command.add_argument("--config", type=Path, help=about)


def _serve(settings: Settings) -> int:
    logs.configure(settings.log_level)
    sock = bind(settings.host, settings.port)
    gateway = Gateway(settings)
    try:
        gateway.open()
        return serve(gateway, sock)
    finally:
        gateway.close()
        sock.close()


def _check(settings: Settings) -> int:
    settings.mqtt.password()
    if not settings.pilot:
        raise ConfigError("config", "pilot", "is missing; without a pilot no edge is accepted")
    print(f"ok: {len(settings.pilot)} pilots, {sum(len(p.edges) for p in settings.pilot)} edges")
    return 0


def _config(settings: Settings) -> int:
    document = asdict(settings)
    if document["influx"]:
        document["influx"].pop("token")
    print(json.dumps(document, indent=2, default=str))
    return 0
