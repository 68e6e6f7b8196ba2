"""Small stand-ins that the edge's tests share: a clock that is set, a hub that remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from vointi_contract.codec import encode
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Quality
from vointi_edge.catalogue import Model, load_catalogue
from vointi_edge.outbox.store import Entry
from vointi_edge.reading import Reading

ROOT = Path(__file__).resolve().parents[2]


def models() -> dict[str, Model]:
    return load_catalogue(ROOT / "hardware" / "catalogue")


@dataclass
class SetClock:
    """A clock that stands where the test puts it."""

    mono_us: int = 1_000_000
    wall_offset_us: int | None = 1_700_000_000_000_000
    state: ClockState = ClockState.SYSTEM
    uncertainty_us: int = 1000

    def boottime_us(self) -> int:
        return self.mono_us

    def wall_us(self) -> int | None:
        return None if self.wall_offset_us is None else self.mono_us + self.wall_offset_us

    def wall_offset(self) -> int | None:
        return self.wall_offset_us


@dataclass
class Hub:
    """Remembers everything that sources report."""

    readings: list[Reading] = field(default_factory=list)
    links: list[tuple[str, str, str]] = field(default_factory=list)
    rates: dict[tuple[str, str], float] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    def reading(self, reading: Reading) -> None:
        self.readings.append(reading)

    def link(self, device: str, link: str, note: str = "") -> None:
        if not self.links or self.links[-1] != (device, link, note):
            self.links.append((device, link, note))

    def rssi(self, device: str, dbm: int) -> None:
        self.heard.add(device)

    def rate(self, device: str, stream: str, rate_hz: float) -> None:
        self.rates[device, stream] = rate_hz

    def bad(self, device: str, stream: str, reason: str) -> None:
        self.refused.append((device, stream, reason))

    def of(self, device: str, stream: str) -> list[Reading]:
        return [one for one in self.readings if (one.device, one.stream) == (device, stream)]


def payload(device: str, boot: int, seq: int, values: int = 1) -> bytes:
    channel = Channel(1, np.arange(values, dtype=np.int32))
    frame = Frame(
        device, "ecg", boot, seq, 1000 * seq, None, ClockState.UNSYNCED, 0, 130.0, None,
        (channel,), None, Quality.OK,
    )  # fmt: skip
    return encode(Batch((frame,)))


def entry(device: str = "strap-1", class_: str = "waveform", size: int | None = None) -> Entry:
    """An entry with a real frame, or with `size` bytes where only sizes matter."""
    if size is not None:
        return Entry(device, class_, lambda boot, seq: bytes(size))
    return Entry(device, class_, lambda boot, seq: payload(device, boot, seq))
