"""What tests of the registry share: a registry in a folder, a clock, a pilot of real people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vointi_contract.status import Birth, DeviceInfo, StreamInfo
from vointi_gateway.pilots.consent.state import Kind
from vointi_gateway.pilots.document import Collect, PilotDocument, Site
from vointi_gateway.pilots.registry import Registry

PILOT, EDGE, DEVICE = "pilot-a", "edge-1", "edge-1.strap-1"
ROOM = "edge-1.air-1"
#: 2026-06-01T00:00:00Z
NOW_US = 1_780_272_000_000_000


@dataclass
class Clock:
    us: int = NOW_US

    def now(self) -> int:
        return self.us


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Registry, Clock]]:
    clock = Clock()
    registry = Registry(folder / "data", clock.now)
    registry.open()
    try:
        yield registry, clock
    finally:
        registry.close()


def document(**changes: object) -> PilotDocument:
    values = {
        "id": PILOT,
        "name": "Pilot A",
        "kind": "home",
        "city": "Espoo",
        "dpia": "DPIA-1",
        "site": (Site("home-1", "Home 1", (EDGE,)),),
        "collect": (
            Collect(("heart_rate", "rr_interval"), ("care", "evaluation")),
            Collect(("room_temperature",), ("evaluation",)),
        ),
    }
    return PilotDocument(**values | changes)


def birth() -> Birth:
    strap = DeviceInfo(
        "strap-1",
        "polar-h10",
        "wearable",
        "p-7f3a",
        (
            StreamInfo("ecg", ("ecg",), 130.0, "waveform"),
            StreamInfo("hr", ("heart_rate", "rr_interval"), 0.0, "scalar"),
        ),
    )
    air = StreamInfo("air", ("room_temperature", "room_humidity"), 0.0, "scalar")
    return Birth(
        EDGE,
        7,
        "0.1.0",
        "home-1",
        "home",
        (strap, DeviceInfo("air-1", "ruuvitag", "room", None, (air,))),
    )


def real_pilot(registry: Registry, **changes: object) -> str:
    """A pilot of real people with one participant; its pseudonym."""
    registry.pilots.put(document(**changes), actor="test")
    participant, _code = registry.people.invite(
        PILOT, actor="test", name="Maija Esimerkki", contact="maija@example.org"
    )
    return participant.person


def wearing(registry: Registry, *purposes: str, **changes: object) -> str:
    """The same person, wearing the strap and having agreed to the purposes."""
    person = real_pilot(registry, **changes)
    registry.observe(PILOT, birth())
    registry.lending.lend(DEVICE, PILOT, person, actor="test")
    for purpose in purposes:
        registry.consents.record(PILOT, person, purpose, Kind.GIVEN, actor="test")
    return person
