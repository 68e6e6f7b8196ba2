"""The command line: `vointi-demo --port 8080 --seed 1`."""

from __future__ import annotations

import argparse
import fcntl
import ipaddress
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.live import Live

from . import health, screen
from .errors import AlreadyRunningError, DemoError, OptionError
from .layout import Layout, Ports
from .ports import check_port, free_ports, require_free
from .supervisor import Supervisor, children_of

WATCH_S = 0.1
ASK_S = 0.5
LINE_S = 5.0


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="vointi-demo", description="Run simulated devices, two edges, a broker and a gateway."
    )
    options.add_argument("--port", default="8080", help="port of the page (8080)")
    options.add_argument("--host", default="127.0.0.1", help="address of the page (127.0.0.1)")
    options.add_argument("--seed", default="1", help="seed of the simulated people (1)")
    options.add_argument("--protocol", default="3.1.1", choices=("3.1.1", "5"), help="MQTT version")
    options.add_argument("--state", type=Path, default=Path(".demo"), help="where files are kept")
    options.add_argument("--seconds", type=float, default=0.0, help="stop after so long (0: never)")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the demo until Ctrl-C; return 0, or 2 when an option or the machine forbids it."""
    console = Console()
    try:
        return _run(parser().parse_args(arguments), console)
    except DemoError as error:
        print(f"vointi-demo: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, console: Console) -> int:
    port = check_port(options.port)
    if not options.seed.isdecimal():
        raise OptionError("SEED", f"{options.seed!r} is no whole number", "give for example SEED=1")
    if not _is_loopback(options.host):
        fix = f"give 127.0.0.1, and come from elsewhere by ssh -L {port}:127.0.0.1:{port}"
        raise OptionError("HOST", f"others reach {options.host!r}, and nobody signs in here", fix)
    state = options.state.resolve() / str(port)
    with _owned(state, port):
        require_free(options.host, port)
        broker, home, point = free_ports(3)
        layout = Layout(state, options.host, Ports(port, broker, home, point), options.protocol)
        layout.write()
        supervisor = Supervisor(layout, children_of(layout, int(options.seed)))
        _Loop(supervisor, options.host, port, options.seconds, console).run()
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _owned(state: Path, port: int) -> Iterator[None]:
    """Hold the state directory; a second demo on it is refused."""
    state.parent.mkdir(parents=True, exist_ok=True)
    lock = state.parent / f"{port}.lock"
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(str(state), port) from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


class _Loop:
    """Watches the children and shows their state until it is told to stop."""

    def __init__(
        self, supervisor: Supervisor, host: str, port: int, seconds: float, console: Console
    ) -> None:
        self._supervisor, self._console = supervisor, console
        self._host, self._port, self._seconds = host, port, seconds
        self._url = f"http://{'localhost' if host == '127.0.0.1' else host}:{port}/"
        self._stopping = False
        self._health = health.Health()
        self._began = time.monotonic()

    def run(self) -> None:
        """Start, watch, stop; the children are gone when this returns."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            self._supervisor.start()
            self._watch_on_screen() if self._console.is_terminal else self._watch_in_lines()
        finally:
            self._console.print("stopping …")
            self._supervisor.stop()
            summary = screen.line(self._supervisor.children, self._health)
            self._console.print(f"stopped. {summary}", soft_wrap=True)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _watch_on_screen(self) -> None:
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            for now in self._ticks():
                children, uptime = self._supervisor.children, now - self._began
                live.update(screen.view(self._url, children, self._health, uptime), refresh=True)

    def _watch_in_lines(self) -> None:
        self._console.print(f"Vointi demo: {self._url}", soft_wrap=True)
        due = 0.0
        for now in self._ticks():
            if now >= due:
                print(screen.line(self._supervisor.children, self._health), flush=True)
                due = now + LINE_S

    def _ticks(self) -> Iterator[float]:
        """Yield the time after each look at the gateway, until it is time to stop."""
        due = 0.0
        while not self._stopping:
            self._supervisor.watch()
            now = time.monotonic()
            if self._seconds and now - self._began > self._seconds:
                return
            if now >= due:
                self._health = health.ask(self._host, self._port)
                due = now + ASK_S
                yield now
            time.sleep(WATCH_S)
