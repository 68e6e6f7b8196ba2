"""JSON on the status topics: the retained birth, the retained state (and will), clock anchors.

Every class has `to_json() -> bytes` and `from_json(payload)`, which raises PayloadError naming the
field and the fix. Unknown keys are ignored: a newer edge may say more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args

from vointi_contract.checks import MAX_RATE_HZ, MAX_US
from vointi_contract.frame import ClockState
from vointi_contract.jsonform import Fields, boot_text, dump, parse_object

DeviceKind: TypeAlias = Literal["wearable", "room", "service_point"]
StreamClass: TypeAlias = Literal["waveform", "scalar", "event"]
Role: TypeAlias = Literal["home", "service_point"]
Link: TypeAlias = Literal["connected", "connecting", "advertising", "lost", "unknown"]

# As many as the feedback metric has buttons.
MAX_LABELS: Final = 5

# 127 is "not available" in the Bluetooth core specification; real values end at +20 dBm.
_RSSI_LOW: Final = -128
_RSSI_HIGH: Final = 20


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of a device; `rate_hz` is nominal, 0 where samples are not regular."""

    stream: str
    metrics: tuple[str, ...]
    rate_hz: float
    class_: StreamClass

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "stream": self.stream,
            "metrics": list(self.metrics),
            "rate_hz": self.rate_hz,
            "class": self.class_,
        }

    @classmethod
    def of(cls, fields: Fields) -> StreamInfo:
        """From the JSON form; raises PayloadError."""
        return cls(
            stream=fields.identifier("stream"),
            metrics=fields.texts("metrics"),
            rate_hz=fields.number("rate_hz", 0, MAX_RATE_HZ),
            class_=cast(StreamClass, fields.choice("class", get_args(StreamClass))),
        )


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One configured device; `person` is the pilot pseudonym of who wears it, or None.

    `labels` is what the pilot calls the device's buttons, from button 1 on; empty without names.
    `unit` is the physical device, the same at each edge that can reach it (policy.unit_of); None
    where no key for it came, or the device has no address.
    """

    device: str
    model: str
    kind: DeviceKind
    person: str | None
    streams: tuple[StreamInfo, ...]
    labels: tuple[str, ...] = ()
    unit: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        named: dict[str, object] = {"labels": list(self.labels)} if self.labels else {}
        named |= {"unit": self.unit} if self.unit else {}
        return named | {
            "device": self.device,
            "model": self.model,
            "kind": self.kind,
            "person": self.person,
            "streams": [stream.as_dict() for stream in self.streams],
        }

    @classmethod
    def of(cls, fields: Fields) -> DeviceInfo:
        """From the JSON form; raises PayloadError."""
        return cls(
            device=fields.identifier("device"),
            model=fields.identifier("model"),
            kind=cast(DeviceKind, fields.choice("kind", get_args(DeviceKind))),
            person=fields.maybe_identifier("person"),
            streams=fields.objects("streams", StreamInfo.of),
            labels=fields.texts("labels", MAX_LABELS) if "labels" in fields.values else (),
            unit=fields.maybe_identifier("unit") if "unit" in fields.values else None,
        )


@dataclass(frozen=True, slots=True)
class Birth:
    """What an edge is and has: retained on `meta`, sent at each start."""

    edge: str
    boot: int
    version: str
    site: str
    role: Role
    devices: tuple[DeviceInfo, ...]

    def to_json(self) -> bytes:
        """The payload."""
        return dump(
            {
                "edge": self.edge,
                "boot": boot_text(self.boot),
                "version": self.version,
                "site": self.site,
                "role": self.role,
                "devices": [device.as_dict() for device in self.devices],
            }
        )

    @classmethod
    def from_json(cls, payload: bytes | str) -> Birth:
        """From a payload; raises PayloadError."""
        fields = parse_object(payload)
        return cls(
            edge=fields.identifier("edge"),
            boot=fields.boot(),
            version=fields.text("version", 64),
            site=fields.identifier("site"),
            role=cast(Role, fields.choice("role", get_args(Role))),
            devices=fields.objects("devices", DeviceInfo.of),
        )


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """Readings since the outbox was made: accepted = pending + committed + lost."""

    accepted: int
    pending: int
    committed: int
    lost: int

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "accepted": self.accepted,
            "pending": self.pending,
            "committed": self.committed,
            "lost": self.lost,
        }

    @classmethod
    def of(cls, fields: Fields) -> OutboxCounts:
        """From the JSON form; raises PayloadError."""
        return cls(
            accepted=fields.integer("accepted"),
            pending=fields.integer("pending"),
            committed=fields.integer("committed"),
            lost=fields.integer("lost"),
        )


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """How the edge hears a device now; `note` is one short line for people, or empty."""

    device: str
    link: Link
    rssi_dbm: int | None
    battery_pct: int | None
    note: str = ""

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "device": self.device,
            "link": self.link,
            "rssi_dbm": self.rssi_dbm,
            "battery_pct": self.battery_pct,
            "note": self.note,
        }

    @classmethod
    def of(cls, fields: Fields) -> DeviceStatus:
        """From the JSON form; raises PayloadError."""
        return cls(
            device=fields.identifier("device"),
            link=cast(Link, fields.choice("link", get_args(Link))),
            rssi_dbm=fields.maybe_integer("rssi_dbm", _RSSI_LOW, _RSSI_HIGH),
            battery_pct=fields.maybe_integer("battery_pct", 0, 100),
            note=fields.text("note"),
        )


@dataclass(frozen=True, slots=True)
class EdgeStatus:
    """The state of an edge: retained on `state`; its will is the same with online false."""

    edge: str
    boot: int
    online: bool
    mono_us: int
    wall_us: int | None
    outbox: OutboxCounts
    devices: tuple[DeviceStatus, ...]

    def to_json(self) -> bytes:
        """The payload."""
        return dump(
            {
                "edge": self.edge,
                "boot": boot_text(self.boot),
                "online": self.online,
                "mono_us": self.mono_us,
                "wall_us": self.wall_us,
                "outbox": self.outbox.as_dict(),
                "devices": [device.as_dict() for device in self.devices],
            }
        )

    @classmethod
    def from_json(cls, payload: bytes | str) -> EdgeStatus:
        """From a payload; raises PayloadError."""
        fields = parse_object(payload)
        return cls(
            edge=fields.identifier("edge"),
            boot=fields.boot(),
            online=fields.flag("online"),
            mono_us=fields.integer("mono_us"),
            wall_us=fields.maybe_integer("wall_us"),
            outbox=fields.nested("outbox", OutboxCounts.of),
            devices=fields.objects("devices", DeviceStatus.of),
        )


@dataclass(frozen=True, slots=True)
class ClockAnchor:
    """One instant in both clocks of a boot: the gateway places unsynced frames by it.

    `jump_us` is how far the wall clock was set just before, 0 when it was not.
    """

    boot: int
    mono_us: int
    wall_us: int
    uncertainty_us: int
    clock: ClockState
    jump_us: int = 0

    def to_json(self) -> bytes:
        """The payload; `jump_us` is said only where there was a jump."""
        values: dict[str, object] = {
            "boot": boot_text(self.boot),
            "mono_us": self.mono_us,
            "wall_us": self.wall_us,
            "uncertainty_us": self.uncertainty_us,
            "clock": self.clock.name.lower(),
        }
        return dump(values | {"jump_us": self.jump_us} if self.jump_us else values)

    @classmethod
    def from_json(cls, payload: bytes | str) -> ClockAnchor:
        """From a payload; raises PayloadError."""
        fields = parse_object(payload)
        states = [state.name.lower() for state in ClockState]
        return cls(
            boot=fields.boot(),
            mono_us=fields.integer("mono_us"),
            wall_us=fields.integer("wall_us"),
            uncertainty_us=fields.integer("uncertainty_us", 0, MAX_US),
            clock=ClockState[fields.choice("clock", states).upper()],
            jump_us=fields.integer("jump_us", -MAX_US) if "jump_us" in fields.values else 0,
        )
