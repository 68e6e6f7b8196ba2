"""Whom a fault means: an address, a name, a place, an adapter; unnamed, all of them."""

from __future__ import annotations

from collections.abc import Sequence

from vointi_sim.errors import ArgumentError
from vointi_sim.fault_fields import Fields, number
from vointi_sim.places import Place, SimulatedDevice
from vointi_sim.radio import HciPort


class Targets:
    """The places of a simulation, asked by the fields of a fault. All raise ArgumentError."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = tuple(places)

    def places(self, table: Fields) -> Sequence[Place]:
        """The places meant."""
        name = table.get("place")
        places = [place for place in self._places if name in (None, place.name)]
        if not places:
            known = ", ".join(place.name for place in self._places)
            raise ArgumentError("place", f"{name!r} is unknown", f"use one of {known}")
        return places

    def devices(self, table: Fields) -> Sequence[tuple[Place, SimulatedDevice]]:
        """The devices meant, each with its place."""
        wanted = table.get("device")
        pairs = [(place, device) for place in self.places(table) for device in place.devices]
        meant = [pair for pair in pairs if wanted in (None, pair[1].address, pair[1].name)]
        if not meant:
            known = ", ".join(device.address for _, device in pairs)
            raise ArgumentError("device", f"{wanted!r} is unknown", f"use one of {known}")
        return meant

    def ports(self, table: Fields) -> Sequence[HciPort]:
        """The adapters meant; `adapter` counts from 1 in each place."""
        places = self.places(table)
        most = max(len(place.ports) for place in places)
        if table.get("adapter") is None:
            return [port for place in places for port in place.ports]
        wanted = int(number(table, "adapter", 1, most))
        return [place.ports[wanted - 1] for place in places if len(place.ports) >= wanted]
