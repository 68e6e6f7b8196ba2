"""vointi-gateway backup FOLDER | restore FOLDER."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..config import Settings
from ..errors import ConflictError, StoreError, StoreLockedError
from ..making import make_store
from ..pilots.backup import restore
from .context import Common, Context, Sub, command


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    save = command(commands, "backup", "copy everything into a new folder", _backup, common)
    save.add_argument("folder", type=Path)
    about = "put a backup in place of the data folder; who was erased since is erased again"
    bring = commands.add_parser("restore", help=about, description=about)
    common(bring)
    bring.add_argument("folder", type=Path)
    bring.add_argument("--key", help="base64 of the public key whose signature counts")
    bring.add_argument("--json", action="store_true", help="answer in JSON")
    bring.set_defaults(run_with=_restore)


def _backup(context: Context, arguments: argparse.Namespace) -> int:
    job = context.job("backup", "copying", folder=str(arguments.folder.resolve()))
    context.say(f"{job.result['files']} files in {job.result['folder']}", **job.result)
    return 0


def _restore(settings: Settings, arguments: argparse.Namespace) -> int:
    """The registry is not opened before: it is what is replaced."""
    _must_be_free(settings)
    manifest = restore(arguments.folder, settings.data_dir, trusted_key=arguments.key)
    context = Context(settings, as_json=arguments.json)
    text = f"restored as of {manifest['made']}; start the gateway"
    context.say(text, made=manifest["made"], files=len(manifest["files"]))
    return 0


def _must_be_free(settings: Settings) -> None:
    store = make_store(settings)
    if not (settings.data_dir / store.file_name).exists():
        return
    try:
        store.open()
    except StoreLockedError as exc:
        raise ConflictError("data_dir", "a gateway uses it; stop that one first") from exc
    except StoreError:  # a damaged store is a reason to restore
        return
    store.close()
