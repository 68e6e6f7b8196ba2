"""`vointi-edge update`: install a signed release, by hand or as the service's order."""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from vointi_contract.errors import SignatureError
from vointi_contract.release_file import MAX_RELEASE
from vointi_contract.signing import read_public_keys

from vointi_edge.config import load_place
from vointi_edge.errors import UpdateError
from vointi_edge.lock import DataLock
from vointi_edge.update.orders import FOLDER, ORDER_FILE, RELEASE_FILE, ROOT
from vointi_edge.update.service import SystemdService
from vointi_edge.update.updater import Updater

RUN_DIR: Final = Path("/run/vointi-edge")
_MAX_ORDER: Final = 1024


def add_command(commands: Any) -> None:
    """Add the parser of `update`."""
    update = commands.add_parser("update", help="install a signed release, with a way back")
    update.add_argument("release", type=Path, nargs="?", help="the release's file")
    update.add_argument("--pending", action="store_true", help="what the gateway ordered")
    update.add_argument("--config", type=Path, required=True, metavar="edge.toml")
    update.add_argument("--root", type=Path, default=ROOT, help=f"installed below; {ROOT}")
    update.add_argument("--run-dir", type=Path, default=RUN_DIR)
    update.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Install, try, and say how it ended."""
    root: Path = arguments.root
    if arguments.pending == (arguments.release is not None):
        print("update: give a release's file, or --pending", file=sys.stderr)
        return 2
    keys = functools.partial(_keys, root)
    updater = Updater(root, keys, arguments.config, SystemdService(arguments.run_dir))
    with DataLock(root / "update"):
        if arguments.pending:
            return _pending(updater, arguments.config, root / "update")
        print(updater.apply(arguments.release))
    return 0


def _pending(updater: Updater, config_file: Path, work: Path) -> int:
    """Finish what was interrupted, then do what is ordered, if anything is."""
    updater.resume()
    _, data_dir = load_place(config_file)
    folder = data_dir / FOLDER
    taken = _take(folder, work)
    if taken is None:
        return 0
    edge, command = taken
    try:
        print(updater.apply(work / RELEASE_FILE, edge, command))
    except UpdateError as error:  # the gateway is told; the unit has done its work
        print(error, file=sys.stderr)
    finally:
        (work / RELEASE_FILE).unlink(missing_ok=True)
    return 0


def _take(folder: Path, work: Path) -> tuple[str, int] | None:
    """Take order and release out of the service's hands: it could change them meanwhile."""
    try:
        order = json.loads(_read(folder / ORDER_FILE, _MAX_ORDER))
        edge, command = str(order["edge"]), int(order["command"])
        with _opened(folder / RELEASE_FILE) as source, (work / RELEASE_FILE).open("wb") as copy:
            if os.fstat(source.fileno()).st_size > MAX_RELEASE:
                raise UpdateError("release", f"more than {MAX_RELEASE} bytes")
            shutil.copyfileobj(source, copy)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UpdateError("order", f"cannot be read ({error}); order it again") from error
    finally:
        for name in (ORDER_FILE, RELEASE_FILE):
            (folder / name).unlink(missing_ok=True)
    return edge, command


def _opened(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _read(path: Path, limit: int) -> bytes:
    with _opened(path) as file:
        return bytes(file.read(limit))


def _keys(root: Path) -> tuple[Ed25519PublicKey, ...]:
    path = root / "share" / "release.keys"
    try:
        keys = read_public_keys(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError, SignatureError) as error:
        raise UpdateError("release.keys", f"{path} cannot be used ({error})") from error
    if not keys:
        raise UpdateError("release.keys", f"{path} holds no key; nothing could be believed")
    return keys
