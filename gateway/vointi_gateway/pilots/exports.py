"""The zip files that people asked for: they hold everything about a person, so they do not stay."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from .registry import Registry

#: Long enough to be fetched after a holiday week; an export is made anew within seconds.
KEEP_DAYS: Final = 7
_DAY_US: Final = 86_400_000_000


def sweep(registry: Registry, keep_days: int = KEEP_DAYS, actor: str = "gateway") -> int:
    """Remove exports that are older than `keep_days`; returns how many there were."""
    folder = registry.folder / "exports"
    oldest_us = registry.wall_us() - keep_days * _DAY_US
    gone = [path for path in sorted(folder.glob("*/*/*.zip")) if _made_us(path) < oldest_us]
    for path in gone:
        path.unlink(missing_ok=True)
        pilot, person = path.parts[-3:-1]
        facts = {"pilot": pilot, "person": person, "file": path.name}
        registry.audit.append("export-removed", actor, **facts)
        with contextlib.suppress(OSError):  # another export of the person is there still
            path.parent.rmdir()
    return len(gone)


def _made_us(path: Path) -> int:
    """When an export was made: its name says so; of another file, when it was written."""
    made = path.stem.rpartition("-")[2]
    return int(made) if made.isascii() and made.isdecimal() else path.stat().st_mtime_ns // 1000
