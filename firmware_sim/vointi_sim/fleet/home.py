"""One home of the fleet: what its edge would say, what it still keeps, and what the gateway has.

Nothing here knows MQTT. The outbox is a dictionary: what waits does not survive the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from vointi_contract.ack import Watermark
from vointi_contract.codec import encode
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Loss, Quality
from vointi_contract.metrics import by_name
from vointi_contract.status import (
    Birth,
    DeviceInfo,
    DeviceStatus,
    EdgeStatus,
    OutboxCounts,
    StreamInfo,
)
from vointi_contract.topics import EdgeTopics

from vointi_sim.physiology import Person
from vointi_sim.wearables.sources import PersonEcg

STRAP, ROOM = "strap-1", "room-1"
# What an H10 puts into one notification.
_ECG_SAMPLES: Final = 73
_RATE_PERIOD_S: Final = 1.0
_AIR_PERIOD_S: Final = 10.0
# About half an hour of one home; what is older is given up as an edge's outbox does, by name.
KEPT_AT_MOST: Final = 5_000
_ECG, _RATE, _RR = (by_name(name).code for name in ("ecg", "heart_rate", "rr_interval"))
_WARM, _HUMID = (by_name(name).code for name in ("room_temperature", "room_humidity"))


@dataclass(frozen=True, slots=True)
class Said:
    """One reading on its way: device, number, payload."""

    device: str
    seq: int
    payload: bytes


class FleetHome:
    """A strap with ECG and heart rate, and a room sensor.

    Time is in seconds since the fleet began; `wall_us` is UTC µs of that moment.
    """

    def __init__(self, pilot: str, edge: str, boot: int, person: Person, wall_us: int) -> None:
        self.edge = edge
        self.topics = EdgeTopics(pilot, edge)
        self.accepted = self.committed = self.lost = 0
        self.losses: list[Loss] = []
        self._boot, self._wall_us = boot, wall_us
        self._person = person
        self._ecg = PersonEcg(person)
        self._sample = 1
        self._next_rate_s = _RATE_PERIOD_S
        self._next_air_s = _AIR_PERIOD_S / 2
        self._seqs = {STRAP: 0, ROOM: 0}
        self._kept: dict[tuple[str, int], bytes] = {}

    @property
    def pending(self) -> int:
        """Readings that the gateway does not hold yet."""
        return len(self._kept)

    def begin(self, now_s: float) -> None:
        """Be switched on now: nothing was measured before."""
        self._sample = int(now_s * self._ecg.true_hz) + 1
        self._next_rate_s = now_s + _RATE_PERIOD_S
        self._next_air_s = now_s + _AIR_PERIOD_S / 2

    def due(self, now_s: float) -> Iterator[Said]:
        """What was measured until now and was not told yet."""
        while (last_s := (self._sample + _ECG_SAMPLES - 1) / self._ecg.true_hz) <= now_s:
            first_s = last_s - (_ECG_SAMPLES - 1) / self._ecg.true_hz
            samples = self._ecg.read(self._sample, _ECG_SAMPLES)
            self._sample += _ECG_SAMPLES
            yield self._say(STRAP, "ecg", first_s, self._ecg.true_hz, (Channel(_ECG, samples),))
        while self._next_rate_s <= now_s:
            yield self._say(STRAP, "hr", self._next_rate_s, 0.0, self._rate(self._next_rate_s))
            self._next_rate_s += _RATE_PERIOD_S
        while self._next_air_s <= now_s:
            yield self._say(ROOM, "air", self._next_air_s, 0.0, self._air(self._next_air_s))
            self._next_air_s += _AIR_PERIOD_S

    def kept(self) -> list[Said]:
        """Everything that waits, oldest first: for a new connection."""
        return [Said(device, seq, payload) for (device, seq), payload in self._kept.items()]

    def acknowledged(self, marks: Sequence[Watermark]) -> None:
        """Let go of what the gateway holds."""
        for mark in marks:
            if mark.boot != self._boot:
                continue
            held = [key for key in self._kept if key[0] == mark.device and mark.covers(key[1])]
            for key in held:
                del self._kept[key]
            self.committed += len(held)
            self.losses = [one for one in self.losses if not _settled(one, mark)]

    def birth(self) -> bytes:
        """The retained birth certificate."""
        strap = DeviceInfo(
            STRAP, "polar-h10", "wearable", None,
            (StreamInfo("ecg", ("ecg",), 130.0, "waveform"),
             StreamInfo("hr", ("heart_rate", "rr_interval"), 0.0, "scalar")),
        )  # fmt: skip
        air = StreamInfo("air", ("room_temperature", "room_humidity"), 0.0, "scalar")
        room = DeviceInfo(ROOM, "ruuvitag", "room", None, (air,))
        return Birth(self.edge, self._boot, "fleet", self.edge, "home", (strap, room)).to_json()

    def state(self, now_s: float, *, online: bool = True) -> bytes:
        """The retained state, and the will."""
        counts = OutboxCounts(self.accepted, self.pending, self.committed, self.lost)
        link = "connected" if online else "unknown"
        devices = tuple(DeviceStatus(one, link, -60, 90) for one in (STRAP, ROOM))  # type: ignore[arg-type]
        mono_us = round(now_s * 1e6)
        return EdgeStatus(
            self.edge, self._boot, online, mono_us, self._wall_us + mono_us, counts, devices
        ).to_json()

    def lost_payload(self) -> bytes | None:
        """What tells the gateway of losses; None where there are none."""
        return encode(Batch((), tuple(self.losses))) if self.losses else None

    def _rate(self, at_s: float) -> tuple[Channel, ...]:
        heart = self._person.heart
        rate = Channel(_RATE, np.array([round(heart.rate_per_min(at_s))], np.int32))
        beats = heart.beats(at_s - _RATE_PERIOD_S, at_s)
        if not beats:
            return (rate,)
        return rate, Channel(_RR, np.array([round(one.rr_s * 1000) for one in beats], np.int32))

    def _air(self, at_s: float) -> tuple[Channel, ...]:
        warm = 21.0 + 0.5 * np.sin(at_s / 900)
        humid = 40.0 + 3.0 * np.sin(at_s / 1500)
        return (
            Channel(_WARM, np.array([round(warm * 100)], np.int32), 0.01),
            Channel(_HUMID, np.array([round(humid * 100)], np.int32), 0.01),
        )

    def _say(
        self,
        device: str,
        stream: str,
        first_s: float,
        rate_hz: float,
        channels: tuple[Channel, ...],
    ) -> Said:
        self._seqs[device] += 1
        seq, mono_us = self._seqs[device], round(first_s * 1e6)
        frame = Frame(
            device, stream, self._boot, seq, mono_us, self._wall_us + mono_us,
            ClockState.SYSTEM, 1_000, rate_hz, None, channels, None, Quality.OK,
        )  # fmt: skip
        payload = encode(Batch((frame,)))
        self.accepted += 1
        self._kept[device, seq] = payload
        if len(self._kept) > KEPT_AT_MOST:
            self._give_up(*next(iter(self._kept)))
        return Said(device, seq, payload)

    def _give_up(self, device: str, seq: int) -> None:
        """The oldest reading goes, and is reported as lost."""
        del self._kept[device, seq]
        self.lost += 1
        for at, loss in enumerate(self.losses):
            if loss.device == device and loss.last_seq == seq - 1:
                self.losses[at] = Loss(device, self._boot, loss.first_seq, seq, loss.reason)
                return
        self.losses.append(Loss(device, self._boot, seq, seq, "outbox full"))


def _settled(loss: Loss, mark: Watermark) -> bool:
    same = (loss.device, loss.boot) == (mark.device, mark.boot)
    return same and mark.covers(loss.first_seq) and mark.covers(loss.last_seq)
