"""Small stand-ins that the edge's tests share: a clock that is set, a hub that remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from vointi_contract.codec import encode
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Quality
from vointi_edge.catalogue import Model, load_catalogue
from vointi_edge.decoders.values import channel
from vointi_edge.outbox.store import Entry
from vointi_edge.reading import Reading
from vointi_edge.sources.ble.radio import Radio

ROOT = Path(__file__).resolve().parents[2]
ECG_HZ = 130.045
ECG_FRAME = 73
MONO_US = 9_000_000


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


def ecg(seconds: float, rr_s: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """A simple ECG in µV and the times of its R peaks, s."""
    times = np.arange(round(seconds * ECG_HZ)) / ECG_HZ
    peaks = np.arange(0.5, seconds - 0.3, rr_s)
    signal = np.zeros_like(times)
    for peak in peaks:
        signal += 1000 * np.exp(-(((times - peak) / 0.012) ** 2))
        signal -= 150 * np.exp(-(((times - peak - 0.03) / 0.012) ** 2))
        signal += 180 * np.exp(-(((times - peak - 0.25) / 0.05) ** 2))
    return np.rint(signal).astype(np.int32), peaks


def frames(signal: np.ndarray, skip: tuple[int, ...] = ()) -> list[Reading]:
    """Cut an ECG into a strap's frames; those of `skip` never arrive."""
    made = []
    gap = False
    for number, start in enumerate(range(0, len(signal) - ECG_FRAME + 1, ECG_FRAME)):
        if number in skip:
            gap = True
            continue
        made.append(
            Reading(
                "strap-1", "ecg", MONO_US + round(start / ECG_HZ * 1e6), None, ECG_HZ,
                5_000_000_000 + round(start / ECG_HZ * 1e9),
                (channel("ecg", signal[start : start + ECG_FRAME]),), None,
                Quality.GAP_BEFORE if gap else Quality.OK,
            )
        )  # fmt: skip
        gap = False
    return made


class SilentPort:
    """An adapter that nobody starts."""

    name, scanner, client = "radio 1", None, None

    def admit(self, wanted: object) -> None:
        """Nobody pairs."""


def hear(radio: Radio, device: BLEDevice, advertisement: AdvertisementData) -> None:
    """Let the radio's one adapter hear an advertisement."""
    radio._stations[0]._on_advertisement(device, advertisement)
