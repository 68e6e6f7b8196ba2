"""A process that commits one reading after another to a file, and says so, until it is killed."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway_kit import hr_frame
from store_conformance import commit_of
from vointi_gateway.store.embedded import EmbeddedStore


@contextmanager
def committing(path: Path, kind: type[EmbeddedStore]) -> Iterator[subprocess.Popen[str]]:
    """Start it; each line of its output is the number of a commit that returned."""
    command = [sys.executable, __file__, kind.__module__, kind.__name__, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        yield child


def killed(path: Path, kind: type[EmbeddedStore], commits: int) -> int:
    """Kill it after so many commits; the number of the last one that returned."""
    with committing(path, kind) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(commits)]
        child.kill()
        rest = child.stdout.read().split("\n")
        return max([told[-1], *(int(line) for line in rest[:-1])])


def main(module: str, name: str, path: str) -> None:
    store = getattr(importlib.import_module(module), name)(Path(path))
    store.open()
    seq = sum(counts.stored for counts in store.counts().values())
    while True:
        seq += 1
        store.commit(commit_of(hr_frame(seq)))
        print(seq, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
