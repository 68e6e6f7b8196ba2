"""What a run was at its first readings, kept so that another can begin there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from virtual_pi import BUILT, VirtualPiError

# 1: begin at the first readings of the last whole run, which is minutes instead of half an hour.
FROM_KEPT = os.environ.get("VOINTI_VIRTUAL_PI_FROM_KEPT") == "1"
_PARTS = ("kernel", "wheels", "program", "root", "overlay")


@dataclass(frozen=True)
class Kept:
    """A copy of a run's folder, with where that was and which ports its parts had."""

    folder: Path
    built: Path = BUILT

    def _made_from(self) -> str:
        files = [self.built / f"{part}.key" for part in _PARTS]
        return " ".join(file.read_text().strip() for file in files if file.exists())

    def keep(self, run: Path, ports: Sequence[int], pids: Sequence[int]) -> None:
        """Copy the run's folder; the processes that write to it stand still meanwhile.

        Give the machine's process before the gateway's: the copy may then have readings of which
        the machine does not know that they are stored, as after a power cut, but none that the
        machine gave up and the gateway has not.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with _still(pids):
            words = ["cp", "-r", "--sparse=always", str(run), str(self.folder)]
            subprocess.run(words, check=True, timeout=600)
        note = {"from": self._made_from(), "run": str(run), "ports": list(ports)}
        (self.folder / "kept.json").write_text(json.dumps(note))

    def bring(self, run: Path) -> tuple[int, ...]:
        """Copy it to `run`, whose configurations then name their new place; returns the ports.

        Raises VirtualPiError where nothing was kept, or what was kept is of another build.
        """
        try:
            note = json.loads((self.folder / "kept.json").read_text())
        except FileNotFoundError:
            raise VirtualPiError(f"nothing is kept in {self.folder}: do a whole run") from None
        if note["from"] != self._made_from():
            raise VirtualPiError(f"{self.folder} is of another build: do a whole run")
        words = ["cp", "-r", "--sparse=always", f"{self.folder}/.", str(run)]
        subprocess.run(words, check=True, timeout=600)
        for file in (run / "host").glob("*.toml"):
            file.write_text(file.read_text().replace(note["run"], str(run)))
        return tuple(note["ports"])


@contextmanager
def _still(pids: Sequence[int]) -> Iterator[None]:
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)
