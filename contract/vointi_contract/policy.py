"""Collection policy: what of which device may be collected on an edge, and nothing else.

The gateway makes it from the consents that hold, signs it and publishes it, retained, on
`c/policy`. The edge obeys the highest version that it ever verified, across restarts; ingest checks
every reading against the same document.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vointi_contract.errors import PayloadError, shown
from vointi_contract.jsonform import Fields, dump, parse_object
from vointi_contract.signing import sign, verify
from vointi_contract.topics import is_id

EVERY_STREAM: Final = ("*",)
PURPOSE: Final = "policy"
PolicyClass: TypeAlias = Literal["raw", "features", "both"]


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """What is agreed for one device.

    `streams` are stream ids of the catalogue, those that the edge computes (beats) included, or
    EVERY_STREAM. `class_` narrows them: "raw" is streams of class waveform alone, "features" those
    of class scalar and event alone. A waveform that is not agreed itself, but that an agreed
    feature is computed from, is read and never kept. While `paused`, nothing is collected; what
    was collected before is still sent.
    """

    device: str
    streams: tuple[str, ...]
    class_: PolicyClass = "both"
    paused: bool = False

    def names(self, stream: str, stream_class: str) -> bool:
        """Whether consent covers this stream, paused or not: what was kept of it may be sent."""
        wanted = "raw" if stream_class == "waveform" else "features"
        return self.class_ in (wanted, "both") and (
            self.streams == EVERY_STREAM or stream in self.streams
        )

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "device": self.device,
            "streams": list(self.streams),
            "class": self.class_,
            "paused": self.paused,
        }

    @classmethod
    def of(cls, fields: Fields) -> PolicyEntry:
        """From the JSON form; raises PayloadError."""
        return cls(
            device=fields.identifier("device"),
            streams=_streams(fields),
            class_=cast(PolicyClass, fields.choice("class", get_args(PolicyClass))),
            paused=fields.flag("paused"),
        )


@dataclass(frozen=True, slots=True)
class CollectionPolicy:
    """What is agreed on one edge. A device without an entry is not agreed, or has been withdrawn.

    `version` starts at 1 and grows with every change; `issued_us` is UTC µs.
    """

    edge: str
    pilot: str
    version: int
    issued_us: int
    entries: tuple[PolicyEntry, ...]

    def entry(self, device: str) -> PolicyEntry | None:
        """What is agreed for a device; None: nothing."""
        return next((entry for entry in self.entries if entry.device == device), None)

    def permits(self, device: str, stream: str, stream_class: str) -> bool:
        """Whether readings of the stream that were collected under consent may be sent and kept."""
        entry = self.entry(device)
        return entry is not None and entry.names(stream, stream_class)

    def collects(self, device: str, stream: str, stream_class: str) -> bool:
        """Whether the stream may be collected now: agreed and not paused."""
        entry = self.entry(device)
        return entry is not None and not entry.paused and entry.names(stream, stream_class)

    def to_json(self) -> bytes:
        """The document; the same policy always gives the same bytes."""
        entries = sorted(self.entries, key=lambda entry: entry.device)
        return dump(
            {
                "edge": self.edge,
                "pilot": self.pilot,
                "version": self.version,
                "issued_us": self.issued_us,
                "entries": [entry.as_dict() for entry in entries],
            }
        )

    @classmethod
    def from_json(cls, payload: bytes | str) -> CollectionPolicy:
        """From a document; raises PayloadError."""
        fields = parse_object(payload)
        entries = fields.objects("entries", PolicyEntry.of)
        _check_once(entries)
        return cls(
            edge=fields.identifier("edge"),
            pilot=fields.identifier("pilot"),
            version=fields.integer("version", 1),
            issued_us=fields.integer("issued_us"),
            entries=entries,
        )


def sign_policy(policy: CollectionPolicy, key: Ed25519PrivateKey) -> bytes:
    """The payload for `c/policy`."""
    return sign(policy.to_json(), PURPOSE, key)


def verify_policy(payload: bytes, keys: Iterable[Ed25519PublicKey]) -> CollectionPolicy:
    """The policy of a payload; raises SignatureError, PayloadError."""
    return CollectionPolicy.from_json(verify(payload, PURPOSE, keys))


def _streams(fields: Fields) -> tuple[str, ...]:
    streams = fields.texts("streams")
    if streams == EVERY_STREAM:
        return EVERY_STREAM
    for stream in streams:
        if not is_id(stream):
            raise PayloadError(fields.at("streams"), f'{shown(stream)}; give stream ids or ["*"]')
    return streams


def _check_once(entries: tuple[PolicyEntry, ...]) -> None:
    devices = [entry.device for entry in entries]
    if len(set(devices)) < len(devices):
        raise PayloadError("entries", "a device stands twice; give one entry for each device")
