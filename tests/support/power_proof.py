"""The power of a virtual machine cut at random moments, with the outbox on its disk."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from running_demo import wait_for
from uml import BOOT, built, cut_power

_DISK_BYTES = 96 * 1024 * 1024
# After the first commit that was told: anywhere in the next ones.
_CUT_AFTER_S = (0.0, 6.0)
_START_S = 120.0


@dataclass(frozen=True)
class Cut:
    """One cut: what had been told as durable before it, and what the next start found.

    `waits_s` has, by class, how long the oldest reading of each commit had waited for it.
    """

    after_s: float
    commits: int
    acked: int
    gone: int  # told as durable, and not in the file
    holes: int
    integrity: str
    balanced: bool
    waits_s: dict[str, list[float]]
    gone_of: dict[str, int]  # by device

    @property
    def clean(self) -> bool:
        """Whether the file was sound and complete."""
        return self.gone == 0 and self.holes == 0 and self.integrity == "ok" and self.balanced


def possible() -> str:
    """Why the power of no machine can be cut here; empty when one can."""
    if not BOOT.exists() or not built():
        return "no virtual machine: `make uml` builds it"
    return "" if shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin") else "no mkfs.ext4"


def cuts(folder: Path, count: int, *, seed: int = 1, unsafe: bool = False) -> list[Cut]:
    """Cut `count` times, starting again after each; the disk is the same one throughout.

    Each cut is judged by what the next start finds.
    """
    chance, disk, share = random.Random(seed), folder / "disk.img", folder / "share"
    share.mkdir(parents=True)
    _format(disk)
    judged: list[Cut] = []
    waiting: list[tuple[float, list[dict[str, Any]]]] = []
    told: dict[str, int] = {}
    flag = " --unsafe" if unsafe else ""
    for _ in range(count):
        after_s = chance.uniform(*_CUT_AFTER_S)
        _run(share, disk, flag, after_s)
        judged += _judge(waiting, told, _take(share / "found"))
        waiting.append((after_s, _take(share / "acked")))
    assert _run(share, disk, " --look", None), (share / "console.log").read_text()[-3000:]
    return judged + _judge(waiting, told, _take(share / "found"))


def _run(share: Path, disk: Path, flag: str, cut_after_s: float | None) -> bool:
    """Start the machine, and cut its power so long after its first commit; None: let it end."""
    (share / "run").write_text(f"exec python3 -m power_guest{flag}\n")
    with (share / "console.log").open("wb") as console:
        child = subprocess.Popen(
            ["bash", str(BOOT), str(share), f"ubd0s={disk}", "DISK=/dev/ubda"],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            env={**os.environ, "REAL_TIME": "1", "MEMORY": "192M"},
        )  # fmt: skip
        try:
            if cut_after_s is None:
                return child.wait(_START_S) == 0
            wait_for((share / "acked").exists, _START_S, "the machine writes")
            time.sleep(cut_after_s)
            return False
        finally:
            cut_power(child)


def _judge(
    waiting: list[tuple[float, list[dict[str, Any]]]],
    told: dict[str, int],
    found: list[dict[str, Any]],
) -> list[Cut]:
    """Compare what was told before the cuts that wait with what a start found."""
    if not found:
        return []
    made, held = [], found[0]["held"]
    for after_s, acked in waiting:
        for line in acked:
            told.update(line["last"])
        gone_of: Counter[str] = Counter()
        for key, seq in told.items():
            gone_of[key.split("/")[0]] += max(0, seq - held.get(key, {"last": 0})["last"])
        gone = sum(gone_of.values())
        holes = sum(_holes(each) for each in held.values())
        waits: dict[str, list[float]] = defaultdict(list)
        for line in acked:
            for class_, waited_s in line["waited_s"].items():
                waits[class_] += [waited_s] * (waited_s > 0)
        count = sum(acked[-1]["last"].values()) if acked else 0
        sound = found[0]["integrity"] if not found[0]["damaged"] else "set aside"
        made.append(
            Cut(
                after_s, len(acked), count, gone, holes, sound, found[0]["balanced"],
                dict(waits), dict(gone_of),
            )
        )  # fmt: skip
    waiting.clear()
    return made


def _holes(held: dict[str, Any]) -> int:
    return held["last"] - held["first"] + 1 - held["rows"] if held["rows"] else 0


def _take(file: Path) -> list[dict[str, Any]]:
    """The file's whole lines; the file is gone afterwards."""
    if not file.exists():
        return []
    lines = file.read_text().split("\n")[:-1]
    file.unlink()
    return [json.loads(line) for line in lines]


def _format(disk: Path) -> None:
    with disk.open("wb") as file:
        file.truncate(_DISK_BYTES)
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    subprocess.run(
        ["mkfs.ext4", "-q", "-F", str(disk)], check=True, env={**os.environ, "PATH": path}
    )
