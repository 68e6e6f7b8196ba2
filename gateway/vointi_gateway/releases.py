"""Signed releases of the edge's program: checked when they come in, handed out as they are.

The gateway can order a release and cannot make one: it has the public keys alone
(`docs/decisions/0029`). A file is named after its SHA-256, and its signed manifest says the rest.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from vointi_contract.errors import ContractError
from vointi_contract.release_file import MAX_RELEASE, read_manifest, read_release
from vointi_contract.signing import read_public_keys

from .errors import ConflictError, RegistryError, UnknownRecordError
from .pilots.audit import AuditLog
from .pilots.registry import Registry
from .settings import Settings

_SUFFIX: Final = ".release"
_KEYS_NAME: Final = "release.keys"


@dataclass(frozen=True, slots=True)
class Release:
    """One release: hex SHA-256 and size of its file, and what its manifest says."""

    digest: str
    version: str
    number: int
    over: int | None
    bytes: int

    @property
    def title(self) -> str:
        """Version and number, for people."""
        return f"{self.version} ({self.number})"

    @property
    def address(self) -> str:
        """The path from which an edge fetches it."""
        return f"/api/v1/releases/{self.digest}/file"


class Releases:
    """The folder of releases.

    Args:
        folder: made when something is put into it.
        keys_file: public keys of who may make releases, one a line.
        audit: told of what comes and goes.
        wanted: edges that have yet to fetch a file, by its digest.

    """

    def __init__(
        self, folder: Path, keys_file: Path, audit: AuditLog, wanted: Callable[[str], Sequence[str]]
    ) -> None:
        self._folder, self._keys_file = folder, keys_file
        self._audit, self._wanted = audit, wanted

    def add(self, file: Path, *, actor: str) -> Release:
        """Check all of a release and take it in. Raises RegistryError, ConflictError."""
        keys = self._keys()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._folder / ".draft"
        try:
            _copy(file, draft)
            manifest = read_release(draft, keys)
            release = Release(
                *(_digest(draft), manifest.version, manifest.number),
                *(manifest.over, draft.stat().st_size),
            )
            self._check_new(release)
            draft.replace(self.path(release.digest))
        except ContractError as exc:
            raise RegistryError(exc.field, exc.fix) from exc
        except OSError as exc:
            raise RegistryError("file", f"{file}: {exc.strerror}") from exc
        finally:
            draft.unlink(missing_ok=True)
        self._audit.append("release.add", actor, release=release.title, digest=release.digest)
        return release

    def all(self) -> list[Release]:
        """Every release that one of the keys signed, newest first."""
        found = (self._read(path) for path in self._folder.glob(f"*{_SUFFIX}"))
        return sorted((one for one in found if one), key=lambda one: -one.number)

    def find(self, version: str | None) -> Release:
        """By version or number; the newest when none is named. Raises UnknownRecordError."""
        found = [one for one in self.all() if version in (None, one.version, str(one.number))]
        if not found:
            fix = f"{version or 'none'} is not here; see `release list`, or `release add` it"
            raise UnknownRecordError("release", fix)
        return found[0]

    def remove(self, version: str, *, actor: str) -> Release:
        """Delete one. Raises UnknownRecordError, ConflictError."""
        release = self.find(version)
        if waiting := self._wanted(release.digest):
            fix = f"{waiting[0]} has yet to fetch it; wait, or `edge update {waiting[0]} --stop`"
            raise ConflictError("release", fix)
        self.path(release.digest).unlink(missing_ok=True)
        self._audit.append("release.remove", actor, release=release.title, digest=release.digest)
        return release

    def path(self, digest: str) -> Path:
        """Where the file is, if it is."""
        return self._folder / f"{digest}{_SUFFIX}"

    def _check_new(self, release: Release) -> None:
        for known in self.all():
            if known.number == release.number and known.digest != release.digest:
                fix = f"{known.title} is here already; give the new one a number of its own"
                raise ConflictError("release", fix)

    def _read(self, path: Path) -> Release | None:
        try:
            said = read_manifest(path, self._keys())
            return Release(path.stem, said.version, said.number, said.over, path.stat().st_size)
        except (ContractError, OSError):
            return None

    def _keys(self) -> tuple[Ed25519PublicKey, ...]:
        return _keys_in(self._keys_file)


def _keys_in(file: Path) -> tuple[Ed25519PublicKey, ...]:
    try:
        return read_public_keys(file.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError, ContractError) as exc:
        fix = f"{file} cannot be used ({exc}); put the line of release.py --new-key in"
        raise RegistryError("release_keys", fix) from exc


def check_releases(folder: Path, keys_file: Path | None = None) -> int:
    """How many releases of a data folder can be ordered: of those that a key signed, each byte.

    Keys are in `keys_file`, or in the folder. Raises RegistryError for a file that was changed.
    """
    files = sorted((folder / "releases").glob(f"*{_SUFFIX}"))
    keys = _keys_in(keys_file or folder / _KEYS_NAME) if files else ()
    good = 0
    for file in files:
        if _digest(file) != file.stem:
            raise RegistryError("releases", f"{file.name} was changed; delete it and add it anew")
        # one whose key is trusted no more is kept, and not ordered
        with suppress(ContractError):
            read_release(file, keys)
            good += 1
    return good


def releases_of(settings: Settings, registry: Registry) -> Releases:
    """Those of a data folder."""
    folder = settings.data_dir
    keys_file = settings.release_keys or folder / _KEYS_NAME
    return Releases(folder / "releases", keys_file, registry.audit, registry.commands.wanted)


def _copy(source: Path, target: Path) -> None:
    if source.stat().st_size > MAX_RELEASE:
        raise RegistryError("file", f"{source} has more than {MAX_RELEASE} bytes")
    with source.open("rb") as read, target.open("wb") as written:
        shutil.copyfileobj(read, written)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
