"""A release's manifest, signed: the one file that has to be believed.

A manifest is a JSON object, signed (contract signing, purpose "release") by a release key, which is
not the gateway's: the gateway may order a release, not make one.

    version   of vointi-edge in it
    number    grows with each release; an older one is refused
    over      absent, or: may replace the last one installed up to this number, though that is newer
    wheels    [{"name", "sha256", "bytes"}], the installer's own (pip-….whl) among them
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vointi_contract.errors import ContractError, ReleaseError
from vointi_contract.jsonform import Fields, dump, parse_object
from vointi_contract.signing import sign, verify

PURPOSE: Final = "release"
# A Pi's whole environment takes 60 MB; a release never fills a card.
MAX_WHEEL: Final = 256 * 1024**2
_NAME: Final = re.compile(r"([A-Za-z0-9_.]+)-([A-Za-z0-9_.!+]+)(-[A-Za-z0-9_.]+){3,4}\.whl")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel: its file name, hex SHA-256 and size."""

    name: str
    sha256: str
    bytes: int

    @property
    def project(self) -> str:
        """Of which project, as its file name says it."""
        return self.name.split("-", 1)[0]

    @property
    def requirement(self) -> str:
        """`project==version`."""
        return "==".join(self.name.split("-")[:2])


@dataclass(frozen=True, slots=True)
class Manifest:
    """A release."""

    version: str
    number: int
    over: int | None
    wheels: tuple[Wheel, ...]

    @property
    def id(self) -> str:
        """16 hex digits that differ for whatever differs."""
        return sha256(self.to_json()).hexdigest()[:16]

    def may_follow(self, last: int) -> bool:
        """Whether it may be installed where `last` was the last release."""
        return self.number > last or (self.over is not None and last <= self.over)

    def to_json(self) -> bytes:
        """The document."""
        return dump(asdict(self))

    @classmethod
    def from_json(cls, payload: bytes) -> Manifest:
        """From a document; raises ReleaseError."""
        try:
            fields = parse_object(payload)
            return cls(
                version=fields.text("version", 64),
                number=fields.integer("number", 1),
                over=fields.maybe_integer("over"),
                wheels=fields.objects("wheels", _wheel),
            )
        except ContractError as error:
            raise ReleaseError("manifest", str(error)) from None


def sign_manifest(manifest: Manifest, key: Ed25519PrivateKey) -> bytes:
    """The manifest's file."""
    return sign(manifest.to_json(), PURPOSE, key)


def verify_manifest(payload: bytes, keys: Iterable[Ed25519PublicKey]) -> Manifest:
    """The manifest of its file; raises ReleaseError unless one of the keys signed it."""
    try:
        document = verify(payload, PURPOSE, keys)
    except ContractError as error:
        raise ReleaseError("manifest", str(error)) from None
    return Manifest.from_json(document)


def _wheel(fields: Fields) -> Wheel:
    name, digest = fields.text("name"), fields.text("sha256")
    if not _NAME.fullmatch(name):
        raise ReleaseError("manifest", f"{fields.at('name')}: {name!r} is no wheel's name")
    if not _DIGEST.fullmatch(digest):
        raise ReleaseError("manifest", f"{fields.at('sha256')}: give 64 hexadecimal digits")
    return Wheel(name, digest, fields.integer("bytes", 1, MAX_WHEEL))
