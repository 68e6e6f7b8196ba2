"""Looking for bytes in every file of the data folder: the proof that nothing was left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

#: Signed logs that name pseudonyms on purpose: what was done to whom must stay provable.
KEPT = ("audit.log", "audit.head", "erased.jsonl")
_CHUNK = 1 << 20


def scan(folder: Path, needles: Sequence[bytes], kept: Iterable[str] = KEPT) -> list[str]:
    """Names, below `folder`, of files that hold one of the needles."""
    names = set(kept)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in names)
    return [str(p.relative_to(folder)) for p in files if _holds(p, needles)]


def _holds(path: Path, needles: Sequence[bytes]) -> bool:
    """Whether a file holds one of the needles; read in pieces that overlap by the longest."""
    keep = max(map(len, needles), default=1) - 1
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            data = tail + chunk
            if any(needle in data for needle in needles):
                return True
            tail = data[-keep:] if keep else b""
    return False
