"""The places of the demo, composed: a home and a service point."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from vointi_sim.clock import Clock
from vointi_sim.extras import Extra, Surroundings, build
from vointi_sim.physiology import Person
from vointi_sim.radio import HciPort, Radio
from vointi_sim.service_point.box import Box
from vointi_sim.service_point.room import Room, RoomSize
from vointi_sim.service_point.tty import SerialLine
from vointi_sim.service_point.visitors import Visitors
from vointi_sim.wearables.beacons import bthome_sensor, ruuvitag
from vointi_sim.wearables.meters import cuff, oximeter, scale, thermometer
from vointi_sim.wearables.mischief import Mischief
from vointi_sim.wearables.sources import PersonEcg
from vointi_sim.wearables.strap import Strap

STRAP = "C0:DE:00:00:00:01"
OXIMETER = "C0:DE:00:00:00:02"
THERMOMETER = "C0:DE:00:00:00:03"
SCALE = "C0:DE:00:00:00:04"
CUFF = "C0:DE:00:00:00:05"
HOME_RUUVITAG = "C0:DE:00:00:00:06"
POINT_BTHOME = "C0:DE:00:00:01:01"
POINT_RUUVITAG = "C0:DE:00:00:01:02"

# A living room with a window ajar, and a public office with mechanical ventilation.
_HOME_ROOM = RoomSize(volume_m3=55.0, changes_per_h=0.9)
_POINT_ROOM = RoomSize(volume_m3=140.0, changes_per_h=2.5)


class SimulatedDevice(Protocol):
    """What faults and statistics need to know of a device."""

    sent: int
    mischief: Mischief

    @property
    def on(self) -> bool:
        """Whether it has power."""

    @property
    def address(self) -> str:
        """As `C0:DE:00:00:00:01`."""

    @property
    def name(self) -> str:
        """The advertised name, or what it would be."""

    @property
    def battery_pct(self) -> int:
        """State of charge in %."""

    @property
    def connected(self) -> bool:
        """Whether a central holds a link."""

    async def start(self) -> None:
        """Switch on."""

    async def stop(self) -> None:
        """Switch off."""

    async def set_battery(self, percent: int) -> None:
        """Set the state of charge."""

    def drop(self, reason: int) -> int:
        """Lose every link at both ends; returns how many there were."""


class Place:
    """One radio, its adapter port and the devices within its range."""

    def __init__(
        self,
        name: str,
        radio: Radio,
        port: HciPort,
        devices: Sequence[SimulatedDevice],
        box: Box | None = None,
    ) -> None:
        self.name = name
        self.radio = radio
        self.port = port
        self.ports = [port]
        self.devices = tuple(devices)
        self.box = box

    def add_port(self, public_address: str) -> HciPort:
        """A further adapter within range of the same devices; it is started by its user."""
        port = HciPort(self.radio, f"{self.name}_{len(self.ports) + 1}", public_address)
        self.ports.append(port)
        return port

    async def start(self, host: str, port: int, field: str) -> None:
        """Listen, then switch the devices on. Raises ListenError."""
        await self.port.start(host, port, field)
        await self.switch_on()

    async def switch_on(self) -> None:
        """Switch the devices on, whether or not anybody listens."""
        if self.box is not None:
            self.box.cable.open("--box")
            await self.box.start()
        for device in self.devices:
            await device.start()

    async def stop(self) -> None:
        """Switch everything off; nothing is left behind."""
        await asyncio.gather(*(device.stop() for device in self.devices))
        if self.box is not None:
            await self.box.stop()
        for port in self.ports:
            await port.stop()


def home(clock: Clock, seed: int, extras: Sequence[Extra] = ()) -> Place:
    """The home: one person with five wearables, and a RuuviTag in the living room."""
    radio = Radio(seed)
    port = HciPort(radio, "home", "B8:27:EB:00:00:01")
    person = Person(seed)
    room = Room(seed, _HOME_ROOM, lambda _at_s: 1)
    strap = Strap(
        radio,
        clock,
        STRAP,
        ecg=PersonEcg(person),
        rhythm=person.heart,
        motion=person.motion,
        ready_to_send=port.drained,
    )
    devices: list[SimulatedDevice] = [
        strap,
        oximeter(radio, clock, OXIMETER, person),
        thermometer(radio, clock, THERMOMETER, person),
        scale(radio, clock, SCALE, person),
        cuff(radio, clock, CUFF, person),
        ruuvitag(radio, clock, HOME_RUUVITAG, room),
        *build(extras, "home", Surroundings(radio, clock, room, person)),
    ]
    return Place("home", radio, port, devices)


def service_point(clock: Clock, seed: int, box: Path | None, extras: Sequence[Extra] = ()) -> Place:
    """The service point: visitors, their air, two room sensors and, at `box`, the box."""
    # Another seed than the home's, or the two rooms would have the same weather noise.
    seed += 1_000_003
    radio = Radio(seed)
    port = HciPort(radio, "service_point", "B8:27:EB:00:00:02")
    visitors = Visitors(seed)
    room = Room(seed, _POINT_ROOM, visitors.present)
    devices: list[SimulatedDevice] = [
        bthome_sensor(radio, clock, POINT_BTHOME, room),
        ruuvitag(radio, clock, POINT_RUUVITAG, room),
        *build(extras, "service_point", Surroundings(radio, clock, room)),
    ]
    boxed = Box(SerialLine(box), clock, seed, visitors, room) if box is not None else None
    return Place("service_point", radio, port, devices, boxed)
