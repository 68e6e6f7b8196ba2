"""A User-Mode Linux with real BlueZ: one boot for each scene, as an ordinary process."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BOOT = ROOT / "hardware" / "uml" / "boot.sh"
BUILT = Path(os.environ.get("VOINTI_UML", ROOT / ".cache" / "uml"))


def built() -> bool:
    """Whether `make uml` was here."""
    return (BUILT / "kernel.key").exists() and (BUILT / "root.key").exists()


@dataclass(frozen=True)
class Run:
    """What became of one boot; `code` is the script's, None where the time limit ended it."""

    code: int | None
    share: Path
    console: str

    def log(self, name: str) -> str:
        """What a process inside wrote."""
        path = self.share / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


@dataclass(frozen=True)
class Machine:
    """Boots in `share`, a folder of its own that the machine sees as /share.

    With `virtual_time`, sleeping inside costs nothing; `words` go on the kernel's command line.
    On one `cpu` it computes less, but waits for whatever else computes there.
    """

    share: Path
    virtual_time: bool = True
    memory: str = "512M"
    cpu: int | None = None
    words: tuple[str, ...] = field(default=())

    def run(self, script: str, limit_s: float) -> Run:
        """Run a shell script to its end, or for `limit_s` of real time."""
        self.share.mkdir(parents=True, exist_ok=True)
        (self.share / "run").write_text(script)
        console = self.share / "console.log"
        environment = {
            **os.environ,
            "MEMORY": self.memory,
            "REAL_TIME": str(int(not self.virtual_time)),
            "CPU": "" if self.cpu is None else str(self.cpu),
        }
        with console.open("wb") as out:
            child = subprocess.Popen(
                ["bash", str(BOOT), str(self.share), *self.words],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=environment, start_new_session=True,
            )  # fmt: skip
            try:
                code: int | None = child.wait(limit_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end(child)
        return Run(code, self.share, console.read_text(errors="replace"))

    def play(self, scene: str, limit_s: float = 900.0, **given: float) -> dict[str, Any]:
        """Play a scene of tests/bluez/guest and return what it found."""
        words = [scene, *(f"{key}={value}" for key, value in given.items())]
        run = self.run(f"exec python3 -m play {shlex.join(words)}\n", limit_s)
        assert run.code == 0, (
            f"{scene}: code {run.code}\n{run.console[-3000:]}\n{run.log('edge')[-3000:]}"
        )
        return dict(json.loads((self.share / "result.json").read_text()))


def cut_power(child: subprocess.Popen[bytes]) -> None:
    """Kill what `boot.sh` runs: a kernel, which leads a session of its own."""
    if child.poll() is not None:
        return
    kernels = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    for pid in map(int, kernels):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(10)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End what was started and nothing else."""
    cut_power(child)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
