"""The simulated home: one person and what they wear."""

from __future__ import annotations

from collections.abc import Sequence

from vointi_sim.clock import Clock
from vointi_sim.physiology import Person
from vointi_sim.radio import HciPort, Radio
from vointi_sim.wearables.sources import PersonEcg
from vointi_sim.wearables.strap import Strap
from vointi_sim.wearables.wearable import Wearable

STRAP = "C0:DE:00:00:00:01"


class Place:
    """One radio, its adapter port and the devices within its range."""

    def __init__(self, name: str, radio: Radio, port: HciPort, devices: Sequence[Wearable]) -> None:
        self.name = name
        self.radio = radio
        self.port = port
        self.devices = tuple(devices)

    async def start(self, host: str, port: int, field: str) -> None:
        """Switch the devices on and listen. Raises ListenError."""
        await self.port.start(host, port, field)
        for device in self.devices:
            await device.start()

    async def stop(self) -> None:
        """Switch everything off."""
        for device in self.devices:
            await device.stop()
        await self.port.stop()


def home(clock: Clock, seed: int) -> Place:
    """The home of the demo."""
    radio = Radio(seed)
    port = HciPort(radio, "home", "B8:27:EB:00:00:01")
    person = Person(seed)
    strap = Strap(
        radio, clock, STRAP, ecg=PersonEcg(person), person=person, ready_to_send=port.drained
    )
    return Place("home", radio, port, [strap])
