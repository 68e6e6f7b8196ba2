"""A release as one file: a plain tar of the signed manifest, first, and the wheels it names.

Nothing is written before the manifest's signature and every wheel's hash are found right, and the
wheels are hashed again while they are written: what is installed is what was signed.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vointi_contract.errors import ReleaseError
from vointi_contract.jsonform import MAX_JSON
from vointi_contract.release import Manifest, Wheel, sign_manifest, verify_manifest

MANIFEST: Final = "manifest.signed"
#: Bytes of a whole release; a Pi's whole environment takes 60 MB.
MAX_RELEASE: Final = 512 * 1024**2
_CHUNK: Final = 1024 * 1024
_SIGNED_BYTES: Final = MAX_JSON + 128


def make_release(
    wheels: Iterable[Path], target: Path, key: Ed25519PrivateKey, *, version: str, number: int,
    over: int | None = None,
) -> Manifest:  # fmt: skip
    """Write a release file. Raises ReleaseError, OSError."""
    files = sorted(wheels, key=lambda one: one.name)
    made = tuple(Wheel(one.name, _digest(one), one.stat().st_size) for one in files)
    manifest = Manifest.from_json(Manifest(version, number, over, made).to_json())
    with tarfile.open(target, "w:", format=tarfile.PAX_FORMAT) as archive:
        signed = sign_manifest(manifest, key)
        archive.addfile(_member(MANIFEST, len(signed)), io.BytesIO(signed))
        for file, wheel in zip(files, made, strict=True):
            with file.open("rb") as content:
                archive.addfile(_member(wheel.name, wheel.bytes), content)
    return manifest


def read_manifest(path: Path, keys: Iterable[Ed25519PublicKey]) -> Manifest:
    """What a release says of itself, signed; its wheels unread. Raises ReleaseError, OSError."""
    with _opened(path) as archive:
        return verify_manifest(_signed(archive), keys)


def read_release(path: Path, keys: Iterable[Ed25519PublicKey]) -> Manifest:
    """Verify all of a release and write nothing. Raises ReleaseError, OSError."""
    with _opened(path) as archive:
        manifest = verify_manifest(_signed(archive), keys)
        _each(archive, manifest, lambda _: None)
    return manifest


def unpack(path: Path, manifest: Manifest, folder: Path) -> None:
    """Write the wheels of a verified release into an empty folder. Raises ReleaseError, OSError."""
    with _opened(path) as archive:
        _signed(archive)
        _each(archive, manifest, lambda wheel: (folder / wheel.name).open("xb"))


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive
    except tarfile.TarError as error:
        raise ReleaseError("release", f"no release file ({error}); copy it again") from error


def _signed(archive: tarfile.TarFile) -> bytes:
    member = archive.next()
    content = archive.extractfile(member) if member is not None and member.isreg() else None
    if member is None or member.name != MANIFEST or content is None:
        raise ReleaseError(
            "release", f"does not begin with {MANIFEST}; make it with tools/release.py"
        )
    return content.read(_SIGNED_BYTES)


def _each(
    archive: tarfile.TarFile, manifest: Manifest, sink: Callable[[Wheel], IO[bytes] | None]
) -> None:
    """Read every wheel, each once and no other; raises ReleaseError."""
    awaited = {wheel.name: wheel for wheel in manifest.wheels}
    while (member := archive.next()) is not None:
        wheel = awaited.pop(member.name, None)
        content = archive.extractfile(member) if wheel is not None and member.isreg() else None
        if wheel is None or content is None or member.size != wheel.bytes:
            raise ReleaseError("release", f"{member.name!r} is not what the manifest names")
        _copy(content, wheel, sink(wheel))
    if awaited:
        raise ReleaseError("release", f"{sorted(awaited)[0]} is missing; copy the file again")


def _copy(content: IO[bytes], wheel: Wheel, target: IO[bytes] | None) -> None:
    digest = sha256()
    try:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            if target is not None:
                target.write(chunk)
    finally:
        if target is not None:
            target.close()
    if digest.hexdigest() != wheel.sha256:
        raise ReleaseError("release", f"{wheel.name} is not the one that was signed")


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        digest = sha256()
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member
