"""Looking for bytes in every file of the data folder: the proof that nothing was left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

#: Signed logs that name pseudonyms on purpose: what was done to whom must stay provable.
KEPT = ("audit.log", "audit.head", "erased.jsonl")
_CHUNK = 1 << 20


def scan(folder: Path, needles: Sequence[bytes], kept: Iterable[str] = KEPT) -> list[str]:
    """Names, below `folder`, of files that hold one of the needles.

    Another process reads the files: closing a handle here would drop the locks that the databases
    have on them (POSIX.1 fcntl).
    """
    asked = {"folder": str(folder), "needles": [n.hex() for n in needles], "kept": list(kept)}
    command = [sys.executable, "-I", __file__]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(done.stdout)
    return found


def scan_here(folder: Path, needles: Sequence[bytes], kept: Iterable[str]) -> list[str]:
    """The same, in this process."""
    names = set(kept)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in names)
    return [str(p.relative_to(folder)) for p in files if _holds(p, needles)]


def _holds(path: Path, needles: Sequence[bytes]) -> bool:
    """Whether a file holds one of the needles; read in pieces that overlap by the longest."""
    keep = max(map(len, needles), default=1) - 1
    tail = b""
    try:
        opened = path.open("rb")
    except FileNotFoundError:  # a database put another in its place meanwhile
        return False
    with opened as file:
        while chunk := file.read(_CHUNK):
            data = tail + chunk
            if any(needle in data for needle in needles):
                return True
            tail = data[-keep:] if keep else b""
    return False


if __name__ == "__main__":
    question = json.load(sys.stdin)
    needles_ = [bytes.fromhex(text) for text in question["needles"]]
    answer = scan_here(Path(question["folder"]), needles_, question["kept"])
    sys.stdout.write(json.dumps(answer))
