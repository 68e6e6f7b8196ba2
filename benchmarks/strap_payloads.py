"""What chest straps of several homes send: ECG, acceleration and heart rate of simulated people.

Edges send the packed format; the one before it is there to compare with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import numpy.typing as npt
from vointi_contract.codec import FORMAT_PACKED, encode, join, pack
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Quality
from vointi_contract.metrics import by_name
from vointi_contract.topics import EdgeTopics
from vointi_edge.uplink.live import LiveLane
from vointi_sim.physiology.person import Person

PILOT = "bench"
#: 2026-06-01T00:00:00Z
T0_US = 1_780_272_000_000_000
#: A strap's ECG is a 14-bit code of this many µV (../docs/signals); it says whole µV.
ECG_STEP_UV = 37_400 / 16_384


@dataclass(frozen=True, slots=True)
class Shape:
    """How many samples one frame holds: as a Polar H10 notifies, or a second at a time."""

    name: str
    ecg: int
    ecg_hz: float
    acc: int
    acc_hz: float


NOTIFIED = Shape("frames as a strap notifies them", 73, 130.0, 36, 50.0)
SECONDS = Shape("frames of a second", 130, 130.0, 52, 52.0)


@dataclass(frozen=True, slots=True)
class Strap:
    """One device of one edge."""

    edge: str
    device: str
    seed: int

    @property
    def topics(self) -> EdgeTopics:
        return EdgeTopics(PILOT, self.edge)


@dataclass(frozen=True, slots=True)
class Sent:
    """One message and what it holds."""

    topic: str
    payload: bytes
    frames: int
    values: int


def straps(edges: int, per_edge: int) -> list[Strap]:
    """Straps of `edges` homes."""
    return [
        Strap(f"home-{e}", f"strap-{d}", 100 * e + d)
        for e in range(1, edges + 1)
        for d in range(1, per_edge + 1)
    ]


def frames(strap: Strap, shape: Shape, seconds: float) -> Iterator[Frame]:
    """Everything that one strap says in `seconds`, in the order in which it says it."""
    person = Person(strap.seed)
    made = [*_ecg(strap, person, shape, seconds), *_acc(strap, person, shape, seconds)]
    made += _heart_rate(strap, person, seconds)
    made.sort(key=lambda frame: frame.mono_us)
    seqs = count(1)
    for frame in made:
        yield replace(frame, seq=next(seqs))


def live(every: dict[Strap, list[Frame]]) -> list[Sent]:
    """As edges send live: packed, waveforms with each other; the straps' messages mixed by time."""
    timed = [pair for strap, made in every.items() for pair in _together(strap, made)]
    timed.sort(key=lambda pair: pair[0])
    return [sent for _, sent in timed]


def alone(every: dict[Strap, list[Frame]]) -> list[Sent]:
    """The same in format 0x01, one frame a message."""
    pairs = [(frame.mono_us, strap, frame) for strap, made in every.items() for frame in made]
    pairs.sort(key=lambda pair: pair[0])
    return [
        _sent(strap.topics.live(strap.device), [frame], encode(Batch((frame,))))
        for _, strap, frame in pairs
    ]


def bundles(every: dict[Strap, list[Frame]], size: int) -> list[Sent]:
    """`size` frames a message, packed, as an edge sends what waited."""
    return [
        _sent(strap.topics.backlog(strap.device), part, pack(Batch(tuple(part)), strap.device))
        for strap, made in every.items()
        for part in (made[at : at + size] for at in range(0, len(made), size))
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """A frame as the outbox keeps it: `id` is its place in what the strap said."""

    id: int
    device: str
    payload: bytes
    class_: str


def _together(strap: Strap, made: list[Frame]) -> Iterator[tuple[float, Sent]]:
    """(seconds, message) of one strap: its edge's own lane says what waits for what."""
    lane = LiveLane()
    for place, frame in enumerate(made):
        now_s = frame.mono_us / 1e6
        payload = pack(Batch((frame,)), strap.device)
        row = _Row(place, strap.device, payload, "waveform" if frame.rate_hz else "scalar")
        for rows in [*lane.due(now_s), *lane.offer([row], now_s)]:
            payload = join([row.payload for row in rows], strap.device, FORMAT_PACKED)
            part = [made[row.id] for row in rows]
            yield now_s, _sent(strap.topics.live(strap.device), part, payload)


def _sent(topic: str, made: list[Frame], payload: bytes) -> Sent:
    values = sum(len(channel.values) for frame in made for channel in frame.channels)
    return Sent(topic, payload, len(made), values)


def _ecg(strap: Strap, person: Person, shape: Shape, seconds: float) -> Iterator[Frame]:
    for at in range(0, int(seconds * shape.ecg_hz) - shape.ecg + 1, shape.ecg):
        times_s = np.arange(at, at + shape.ecg) / shape.ecg_hz
        codes = np.rint(person.heart.ecg_uv(times_s, at) / ECG_STEP_UV)
        channel = _channel("ecg", np.rint(codes * ECG_STEP_UV))
        yield _frame(strap, "ecg", times_s[0], shape.ecg_hz, (channel,))


def _acc(strap: Strap, person: Person, shape: Shape, seconds: float) -> Iterator[Frame]:
    for at in range(0, int(seconds * shape.acc_hz) - shape.acc + 1, shape.acc):
        times_s = np.arange(at, at + shape.acc) / shape.acc_hz
        xyz = np.rint(person.motion.acceleration_mg(times_s, at))
        channels = tuple(_channel(f"acc_{axis}", xyz[:, i]) for i, axis in enumerate("xyz"))
        yield _frame(strap, "acc", times_s[0], shape.acc_hz, channels)


def _heart_rate(strap: Strap, person: Person, seconds: float) -> Iterator[Frame]:
    for second in range(1, int(seconds)):
        rate = _channel("heart_rate", np.array([round(person.heart.rate_per_min(second))]))
        beats = person.heart.beats(second - 1, second)
        intervals = np.array([round(beat.rr_s * 1024) for beat in beats])
        channels = (rate, _channel("rr_interval", intervals, 1000 / 1024)) if beats else (rate,)
        yield _frame(strap, "hr", second, 0.0, channels)


def _channel(metric: str, values: npt.NDArray[np.generic], scale: float = 1.0) -> Channel:
    return Channel(by_name(metric).code, values.astype(np.int32), scale)


def _frame(
    strap: Strap, stream: str, at_s: float, rate_hz: float, channels: tuple[Channel, ...]
) -> Frame:
    at_us = round(at_s * 1e6)
    return Frame(
        device=strap.device,
        stream=stream,
        boot=1_000_000_007 * strap.seed,
        seq=1,
        mono_us=5_000_000 + at_us,
        wall_us=T0_US + at_us,
        clock=ClockState.NTP,
        uncertainty_us=2_000,
        rate_hz=rate_hz,
        dev_ts_ns=at_us * 1_000 if rate_hz else None,
        channels=channels,
        offsets_us=None,
        quality=Quality.OK,
    )
