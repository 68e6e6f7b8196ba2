"""vointi-broker: one MQTT broker for a demo or a small pilot, whichever kind is there."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from .. import logs
from ..errors import BrokerStartError, ConfigError, GatewayError
from ..settings import is_loopback
from ..sockets import bind
from ..tables import anchored, document, read_table
from . import mosquitto
from .edges import EdgeDoor, TlsSettings
from .users import User, UsersFile, load_users

EXIT_USAGE = 2
#: How soon the end of mosquitto, a signal, or a change of the edges' folder is seen.
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where to listen, where to keep things, who may connect."""

    data: Path
    users: Path
    host: str = "127.0.0.1"
    port: int = 1883
    kind: Literal["auto", "mosquitto", "embedded"] = "auto"
    tls: TlsSettings | None = None


def main(argv: Sequence[str] | None = None) -> None:
    """Run the broker until SIGTERM or SIGINT; exits 0, 1 when it died, 2 on wrong settings."""
    logs.configure("warning")
    try:
        sys.exit(_run(_settings(argv)))
    except GatewayError as exc:
        print(exc, file=sys.stderr)
        sys.exit(EXIT_USAGE)


def _settings(argv: Sequence[str] | None) -> BrokerSettings:
    parser = argparse.ArgumentParser(prog="vointi-broker", description=__doc__)
    parser.add_argument("--config", type=Path, help="a TOML file with the same names as below")
    parser.add_argument("--host", help="address to listen on, default 127.0.0.1")
    parser.add_argument("--port", type=int, help="default 1883; 0 takes a free one")
    parser.add_argument("--data", type=Path, help="folder for passwords and persistence")
    parser.add_argument("--users", type=Path, help='JSON {name: {"password": …, "role": …}}')
    parser.add_argument("--kind", choices=("auto", "mosquitto", "embedded"))
    arguments = vars(parser.parse_args(argv))
    path = arguments.pop("config")
    table = anchored(BrokerSettings, document(path), path.parent) if path else {}
    given = {k: str(v) if isinstance(v, Path) else v for k, v in arguments.items() if v is not None}
    return read_table(BrokerSettings, table | given, path.name if path else "vointi-broker")


def _run(settings: BrokerSettings) -> int:
    users = load_users(settings.users)
    program = None if settings.kind == "embedded" else mosquitto.find()
    if settings.kind == "mosquitto" and program is None:
        raise ConfigError("vointi-broker", "kind", "mosquitto is not installed; use auto")
    if settings.tls is not None:
        _check_tls(settings, program)
        settings = replace(settings, tls=_with_port(settings.tls))
    sock = bind(settings.host, settings.port)
    settings = replace(settings, port=sock.getsockname()[1])
    if program is None:
        return _run_embedded(settings, sock, users)
    # It was bound to learn that it is free, and which one it is.
    sock.close()
    return _run_mosquitto(settings, program, users)


def _check_tls(settings: BrokerSettings, program: str | None) -> None:
    if program is None:
        problem = "certificates need mosquitto; install it, or leave [tls] out"
        raise ConfigError("vointi-broker", "tls", problem)
    if not is_loopback(settings.host):
        problem = f"{settings.host} takes passwords in the clear; with [tls] use 127.0.0.1"
        raise ConfigError("vointi-broker", "host", problem)


def _with_port(tls: TlsSettings) -> TlsSettings:
    """The same with the port that it will have: 0 takes a free one."""
    with bind(tls.host, tls.port) as sock:
        found = replace(tls, port=sock.getsockname()[1])
        if tls.gateway_port is None:
            return found
        with bind(tls.host, tls.gateway_port) as another:
            return replace(found, gateway_port=another.getsockname()[1])


def _run_mosquitto(settings: BrokerSettings, program: str, users: dict[str, User]) -> int:
    data = settings.data / "mosquitto"
    door = EdgeDoor(settings.tls, data) if settings.tls else None
    broker = mosquitto.Mosquitto(program, settings.host, settings.port, data, users, door=door)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    broker.start()
    _ready(settings, "mosquitto")
    file = UsersFile(settings.users)
    while broker.code is None and not stop.wait(POLL_S):
        broker.watch()
        changed = file.changed()
        if changed is not None:
            broker.rotate(changed)
    if broker.code is not None:
        print(f"mosquitto ended by itself with code {broker.code}", file=sys.stderr)
        return 1
    broker.stop()
    return 0


def _run_embedded(settings: BrokerSettings, sock: socket.socket, users: dict[str, User]) -> int:
    try:
        from .embedded import EmbeddedBroker
    except ImportError as exc:
        raise BrokerStartError(
            "no broker is there; install mosquitto, or vointi-gateway[broker]"
        ) from exc
    broker = EmbeddedBroker(sock, users)

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        await broker.start()
        _ready(settings, "embedded")
        await stop.wait()
        await broker.stop()

    asyncio.run(run())
    return 0


def _ready(settings: BrokerSettings, kind: str) -> None:
    line: dict[str, object] = {
        "ready": "vointi-broker",
        "kind": kind,
        "host": settings.host,
        "port": settings.port,
        "pid": os.getpid(),
    }
    if settings.tls is not None:
        line["tls_port"] = settings.tls.port
        if settings.tls.gateway_port is not None:
            line["gateway_port"] = settings.tls.gateway_port
    print(json.dumps(line), flush=True)
