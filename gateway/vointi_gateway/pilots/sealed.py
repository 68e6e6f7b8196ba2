"""A backup as one encrypted file, written and read as a stream.

Format: the magic, 16 bytes of salt, then chunks of at most 1 MiB of a tar file, each sealed by
ChaCha20-Poly1305 (RFC 8439) with a key that HKDF-SHA256 (RFC 5869) makes of the key file and the
salt. A chunk's nonce is its number and whether it is the last: none can be changed, moved, left
out, or cut off at the end, without the next reading failing.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import ConflictError, RegistryError

MAGIC = b"vointi-backup-1\n"
KEY_BYTES = 32
_SALT = 16
_CHUNK = 1 << 20
_TAG = 16


def make_key(path: Path) -> None:
    """A new key file for its owner alone. Raises ConflictError when there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exc:
        fix = f"{path} exists; backups made with it could not be read any more: name another file"
        raise ConflictError("key-file", fix) from exc
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")


def read_key(path: Path) -> bytes:
    """The 32 bytes of a key file. Raises RegistryError."""
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except (OSError, binascii.Error) as exc:
        raise RegistryError("key-file", f"{path} holds no key; backup-key makes one") from exc
    if len(key) != KEY_BYTES:
        raise RegistryError("key-file", f"{path} must hold {KEY_BYTES} bytes in base 64")
    return key


def seal(folder: Path, target: Path, key: bytes) -> None:
    """Every file of `folder` into the new file `target`. Raises ConflictError."""
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exc:
        raise ConflictError("folder", f"{target} exists; name a new file") from exc
    with os.fdopen(descriptor, "wb") as file:
        sealer = _Sealer(file, key)
        out = cast(BinaryIO, sealer)
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.add(path, str(path.relative_to(folder)))
        sealer.finish()
        file.flush()
        os.fsync(file.fileno())


def unseal(source: Path, folder: Path, key: bytes) -> None:
    """What was sealed, into a new private folder. Raises RegistryError, and leaves no folder."""
    folder.mkdir(parents=True, mode=0o700)
    try:
        with _opened(source) as file:
            reader = _Reader(_chunks(file, key, source))
            with tarfile.open(fileobj=cast(BinaryIO, reader), mode="r|") as archive:
                for member in archive:
                    _extract(archive, member, folder)
            reader.drain()
    except tarfile.TarError as exc:
        raise RegistryError("file", f"{source} is damaged; use another backup") from exc


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """One plain file, private, and nowhere but below `folder`."""
    target = folder / member.name
    inside = target.resolve().is_relative_to(folder.resolve())
    source = archive.extractfile(member) if member.isfile() and inside else None
    if source is None:
        raise RegistryError("file", f"holds {member.name!r}, which is no file of a backup")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.touch(mode=0o600)
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file)


class _Sealer:
    """What tarfile writes to: whole chunks go out sealed."""

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        salt = secrets.token_bytes(_SALT)
        file.write(MAGIC + salt)
        self._file, self._cipher = file, _cipher(key, salt)
        self._waiting, self._number = bytearray(), 0

    def write(self, data: bytes) -> int:
        self._waiting += data
        while len(self._waiting) > _CHUNK:
            self._put(bytes(self._waiting[:_CHUNK]), last=False)
            del self._waiting[:_CHUNK]
        return len(data)

    def finish(self) -> None:
        self._put(bytes(self._waiting), last=True)

    def _put(self, data: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), data, MAGIC))
        self._number += 1


class _Reader:
    """What tarfile reads from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._waiting = chunks, bytearray()

    def read(self, size: int) -> bytes:
        while len(self._waiting) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._waiting += chunk
        found = bytes(self._waiting[:size])
        del self._waiting[:size]
        return found

    def drain(self) -> None:
        """To the last chunk: a file that was cut after the archive's end is refused, too."""
        for _ in self._chunks:
            pass


def _chunks(file: BinaryIO, key: bytes, source: Path) -> Iterator[bytes]:
    if file.read(len(MAGIC)) != MAGIC:
        raise RegistryError("file", f"{source} is no sealed backup")
    cipher = _cipher(key, file.read(_SALT))
    number, sealed = 0, file.read(_CHUNK + _TAG)
    while True:
        following = file.read(_CHUNK + _TAG)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), sealed, MAGIC)
        except InvalidTag as exc:
            fix = f"{source} was changed or cut, or this is not its key; use another"
            raise RegistryError("key-file", fix) from exc
        if not following:
            return
        number, sealed = number + 1, following


@contextmanager
def _opened(source: Path) -> Iterator[BinaryIO]:
    try:
        file = source.open("rb")
    except OSError as exc:
        raise RegistryError("file", f"{source} cannot be read ({exc.strerror})") from exc
    with file:
        yield file


def _cipher(key: bytes, salt: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(SHA256(), KEY_BYTES, salt, MAGIC).derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return bytes([last]) + number.to_bytes(11, "big")
