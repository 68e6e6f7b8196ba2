"""Restoring a backup to see that it can be: everything that a real restore does, and then away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import RegistryError
from ..progress import Told, untold
from .backup import MANIFEST, check, restore
from .doctor import examine
from .erasure import Erasures
from .registry import Registry
from .sealed import read_key, unseal


@contextmanager
def readable(source: Path, key_file: Path | None, beside: Path) -> Iterator[Path]:
    """A backup as a folder: itself, or what a sealed file holds, for as long as the block lasts.

    Raises RegistryError.
    """
    if not source.is_file():
        yield source
        return
    if key_file is None:
        raise RegistryError("key-file", f"{source} is sealed; name the key with --key-file")
    key = read_key(key_file)
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unsealed-", dir=beside) as folder:
        unseal(source, Path(folder) / "backup", key)
        yield Path(folder) / "backup"


def drill(
    folder: Path,
    data_dir: Path,
    count_readings: Callable[[Path], int],
    trusted_key: str | None = None,
    told: Told = untold,
    *,
    check_releases: Callable[[Path], int] = lambda _folder: 0,
) -> dict[str, Any]:
    """Restore into a folder of its own, open it, look at all of it.

    `count_readings` opens the store of a data folder, `check_releases` reads each release in it.
    Raises RegistryError, StoreError, and what these raise.

    Who was erased since is on the list of `data_dir` and is erased there first, as in earnest.
    """
    manifest = check(folder, trusted_key, told)
    with tempfile.TemporaryDirectory(prefix=".drill-", dir=data_dir.parent) as made:
        target = Path(made) / "data"
        target.mkdir()
        if (data_dir / "erased.jsonl").exists():
            shutil.copyfile(data_dir / "erased.jsonl", target / "erased.jsonl")
        restore(folder, target, trusted_key=trusted_key or manifest["key"], told=told)
        told(0, 0, "reading it")
        registry = Registry(target)
        registry.open()
        try:
            again = Erasures(registry, registry.wall_us).again()
            bad = [f.what for f in examine(registry) if not f.ok and f.what in _MUST_BE_WELL]
            people = len(registry.people.all())
            readings, releases = count_readings(target), check_releases(target)
        finally:
            registry.close()
    if bad:
        raise RegistryError(MANIFEST, f"cannot be relied on: {', '.join(bad)}; make a new backup")
    return {
        "made": manifest["made"],
        "files": len(manifest["files"]),
        "people": people,
        "readings": readings,
        "releases": releases,
        "to_erase_again": again,
    }


#: Findings of the doctor that are about the files, not about what goes on today.
_MUST_BE_WELL = ("audit log", "databases")
