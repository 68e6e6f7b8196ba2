"""A disk that fails on order or loses what was not synced: disk_shim.c, and what a cut leaves.

As a program (`python disk_kit.py FOLDER COUNT SYNCHRONOUS`) it is the writer under test: it keeps
COUNT readings and writes each acknowledged number into FOLDER/ack, through the same shim.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_HEAD = struct.Struct("<cHQI")
# A disk writes sectors whole; a page may be torn between them.
_SECTOR = 512
# Readings that are offered at a time: so many commits there are, on a slow machine, too.
_TOGETHER = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was asked of the disk: "w"rite, "t"runcate, "s"ync or "u"nlink."""

    kind: str
    path: str
    offset: int
    data: bytes


def build_shim(folder: Path) -> Path:
    """Compile the shim; the test is skipped without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: apt-get install gcc")
    library = folder / "disk_shim.so"
    source = Path(__file__).with_name("disk_shim.c")
    words = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(words, check=True, timeout=60)
    return library


def run_writer(
    shim: Path, folder: Path, count: int, synchronous: str = "FULL", fail: str = ""
) -> str:
    """Let the writer keep readings through the shim; returns what it logged."""
    folder.mkdir(exist_ok=True)
    names = {"LD_PRELOAD": str(shim), "DISK_DIR": f"{folder}/", "DISK_LOG": f"{folder}.log"}
    done = subprocess.run(
        [sys.executable, __file__, str(folder), str(count), synchronous],
        env=os.environ | names | {"DISK_FAIL": fail},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def steps(log: Path) -> Iterator[Step]:
    """Read what the shim wrote down."""
    data, at = log.read_bytes(), 0
    while at < len(data):
        kind, path_length, offset, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        path = data[at : at + path_length].decode()
        at += path_length
        held = length if kind == b"w" else 0
        yield Step(kind.decode(), path, offset, data[at : at + held])
        at += held


class Disk:
    """What is surely on the disk, and what still may or may not reach it."""

    def __init__(self) -> None:
        self._sure: dict[str, bytearray] = {}
        self._pending: dict[str, list[Step]] = {}

    def take(self, step: Step) -> None:
        if step.kind == "u":  # SQLite syncs the folder after it
            self._sure.pop(step.path, None)
            self._pending.pop(step.path, None)
            return
        if step.kind != "s":
            self._pending.setdefault(step.path, []).append(step)
            return
        content = self._sure.setdefault(step.path, bytearray())
        for one in self._pending.pop(step.path, []):
            _apply(content, one)

    def after_cut(self, source: Path, target: Path, chance: random.Random) -> None:
        """Write the files below `source` as a cut now could leave them, below `target`."""
        for path in {*self._sure, *self._pending}:
            content = bytearray(self._sure.get(path, b""))
            for one in self._pending.get(path, []):
                for piece in _sectors(one):
                    if chance.random() < 0.5:
                        _apply(content, piece)
            place = target / Path(path).relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def _sectors(step: Step) -> Iterator[Step]:
    if step.kind == "t":
        yield step
        return
    for at in range(0, len(step.data), _SECTOR):
        yield Step("w", step.path, step.offset + at, step.data[at : at + _SECTOR])


def _apply(content: bytearray, step: Step) -> None:
    if step.kind == "t":
        del content[step.offset :]
        content.extend(bytes(step.offset - len(content)))
        return
    content.extend(bytes(max(0, step.offset - len(content))))
    content[step.offset : step.offset + len(step.data)] = step.data


def _write(folder: Path, count: int, synchronous: str) -> None:
    import logging

    from edge_parts import entry
    from vointi_edge.outbox import writer as module
    from vointi_edge.outbox.store import OutboxStore, Row
    from vointi_edge.outbox.writer import OutboxWriter

    logging.basicConfig(level=logging.WARNING)
    module._RETRY_S = 0.01
    ack = os.open(folder / "ack", os.O_WRONLY | os.O_CREAT, 0o600)
    told = threading.Semaphore(0)

    def committed(rows: list[Row]) -> None:
        for row in rows:
            # A full card is full for what is told, too; the outbox has it all the same.
            with contextlib.suppress(OSError):
                os.write(ack, f"{row.seq}\n".encode())
        told.release()

    def opened() -> OutboxStore:
        store = OutboxStore(folder / "outbox.db", "kernel-1", 10**9)
        store._database.execute(f"PRAGMA synchronous = {synchronous}")
        return store

    writer = OutboxWriter(opened, 0.001, committed)
    writer.start()
    for number in range(0, count, _TOGETHER):
        for _ in range(min(_TOGETHER, count - number)):
            writer.offer(entry())
        # Not for ever: after an I/O error a commit may turn out to have been kept, and is not told.
        told.acquire(timeout=0.5)
    writer.stop()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    _write(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
