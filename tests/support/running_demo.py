"""A real demo in a process of its own, for tests and benchmarks."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, Self, TypeVar

T = TypeVar("T")

BIN = Path(sys.executable).parent


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(what: Callable[[], T], timeout_s: float, said: str, pause_s: float = 0.1) -> T:
    """Return the first true value of ``what``; fail with ``said`` after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:.0f} s: {said}; last: {value!r}")
        time.sleep(pause_s)


class RunningDemo(AbstractContextManager["RunningDemo"]):
    """`vointi-demo` with its state below ``state``; leaves by SIGINT, as Ctrl-C does."""

    def __init__(self, state: Path, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.state = state
        self.directory = state / str(self.port)
        self._command = [
            str(BIN / "vointi-demo"), "--port", str(self.port), "--state", str(state), *options
        ]  # fmt: skip
        self._output = state / f"{self.port}.out"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.state.mkdir(parents=True, exist_ok=True)
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Press Ctrl-C and return the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(40)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON answer to a JSON body."""
        data, kind = json.dumps(body).encode(), {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, kind)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return json.load(response)

    def health(self) -> dict[str, Any]:
        """The gateway's health, or {} while it does not answer."""
        assert self.process is not None
        assert self.process.poll() is None, self.everything_said()
        try:
            body: dict[str, Any] = self.get("/api/v1/health")
        except OSError:
            return {}
        return body

    def counts(self) -> dict[str, int]:
        return dict(self.health().get("counts", {}))

    def wait_stored(self, more_than: int, timeout_s: float = 60) -> None:
        wait_for(
            lambda: self.counts().get("stored", 0) > more_than,
            timeout_s,
            f"more than {more_than} readings stored\n{self.everything_said()}",
        )

    def pids(self) -> dict[str, int | None]:
        """Process ids by part, and of the supervisor."""
        try:
            pids: dict[str, int | None] = json.loads(
                (self.directory / "processes.json").read_text()
            )
        except OSError:
            return {}
        return pids

    def everything_said(self) -> str:
        """The demo's own output and the end of every log: what a failing test shows."""
        logs = sorted((self.directory / "logs").glob("*.log"))
        parts = [f"--- demo\n{self.output()[-2000:]}"]
        parts += [f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in logs]
        return "\n".join(parts)
