"""Starts the parts of the chain, keeps them running, and stops them in order."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from .layout import Layout
from .process import Child

STOP_TIMEOUT_S = 6.0


def program(name: str) -> str:
    """The path of a console script of this environment."""
    return str(Path(sys.executable).parent / name)


def children_of(layout: Layout, seed: int) -> list[Child]:
    """The parts in starting order: who is listened to comes before who calls.

    None needs another: each of them retries by itself, as it must after a crash.
    """
    ports, root = layout.ports, layout.root
    commands = {
        "simulator": [
            program("vointi-sim"), "run",
            "--home", f"tcp-server:127.0.0.1:{ports.home_radio}",
            "--service-point", f"tcp-server:127.0.0.1:{ports.point_radio}",
            "--box", str(layout.box),
            "--seed", str(seed),
        ],
        "broker": [
            program("vointi-broker"),
            "--port", str(ports.broker),
            "--data", str(root / "broker"),
            "--users", str(root / "secrets" / "users.json"),
        ],
        "gateway": [program("vointi-gateway"), "serve", "--config", str(root / "gateway.toml")],
        "home edge": [program("vointi-edge"), "run", "--config", str(root / "home-1.toml")],
        "service-point edge": [
            program("vointi-edge"), "run", "--config", str(root / "point-1.toml")
        ],
    }  # fmt: skip
    return [
        Child(name, command, layout.logs / f"{name.replace(' ', '-')}.log")
        for name, command in commands.items()
    ]


class Supervisor:
    """Owns the children; tells others their process ids through ``processes.json``."""

    def __init__(self, layout: Layout, children: list[Child]) -> None:
        self.layout, self.children = layout, children
        self._told: dict[str, int | None] = {}

    def start(self) -> None:
        """Start every part. The edges collect nothing before the gateway's policy has come."""
        for child in self.children:
            child.start()
        self._tell()

    def watch(self) -> None:
        """Start again what has died; raise `ChildFailedError` for what can never run."""
        for child in self.children:
            child.watch()
        self._tell()

    def stop(self) -> None:
        """Stop in reverse order, so that edges say good-bye while the broker still listens."""
        for child in reversed(self.children):
            child.stop(STOP_TIMEOUT_S)
        self._tell()

    def _tell(self) -> None:
        pids = {child.name: child.pid for child in self.children}
        if pids == self._told:
            return
        path = self.layout.root / "processes.json"
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps({"supervisor": os.getpid(), **pids}))
        draft.replace(path)
        self._told = pids
