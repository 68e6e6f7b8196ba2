"""MQTT topics: built and parsed here only.

`vointi/1/{pilot}/{shard}/{edge}/…` with, upwards, `d/{device}` live data, `b/{device}` backlog,
`meta` (retained birth), `state` (retained, and the will), `clk` clock anchors, `res` results of
commands; downwards `c/ack`, `c/cmd` and `c/policy` (retained). The edge id is also MQTT user and
client id. At most seven levels, no dots or spaces: every broker engine takes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args
from zlib import crc32

from vointi_contract.errors import TopicError, shown

ROOT: Final = "vointi/1"
# Each gateway process owns whole shards; 64 is more processes than a city's pilots need.
SHARDS: Final = 64

AddressKind: TypeAlias = Literal["d", "b", "meta", "state", "clk", "res", "ack", "cmd", "policy"]

SUBSCRIBE_DATA: Final = (f"{ROOT}/+/+/+/d/+", f"{ROOT}/+/+/+/b/+")
SUBSCRIBE_STATUS: Final = (f"{ROOT}/+/+/+/meta", f"{ROOT}/+/+/+/state", f"{ROOT}/+/+/+/clk")
SUBSCRIBE_RESULTS: Final = (f"{ROOT}/+/+/+/res",)

_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ID_RULE: Final = "use 1 to 63 of a-z, 0-9, - and _, starting with a letter or digit"


def is_id(name: str) -> bool:
    """Whether the name may stand in a topic (pilot, edge, device, stream)."""
    return _ID.fullmatch(name) is not None


def check_id(name: str, field: str) -> str:
    """The name itself; raises TopicError naming `field` when it may not stand in a topic."""
    if not is_id(name):
        raise TopicError(field, f"{shown(name)} is no id; {_ID_RULE}")
    return name


def shard_of(edge: str) -> int:
    """The shard of an edge: CRC-32 of its id modulo 64."""
    return crc32(edge.encode()) % SHARDS


@dataclass(frozen=True, slots=True)
class EdgeTopics:
    """All topics of one edge; raises TopicError for a pilot, edge or device that is no id."""

    pilot: str
    edge: str

    def __post_init__(self) -> None:
        check_id(self.pilot, "pilot")
        check_id(self.edge, "edge")

    @property
    def base(self) -> str:
        """What all topics of the edge start with, without a slash at the end."""
        return f"{ROOT}/{self.pilot}/{shard_of(self.edge)}/{self.edge}"

    def live(self, device: str) -> str:
        """Readings as they are made."""
        return f"{self.base}/d/{check_id(device, 'device')}"

    def backlog(self, device: str) -> str:
        """Readings that waited for a connection."""
        return f"{self.base}/b/{check_id(device, 'device')}"

    @property
    def meta(self) -> str:
        """Retained birth certificate (status.Birth)."""
        return f"{self.base}/meta"

    @property
    def state(self) -> str:
        """Retained state and will (status.EdgeStatus)."""
        return f"{self.base}/state"

    @property
    def clk(self) -> str:
        """Clock anchors (status.ClockAnchor)."""
        return f"{self.base}/clk"

    @property
    def ack(self) -> str:
        """Commit watermarks, down to the edge (ack.Watermark)."""
        return f"{self.base}/c/ack"

    @property
    def cmd(self) -> str:
        """Signed commands, down to the edge (command.Command)."""
        return f"{self.base}/c/cmd"

    @property
    def policy(self) -> str:
        """Retained signed collection policy, down to the edge (policy.CollectionPolicy)."""
        return f"{self.base}/c/policy"

    @property
    def results(self) -> str:
        """What became of commands, up from the edge (command.CommandResult)."""
        return f"{self.base}/res"


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed topic; `device` is None except for the kinds d and b."""

    pilot: str
    shard: int
    edge: str
    kind: AddressKind
    device: str | None = None


def parse(topic: str) -> Address:
    """The address that a topic names; raises TopicError."""
    parts = topic.split("/")
    if parts[:2] != ROOT.split("/") or len(parts) not in (6, 7):
        raise TopicError("topic", f"{shown(topic)} is not {ROOT}/pilot/shard/edge/…")
    pilot, edge = check_id(parts[2], "pilot"), check_id(parts[4], "edge")
    shard = shard_of(edge)
    if parts[3] != str(shard):
        raise TopicError("shard", f"{shown(parts[3])} is not the shard of {edge}; use {shard}")
    kind, device = _lane(parts[5:])
    return Address(pilot, shard, edge, kind, device)


def _lane(rest: list[str]) -> tuple[AddressKind, str | None]:
    match rest:
        case [("d" | "b") as lane, device]:
            return cast(AddressKind, lane), check_id(device, "device")
        case ["c", ("ack" | "cmd" | "policy") as kind]:
            return cast(AddressKind, kind), None
        case [("meta" | "state" | "clk" | "res") as kind]:
            return cast(AddressKind, kind), None
    kinds = ", ".join(get_args(AddressKind))
    raise TopicError("kind", f"{shown('/'.join(rest))} is none of {kinds}")
