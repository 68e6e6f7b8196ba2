"""vointi-gateway backup-key | backup | restore | restore-drill."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..errors import ConflictError, StoreError, StoreLockedError
from ..making import bring_values, make_store, rehearse_values
from ..pilots.backup import restore
from ..pilots.drill import drill, readable
from ..pilots.sealed import make_key, read_key
from ..releases import check_releases
from ..settings import Settings
from .context import Common, Context, Sub, command


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    save = command(commands, "backup", "copy everything into a new folder", _backup, common)
    save.add_argument("folder", type=Path, help="a new folder; with --key-file, a new file")
    save.add_argument("--key-file", type=Path, help="encrypt it with this key, into one file")
    key = commands.add_parser("backup-key", help="make a key for backups; keep it elsewhere")
    common(key)
    key.add_argument("file", type=Path)
    key.add_argument("--json", action="store_true", help="answer in JSON")
    key.set_defaults(run_with=_key)
    about = "restore a backup beside everything, look whether it is whole, and remove it again"
    test = commands.add_parser("restore-drill", help=about, description=about)
    common(test)
    _source(test)
    test.set_defaults(run_with=_drill)
    about = "put a backup in place of the data folder; who was erased since is erased again"
    bring = commands.add_parser("restore", help=about, description=about)
    common(bring)
    _source(bring)
    bring.set_defaults(run_with=_restore)


def _source(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, help="the backup: a folder, or a sealed file")
    command.add_argument("--key-file", type=Path, help="the key of a sealed file")
    command.add_argument("--key", help="base64 of the public key whose signature counts")
    command.add_argument("--json", action="store_true", help="answer in JSON")


def _key(settings: Settings, arguments: argparse.Namespace) -> int:
    make_key(arguments.file)
    text = f"{arguments.file}: without it no backup can be read; keep a copy somewhere else"
    Context(settings, as_json=arguments.json).say(text, file=str(arguments.file))
    return 0


def _drill(settings: Settings, arguments: argparse.Namespace) -> int:
    def readings(data_dir: Path) -> int:
        rehearse_values(settings, data_dir)
        store = make_store(replace(settings, data_dir=data_dir))
        store.open()
        try:
            return sum(counts.stored for counts in store.counts().values())
        finally:
            store.close()

    context = Context(settings, as_json=arguments.json)
    with (
        readable(arguments.folder, arguments.key_file, settings.data_dir.parent) as folder,
        context.bar("rehearsing") as told,
    ):
        releases = partial(check_releases, keys_file=settings.release_keys)
        facts = drill(
            folder, settings.data_dir, readings, arguments.key, told, check_releases=releases
        )
    what = ("files", "people", "readings", "releases")
    listed = ", ".join(f"{facts[name]} {name}" for name in what)
    text = f"as of {facts['made']}: {listed}, all readable"
    context.say(text, **facts)
    return 0


def _backup(context: Context, arguments: argparse.Namespace) -> int:
    options = {}
    if arguments.key_file is not None:
        read_key(arguments.key_file)
        options["key_file"] = str(arguments.key_file.resolve())
    job = context.job("backup", "copying", folder=str(arguments.folder.resolve()), **options)
    context.say(f"{job.result['files']} files in {job.result['folder']}", **job.result)
    return 0


def _restore(settings: Settings, arguments: argparse.Namespace) -> int:
    """The registry is not opened before: it is what is replaced."""
    _must_be_free(settings)
    context = Context(settings, as_json=arguments.json)
    with (
        readable(arguments.folder, arguments.key_file, settings.data_dir.parent) as folder,
        context.bar("restoring") as told,
    ):
        manifest = restore(
            folder,
            settings.data_dir,
            trusted_key=arguments.key,
            bring=partial(bring_values, settings),
            told=told,
        )
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
