"""Backup and restore of the data folder, with a signed list of what belongs to it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from vointi_contract.signing import read_public_keys

from ..errors import ConflictError, RegistryError
from ..progress import Told, untold
from .consent.receipts import utc
from .erased import ErasedList
from .registry import Registry

STORE = "vointi.duckdb"
MANIFEST = "manifest.json"
#: What is copied as it is; the databases are copied while others may write.
_PLAIN = (
    *("audit.log", "audit.head", "erased.jsonl", "release.keys"),
    *("keys/signing.key", "keys/policy.keys"),
)

#: The keys that edges' certificates are signed with; the releases that edges are ordered.
_MANY = ("identity/issuer/*", "releases/*.release")


def backup(
    registry: Registry,
    copy_store: Callable[[Path], None],
    folder: Path,
    actor: str,
    store_name: str = STORE,
    *,
    told: Told = untold,
) -> dict[str, Any]:
    """Copy everything into a new folder and sign its manifest. Raises ConflictError, StoreError.

    The registry after the store: a reading in the copy then has its consent in it, too.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConflictError("folder", f"{folder} is not empty; name a new one")
    (folder / "keys").mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    registry.audit.append("backup", actor, folder=folder.name)
    told(0, 0, f"copying {store_name}")
    copy_store(folder / store_name)
    told(0, 0, "copying the registry")
    _copy_databases(registry.folder, folder)
    many = (p for pattern in _MANY for p in registry.folder.glob(pattern))
    for name in (*_PLAIN, *(str(p.relative_to(registry.folder)) for p in many)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # a release may be removed meanwhile
        with suppress(FileNotFoundError):
            shutil.copyfile(registry.folder / name, folder / name)
    names = [str(p.relative_to(folder)) for p in sorted(folder.rglob("*")) if p.is_file()]
    files = dict(zip(names, _hashes(folder, names, told), strict=True))
    for name in files:
        (folder / name).chmod(0o600)
    manifest: dict[str, Any] = {"made": utc(registry.wall_us()), "files": files}
    signature = registry.key.sign(_canonical(manifest))
    manifest |= {"signature": signature, "key": registry.key.public_text}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def _copy_databases(source: Path, folder: Path) -> None:
    """Every SQLite file below the data folder, consistently while others write to it."""
    for path in sorted(source.rglob("*.db")):
        # A sealed backup that is being made, by us or by a process that died of it.
        if path.is_relative_to(folder) or path.relative_to(source).parts[0].startswith(".backup-"):
            continue
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)


def restore(
    folder: Path,
    data_dir: Path,
    *,
    trusted_key: str | None = None,
    bring: Callable[[Path], Sequence[str]] = lambda _folder: (),
    told: Told = untold,
) -> dict[str, Any]:
    """Put a backup in place of the data folder, which is kept beside it.

    Who was erased since the backup was made is kept on the list, and erased again when the gateway
    opens the restored folder. `trusted_key` (base64) is whose signature counts; without it, the
    present folder's own, and without one, the backup's. `bring` puts elsewhere what is no file of
    the data folder, before anything is replaced, and names what that was. Raises RegistryError,
    ConflictError, and what `bring` raises.
    """
    manifest = check(folder, trusted_key or _own_key(data_dir), told)
    told(0, 0, "copying")
    brought = bring(folder)
    draft = data_dir.with_name(data_dir.name + ".restoring")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(folder, draft, ignore=shutil.ignore_patterns(*brought))
    (draft / MANIFEST).unlink()
    (draft / "keys").chmod(0o700)
    ErasedList(draft / "erased.jsonl").merge(data_dir / "erased.jsonl")
    _keep_audit(data_dir, draft)
    _keep_identity(data_dir, draft)
    if data_dir.exists():
        data_dir.replace(_aside(data_dir))
    draft.replace(data_dir)
    return manifest


def check(folder: Path, trusted_key: str | None = None, told: Told = untold) -> dict[str, Any]:
    """Whether a backup is whole and signed; its manifest. Raises RegistryError."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        said = {"made": manifest["made"], "files": manifest["files"]}
        public = trusted_key or str(manifest["key"])
        (key,) = read_public_keys(public)
        key.verify(bytes.fromhex(manifest["signature"]), _canonical(said))
    except (OSError, ValueError, KeyError) as exc:
        raise RegistryError("folder", f"{folder} is no backup; it has no {MANIFEST}") from exc
    except InvalidSignature as exc:
        fix = "was not signed by this gateway; name its key if it comes from another"
        raise RegistryError("folder", f"{folder} {fix}") from exc
    found = _hashes(folder, list(said["files"]), told)
    for (name, digest), here in zip(said["files"].items(), found, strict=True):
        if here != digest:
            raise RegistryError("folder", f"{name} is missing or was changed; use another backup")
    return manifest


def _keep_audit(data_dir: Path, draft: Path) -> None:
    """The log that is here goes on: it has what was done since the backup was made."""
    if (data_dir / "audit.log").exists():
        for name in ("audit.log", "audit.head"):
            shutil.copyfile(data_dir / name, draft / name)


def _keep_identity(data_dir: Path, draft: Path) -> None:
    """Who may come in stays as it is here: a revoked edge does not come back with a backup."""
    if (data_dir / "identity").exists():
        shutil.rmtree(draft / "identity", ignore_errors=True)
        shutil.copytree(data_dir / "identity", draft / "identity")
    for path in (draft / "identity").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def _own_key(data_dir: Path) -> str | None:
    path = data_dir / "keys" / "policy.keys"
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def _aside(data_dir: Path) -> Path:
    number = 1
    while (found := data_dir.with_name(f"{data_dir.name}.before-restore-{number}")).exists():
        number += 1
    return found


def _hashes(folder: Path, names: Sequence[str], told: Told) -> Iterator[str]:
    """Of each file in turn; empty for one that is not there."""
    paths = [folder / name for name in names]
    sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
    done = 0
    for name, path, size in zip(names, paths, sizes, strict=True):
        told(done, sum(sizes), f"checking {name}")
        yield _hash(path) if path.is_file() else ""
        done += size


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _canonical(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest, sort_keys=True).encode()
