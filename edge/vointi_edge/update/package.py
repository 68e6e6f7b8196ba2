"""Releases, read as the contract has them; what is wrong with one is an UpdateError here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from vointi_contract import release_file
from vointi_contract.errors import ReleaseError
from vointi_contract.release import Manifest

from vointi_edge.errors import UpdateError


def read_release(path: Path, keys: Iterable[Ed25519PublicKey]) -> Manifest:
    """Verify all of a release and write nothing. Raises UpdateError, OSError."""
    with _as_update_error():
        return release_file.read_release(path, keys)


def unpack(path: Path, manifest: Manifest, folder: Path) -> None:
    """Write the wheels of a verified release into an empty folder. Raises UpdateError, OSError."""
    with _as_update_error():
        release_file.unpack(path, manifest, folder)


@contextmanager
def _as_update_error() -> Iterator[None]:
    try:
        yield
    except ReleaseError as error:
        raise UpdateError(error.field, error.fix) from error
