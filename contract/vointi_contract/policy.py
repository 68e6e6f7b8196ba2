"""Collection policy: what of which device may be collected on an edge, and nothing else.

The gateway makes it from the consents that hold, signs it and publishes it, retained, on
`c/policy`. The edge obeys the highest version that it ever verified, across restarts; ingest checks
every reading against the same document.

The document also carries the pilot's `unit_key`. With it edges name the physical devices that they
can reach (unit_of) without telling addresses, and two edges that reach the same one are told which
of them may: for the other one the entry is paused and says `elsewhere`.

`forgotten` marks people of the pilot who were erased, by a keyed hash: an edge whose configuration
still names one of them leaves the name out of its birth.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal, TypeAlias, cast, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vointi_contract.errors import PayloadError, shown
from vointi_contract.jsonform import Fields, dump, parse_object
from vointi_contract.signing import claimed, sign, verify
from vointi_contract.topics import is_id

EVERY_STREAM: Final = ("*",)
PURPOSE: Final = "policy"
UNIT_KEY_BYTES: Final = 32
# 64 bits: with a thousand devices in a pilot, two share a name once in 10^13 pilots.
_UNIT_DIGITS: Final = 16
#: More people than a pilot has; twenty bytes each.
MAX_FORGOTTEN: Final = 2000
PolicyClass: TypeAlias = Literal["raw", "features", "both"]


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """What is agreed for one device.

    `streams` are stream ids of the catalogue, those that the edge computes (beats) included, or
    EVERY_STREAM. `class_` narrows them: "raw" is streams of class waveform alone, "features" those
    of class scalar and event alone. A waveform that is not agreed itself, but that an agreed
    feature is computed from, is read and never kept. While `paused`, nothing is collected; what
    was collected before is still sent. `elsewhere`: it is paused because another edge reads it.
    """

    device: str
    streams: tuple[str, ...]
    class_: PolicyClass = "both"
    paused: bool = False
    elsewhere: bool = False

    def names(self, stream: str, stream_class: str) -> bool:
        """Whether consent covers this stream, paused or not: what was kept of it may be sent."""
        wanted = "raw" if stream_class == "waveform" else "features"
        return self.class_ in (wanted, "both") and (
            self.streams == EVERY_STREAM or stream in self.streams
        )

    def as_dict(self) -> dict[str, object]:
        """The JSON form; `elsewhere` is said only where it is so."""
        told: dict[str, object] = {"elsewhere": True} if self.elsewhere else {}
        return told | {
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
            elsewhere="elsewhere" in fields.values and fields.flag("elsewhere"),
        )


@dataclass(frozen=True, slots=True)
class CollectionPolicy:
    """What is agreed on one edge. A device without an entry is not agreed, or has been withdrawn.

    `version` starts at 1 and grows with every change; `issued_us` is UTC µs. `unit_key` is the
    pilot's, UNIT_KEY_BYTES; None: physical devices are not named. `forgotten`: see mark_of.
    """

    edge: str
    pilot: str
    version: int
    issued_us: int
    entries: tuple[PolicyEntry, ...]
    unit_key: bytes | None = field(default=None, repr=False)
    forgotten: tuple[str, ...] = ()

    def forgets(self, person: str) -> bool:
        """Whether a person (pseudonym) was erased: not to be named any more."""
        return bool(self.unit_key) and mark_of(self.unit_key or b"", person) in self.forgotten

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
        keyed = {"unit_key": self.unit_key.hex()} if self.unit_key else {}
        gone = {"forgotten": sorted(self.forgotten)} if self.forgotten else {}
        return dump(
            keyed
            | gone
            | {
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
            unit_key=_unit_key(fields),
            forgotten=(
                fields.texts("forgotten", MAX_FORGOTTEN) if "forgotten" in fields.values else ()
            ),
        )


def unit_of(key: bytes, address: str) -> str:
    """A physical device's name in one pilot: HMAC-SHA256 of its Bluetooth address, an id.

    Two pilots' names of the same device cannot be compared; who has the key can try addresses.
    """
    return hmac.new(key, address.upper().encode("ascii"), sha256).hexdigest()[:_UNIT_DIGITS]


def mark_of(key: bytes, person: str) -> str:
    """A mark of a person in one pilot's policies, which tells no pseudonym to who has none."""
    return hmac.new(key, b"person\0" + person.encode(), sha256).hexdigest()[:_UNIT_DIGITS]


def sign_policy(policy: CollectionPolicy, key: Ed25519PrivateKey) -> bytes:
    """The payload for `c/policy`."""
    return sign(policy.to_json(), PURPOSE, key)


def verify_policy(payload: bytes, keys: Iterable[Ed25519PublicKey]) -> CollectionPolicy:
    """The policy of a payload; raises SignatureError, PayloadError."""
    return CollectionPolicy.from_json(verify(payload, PURPOSE, keys))


def claimed_policy(payload: bytes) -> CollectionPolicy:
    """The policy of a payload, whoever signed it: nothing may be collected on its word.

    An edge that has no keys learns from it whom not to name. Raises SignatureError, PayloadError.
    """
    return CollectionPolicy.from_json(claimed(payload))


def _streams(fields: Fields) -> tuple[str, ...]:
    streams = fields.texts("streams")
    if streams == EVERY_STREAM:
        return EVERY_STREAM
    for stream in streams:
        if not is_id(stream):
            raise PayloadError(fields.at("streams"), f'{shown(stream)}; give stream ids or ["*"]')
    return streams


def _unit_key(fields: Fields) -> bytes | None:
    if "unit_key" not in fields.values:
        return None
    try:
        key = bytes.fromhex(fields.text("unit_key", 2 * UNIT_KEY_BYTES))
    except ValueError:
        key = b""
    if len(key) != UNIT_KEY_BYTES:
        raise PayloadError(fields.at("unit_key"), f"write {UNIT_KEY_BYTES} bytes in hex digits")
    return key


def _check_once(entries: tuple[PolicyEntry, ...]) -> None:
    devices = [entry.device for entry in entries]
    if len(set(devices)) < len(devices):
        raise PayloadError("entries", "a device stands twice; give one entry for each device")
