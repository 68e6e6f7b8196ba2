"""Files that only this account reads, replaced whole or not at all; whether a file changed."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write `text` to a 0600 file in one step that a power cut cannot tear."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


#: Inode, time of the last change in ns, size in bytes.
Stamp = tuple[int, int, int]


def stamp(path: Path) -> Stamp:
    """What differs when the file was written or replaced. Raises OSError, as when it is away.

    The size is in it because the clock of a file system goes in steps of some ms: a file that was
    seen half written may be whole within the same.
    """
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size
