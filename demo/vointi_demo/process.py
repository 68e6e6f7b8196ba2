"""One child process: started, watched, started again when it dies, stopped in order."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO

from .errors import ChildFailedError

PR_SET_PDEATHSIG = 1  # prctl(2): the kernel ends the child when this process is gone
USAGE_EXIT = 2  # a child that leaves so cannot run as configured: starting it again is no help
FIRST_PAUSE_S = 0.3
LONGEST_PAUSE_S = 5.0
HEALTHY_AFTER_S = 10.0  # after so long a life the next pause is the first one again


class State(StrEnum):
    """What a child does now."""

    STOPPED = "stopped"
    RUNNING = "running"
    WAITING = "starts again soon"


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Child:
    """A supervised command; ``now`` is a monotonic clock in seconds."""

    name: str
    command: list[str]
    log: Path
    now: Callable[[], float] = time.monotonic
    restarts: int = 0
    state: State = State.STOPPED
    _process: subprocess.Popen[bytes] | None = None
    _log_file: IO[bytes] | None = None
    _pause_s: float = FIRST_PAUSE_S
    _started: float = 0.0
    _due: float = 0.0
    _environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self.state is State.RUNNING else None

    def start(self) -> None:
        """Start the command; its output goes to the log."""
        if self._log_file is None:
            self._log_file = self.log.open("ab")
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops in order
            preexec_fn=_die_with_parent,  # noqa: PLW1509  (this process has no threads)
            env=self._environment,
        )
        self.state, self._started = State.RUNNING, self.now()

    def watch(self) -> None:
        """Notice a death and start again after a pause; raise `ChildFailedError` on bad usage."""
        if self.state is State.WAITING and self.now() >= self._due:
            self.restarts += 1
            self.start()
        if self.state is not State.RUNNING or self._process is None:
            return
        code = self._process.poll()
        if code is None:
            return
        if code == USAGE_EXIT:
            self.state = State.STOPPED
            raise ChildFailedError(self.name, self.last_words(), str(self.log))
        if self.now() - self._started > HEALTHY_AFTER_S:
            self._pause_s = FIRST_PAUSE_S
        self.state, self._due = State.WAITING, self.now() + self._pause_s
        self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)

    def stop(self, timeout_s: float) -> None:
        """Ask it to end, then insist."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.state = State.STOPPED
        if self._log_file is not None:
            self._log_file.close()
            self._log_file = None

    def last_words(self) -> str:
        """The last line that it wrote."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
