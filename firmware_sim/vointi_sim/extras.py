"""Devices that a scenario adds to the demo's own.

    [[device]]
    kind = "ruuvi-air"
    place = "home"
    address = "C0:DE:00:00:00:11"

`kind` is one of `KINDS`; an encrypted sensor also has `key`, 32 hex digits. A cuff that pairs may
have `bonds`, the file that its memory of whom it paired with is kept in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vointi_sim.errors import ArgumentError

if TYPE_CHECKING:
    from vointi_sim.clock import Clock
    from vointi_sim.physiology import Person
    from vointi_sim.places import SimulatedDevice
    from vointi_sim.radio import Radio
    from vointi_sim.service_point.room import Room

PLACES = ("home", "service_point")
_PERSONAL = (
    *("body-scale", "arm-band", "chest-sensor", "strap"),
    *("memory-cuff", "memory-scale", "glucose-meter", "bonding-cuff"),
)
_ROOM = ("environment", "ruuvi-air", "bthome-sealed")
KINDS = (*_PERSONAL, *_ROOM)
_KEYS = ("kind", "place", "address", "key", "bonds")
_ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")


@dataclass(frozen=True, slots=True)
class Extra:
    """One added device; `key` is empty unless it encrypts, `bonds` None unless it pairs."""

    kind: str
    place: str
    address: str
    key: bytes
    bonds: Path | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What devices of a place are in: its radio, its clock, its air, and who lives there."""

    radio: Radio
    clock: Clock
    room: Room
    person: Person | None = None


def parse(table: Mapping[str, Any]) -> Extra:
    """Check one `[[device]]` table. Raises ArgumentError."""
    for key in table:
        if key not in _KEYS:
            raise ArgumentError(key, "is unknown in a device", f"use {', '.join(_KEYS)}")
    kind = _choice(table, "kind", KINDS)
    place = _choice(table, "place", PLACES)
    if kind in _PERSONAL and place != "home":
        raise ArgumentError("place", f"a {kind} belongs to a person", 'use "home"')
    address = str(table.get("address", ""))
    if not _ADDRESS.fullmatch(address):
        raise ArgumentError("address", f"{address!r} is wrong", "write C0:DE:00:00:00:11")
    text = str(table.get("key", ""))
    if not re.fullmatch(r"[0-9a-fA-F]{32}" if kind == "bthome-sealed" else "", text):
        raise ArgumentError("key", "is wrong", "give 32 hex digits to bthome-sealed alone")
    bonds = table.get("bonds")
    if bonds is not None and (kind != "bonding-cuff" or not isinstance(bonds, str)):
        raise ArgumentError("bonds", "is wrong", "give the path of a file to a bonding-cuff alone")
    return Extra(kind, place, address, bytes.fromhex(text), Path(bonds) if bonds else None)


def build(extras: Sequence[Extra], place: str, surroundings: Surroundings) -> list[SimulatedDevice]:
    """Make the devices that belong to a place."""
    return [_build(extra, surroundings) for extra in extras if extra.place == place]


def _build(extra: Extra, here: Surroundings) -> SimulatedDevice:
    from vointi_sim.wearables.band import Band
    from vointi_sim.wearables.bonding import bonding_cuff
    from vointi_sim.wearables.chest_sensor import ChestSensor
    from vointi_sim.wearables.memory import GlucoseMeter, memory_cuff, memory_scale
    from vointi_sim.wearables.meters import body_scale
    from vointi_sim.wearables.room_sensors import EnvironmentSensor, ruuvi_air, sealed_bthome

    radio, clock, room, address = here.radio, here.clock, here.room, extra.address
    makers: dict[str, Callable[[], SimulatedDevice]] = {
        "environment": lambda: EnvironmentSensor(radio, clock, address, room),
        "ruuvi-air": lambda: ruuvi_air(radio, clock, address, room),
        "bthome-sealed": lambda: sealed_bthome(radio, clock, address, room, extra.key),
    }
    person = here.person
    if person is not None:
        makers["body-scale"] = lambda: body_scale(radio, clock, address, person)
        makers["arm-band"] = lambda: Band(radio, clock, address, person)
        makers["chest-sensor"] = lambda: ChestSensor(radio, clock, address, person)
        makers["memory-cuff"] = lambda: memory_cuff(radio, clock, address, person)
        makers["memory-scale"] = lambda: memory_scale(radio, clock, address, person)
        makers["glucose-meter"] = lambda: GlucoseMeter(radio, clock, address)
        makers["bonding-cuff"] = lambda: bonding_cuff(radio, clock, address, person, extra.bonds)
        makers["strap"] = lambda: _strap(here, address, person)
    return makers[extra.kind]()


def _strap(here: Surroundings, address: str, person: Person) -> SimulatedDevice:
    """A second chest strap on the same person."""
    from vointi_sim.wearables.sources import PersonEcg
    from vointi_sim.wearables.strap import Strap

    async def at_once() -> None:
        """Nobody waits for a slow reader: a heart does not."""

    ecg, motion = PersonEcg(person), person.motion
    return Strap(
        here.radio, here.clock, address,
        ecg=ecg, rhythm=person.heart, motion=motion, ready_to_send=at_once,
    )  # fmt: skip


def _choice(table: Mapping[str, Any], key: str, allowed: Sequence[str]) -> str:
    value = table.get(key)
    if value not in allowed:
        raise ArgumentError(key, f"{value!r} is wrong", f"use one of {', '.join(allowed)}")
    return str(value)
