"""`vointi-edge reset`: the box forgets everything, the key first.

What the key sealed cannot be read once it is gone, whatever a flash card still holds; the files are
deleted after it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from vointi_edge.config import EdgeConfig
from vointi_edge.files import sync_folder
from vointi_edge.lock import DataLock

CREDENTIALS: Final = (Path("/etc/credstore.encrypted/vointi-edge.outbox-key"),)
_BESIDE: Final = ("", ".previous", ".trial", ".outcome", ".new")


def forget(
    config: EdgeConfig,
    config_file: Path,
    *,
    keep_config: bool,
    credentials: Iterable[Path] = CREDENTIALS,
) -> list[Path]:
    """Delete keys, readings, policy, identity and (unless kept) configuration; return what went.

    Raises LockedError while the service runs, OSError for what cannot be deleted.
    """
    with DataLock(config.data_dir):
        gone = _delete([config.key_file, *credentials])
        gone += _delete(sorted(config.data_dir.iterdir()))
        if not keep_config:
            gone += _delete(_configuration(config, config_file))
    return gone


def _configuration(config: EdgeConfig, config_file: Path) -> list[Path]:
    beside = [config_file.with_name(config_file.name + suffix) for suffix in _BESIDE]
    password = config.mqtt.password_file
    return [*beside, password] if password is not None else beside


def _delete(paths: Iterable[Path]) -> list[Path]:
    gone = []
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.exists() or path.is_symlink():
            path.unlink()
        else:
            continue
        sync_folder(path.parent)
        gone.append(path)
    return gone
