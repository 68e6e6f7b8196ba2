"""The stand-in gateway of the page tests, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page
from running_demo import free_port, wait_for

PROGRAM = Path(__file__).resolve().parents[1] / "browser" / "stand_in.py"
OpenPage = Callable[..., Page]


class StandInProcess:
    """Can be killed and started again on its port."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(PROGRAM), "--port", str(self.port), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(self._answers, 20, "the stand-in answers")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(10)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/pilots", timeout=2):
                return True
        except OSError:
            return False
