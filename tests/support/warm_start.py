"""A gateway that is loaded once and begins as often as it is killed.

Most of a gateway's start is Python that reads its modules, which no kill can harm. So one process
has them all, and each gateway is a fork of it: a process that opens the store, serves, and dies.

As a program (`python warm_start.py`) it is that process: a line on its input is the arguments of a
gateway, and it says when one began and how it ended.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gateway_kit import GatewayProcess

#: What `serve` loads beside its own imports.
_LATE = (
    "influxdb_client.client.write_api",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "vointi_gateway.ui.own_page",
    "vointi_gateway.ui.routes",
    "vointi_gateway.ui.sign_in",
)


@dataclass
class WarmGateway(GatewayProcess):
    """A gateway in a fork of `child`, which has loaded the program and does nothing else."""

    pid: int = 0

    def start(self) -> WarmGateway:
        if self.child is None:
            with (self.folder / "vointi-gateway.log").open("a") as log:
                self.child = subprocess.Popen(
                    [sys.executable, __file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    cwd=self.folder,
                    env={**os.environ, **self.environment},
                )
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps(self.command[1:]) + "\n")
        self.child.stdin.flush()
        self.pid = int(self._told()["pid"])
        self.ready = self._told()
        if "ready" not in self.ready:
            pytest.fail(f"the gateway ended: {self.ready}, {self.log()}")
        return self

    def _told(self) -> dict[str, Any]:
        assert self.child is not None
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            pytest.fail(f"the program ended: {self.log()}")
        told: dict[str, Any] = json.loads(line)
        return told

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def terminate(self) -> tuple[int, float]:
        begun = time.monotonic()
        return self._end(signal.SIGTERM), time.monotonic() - begun

    def _end(self, how: signal.Signals) -> int:
        os.kill(self.pid, how)
        self.pid = 0
        return int(self._told()["ended"])

    def close(self) -> None:
        if self.child is not None and self.pid:
            os.kill(self.pid, signal.SIGKILL)
        if self.child is not None and self.child.stdin is not None:
            self.child.stdin.close()
        super().close()


@contextmanager
def warm_gateway(
    folder: Path, config: Path, environment: Mapping[str, str] | None = None
) -> Iterator[WarmGateway]:
    """As `running_gateway`."""
    command = ["vointi-gateway", "serve", "--config", str(config)]
    process = WarmGateway(command, folder, environment=environment or {})
    try:
        process.start()
        yield process
    finally:
        process.close()


def _say(**told: int) -> None:
    os.write(1, f"{json.dumps(told)}\n".encode())


def _begin(arguments: list[str]) -> None:
    """What the program does, in the fork."""
    from vointi_gateway.cli import main

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _say(pid=os.getpid())
    main(arguments)


def _serve() -> None:
    importlib.import_module("vointi_gateway.cli")
    for name in _LATE:
        importlib.import_module(name)
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            _begin(json.loads(line))
        _say(ended=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    _serve()
