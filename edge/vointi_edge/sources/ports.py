"""What a source needs of the rest of the edge; agent.py passes it in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from vointi_edge.catalogue import Model
from vointi_edge.clock import Clock
from vointi_edge.config import DeviceConfig
from vointi_edge.reading import Reading
from vointi_edge.sources.told import Told


class Hub(Protocol):
    """Where sources report to. Every method returns at once."""

    def reading(self, reading: Reading) -> None:
        """Take one reading."""

    def link(self, device: str, link: str, note: str = "") -> None:
        """Note a device's link ("connected", "connecting", "advertising", "lost", "unknown")."""

    def rssi(self, device: str, dbm: int) -> None:
        """Note how strongly a device was heard, dBm."""

    def bad(self, device: str, stream: str, reason: str) -> None:
        """Count a message that cannot be decoded."""

    def rate(self, device: str, stream: str, rate_hz: float) -> None:
        """Note the sampling rate that a device agreed to, Hz."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """One assigned device with its catalogue model."""

    config: DeviceConfig
    model: Model


@dataclass(frozen=True, slots=True)
class Context:
    """What every source is given.

    `counters` outlives links and sources that end and begin again (a pause): the last number of an
    encrypted sensor by its address, of a measurement by "device/stream"; so does `told`, which
    knows a device's stored records.
    """

    hub: Hub
    clock: Clock
    counters: dict[str, int] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
