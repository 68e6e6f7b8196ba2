"""Train the compression dictionary v1 on frames that this script makes up.

    python contract/tools/train_dictionary.py [OUT]

The same script, zstd version and seed give the same bytes (a test compares them). Once a release
carries a dictionary it is frozen: better training makes a v2 with a format byte of its own.
Nothing here is anybody's recording: bodies and rooms are sums of a few curves and noise.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import zstandard
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Quality
from vointi_contract.metrics import by_name
from vointi_contract.wire import to_protobuf

SEED = 20_250_101
# Half of it already reaches within 2 %; it must also fit the memory of a small device.
SIZE = 4_096
# Cover parameters of the trainer, segment and d-mer length in bytes; others are within 3 %.
SEGMENT, DMER = 100, 6
SAMPLES = 1_600
OUT = Path(__file__).parents[1] / "vointi_contract" / "dictionary" / "v1.zdict"

# 14-bit converter of a common chest strap: microvolts = trunc(code * 37400 / 16384).
_UV_PER_CODE = 37_400 / 16_384
# (centre in beats, width in beats, share of the R amplitude) of P, Q, R, S, T.
_WAVES = (
    (0.20, 0.025, 0.10),
    (0.36, 0.010, -0.12),
    (0.40, 0.012, 1.00),
    (0.44, 0.011, -0.22),
    (0.70, 0.050, 0.28),
)


class Body:
    """One made-up person and strap, drawn from the generator that is passed in."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.boot = rng.getrandbits(64) | 1
        self.seq = int(10 ** (5 * rng.random())) + 1
        self.mono_us = int(10 ** (7 + 5 * rng.random()))
        self.wall_us = 1_735_700_000_000_000 + int(1e14 * rng.random())
        self.dev_ns = 790_000_000_000_000_000 + int(1e17 * rng.random())
        self.suffix = 1 + int(4 * rng.random())
        self.bpm = 45 + 110 * rng.random()
        self.amplitude = 300 + 1_500 * rng.random()
        self.noise = 2 + 18 * rng.random() ** 2
        self.wander = 250 * rng.random()
        self.phase = rng.random()
        self.fine = rng.random() < 0.8

    def frame(self, device: str, stream: str, rate_hz: float, *channels: Channel) -> Frame:
        """The next reading of a device."""
        rng = self.rng
        self.seq += 1
        self.mono_us += 1_000 + int(400_000 * rng.random())
        self.dev_ns += 1_000_000_000
        raw = rate_hz > 0
        return Frame(
            device=f"{device}-{self.suffix}",
            stream=stream,
            boot=self.boot,
            seq=self.seq,
            mono_us=self.mono_us,
            wall_us=self.wall_us + self.mono_us,
            clock=ClockState.SYSTEM if rng.random() < 0.5 else ClockState.NTP,
            uncertainty_us=0 if rng.random() < 0.5 else int(20_000 * rng.random()),
            rate_hz=round(rate_hz * (1 + 0.0005 * rng.random()), 6),
            dev_ts_ns=self.dev_ns if raw else None,
            channels=channels,
            offsets_us=None,
            quality=Quality.OK,
        )

    def ecg(self, count: int, rate_hz: float) -> Channel:
        """Microvolts, in steps of the converter or of one."""
        step = _UV_PER_CODE if self.fine else 1.0 + 4.0 * self.rng.random()
        values = []
        for index in range(count):
            beat = (self.phase + index * self.bpm / 60 / rate_hz) % 1.0
            value = self.amplitude * sum(
                share * math.exp(-(((beat - centre) / width) ** 2) / 2)
                for centre, width, share in _WAVES
            )
            value += self.wander * math.sin(0.3 * math.tau * index / rate_hz + self.phase)
            value += gauss(self.rng, self.noise)
            values.append(int(round(value / step) * step))
        self.phase = (self.phase + count * self.bpm / 60 / rate_hz) % 1.0
        return channel("ecg", values)

    def acc(self, count: int) -> tuple[Channel, ...]:
        """Three axes in milli-g: gravity, a slow movement, and the sensor's own noise."""
        rng = self.rng
        tilt, turn = math.pi * rng.random(), math.tau * rng.random()
        gravity = (
            1_000 * math.sin(tilt) * math.cos(turn),
            1_000 * math.sin(tilt) * math.sin(turn),
            1_000 * math.cos(tilt),
        )
        activity = 2 + 120 * rng.random() ** 3
        return tuple(
            channel(name, [round(v) for v in drift(rng, base, activity, count)])
            for name, base in zip(("acc_x", "acc_y", "acc_z"), gravity, strict=True)
        )

    def rhythm(self) -> tuple[Channel, ...]:
        """Heart rate and the intervals since the last notification, in 1/1024 s."""
        intervals = [
            round(61_440 / self.bpm + gauss(self.rng, 20))
            for _ in range(1 + (self.rng.random() < self.bpm / 120))
        ]
        return (
            channel("heart_rate", [round(self.bpm)]),
            channel("rr_interval", intervals, 1_000 / 1_024),
        )


def gauss(rng: Random, deviation: float) -> float:
    """Nearly normal noise from the one primitive whose stream Python guarantees."""
    return deviation * (rng.random() + rng.random() + rng.random() + rng.random() - 2) * 3**0.5


def drift(rng: Random, base: float, activity: float, count: int) -> Iterator[float]:
    """An autoregressive walk around a base."""
    slow = 0.0
    for _ in range(count):
        slow = 0.9 * slow + gauss(rng, activity)
        yield base + slow + gauss(rng, 4)


def channel(name: str, values: list[int], scale: float = 1.0) -> Channel:
    """A channel by the metric's name."""
    return Channel(by_name(name).code, np.array(values, np.int32), scale)


def scalar(name: str, low: float, high: float, scale: float = 1.0) -> Callable[[Random], Channel]:
    """A maker of one value of a metric, evenly drawn from a range in its unit."""
    return lambda rng: channel(name, [round((low + (high - low) * rng.random()) / scale)], scale)


# (device, stream, one maker a channel): what comes by itself, one reading a message.
_SCALARS: tuple[tuple[str, str, tuple[Callable[[Random], Channel], ...]], ...] = (
    ("strap", "battery", (scalar("battery_level", 5, 100),)),
    (
        "oximeter",
        "spo2",
        (
            scalar("spo2", 88, 100),
            scalar("pulse_rate", 45, 150),
            scalar("perfusion_index", 0.2, 15, 0.1),
        ),
    ),
    ("thermometer", "temperature", (scalar("body_temperature", 35, 39.5, 0.1),)),
    ("scale", "weight", (scalar("body_weight", 45, 120, 0.005),)),
    (
        "cuff",
        "pressure",
        (
            scalar("bp_systolic", 95, 170),
            scalar("bp_diastolic", 55, 100),
            scalar("bp_mean", 70, 120),
            scalar("pulse_rate", 45, 150),
        ),
    ),
    (
        "room",
        "air",
        (
            scalar("room_temperature", 15, 30, 0.01),
            scalar("room_humidity", 15, 70, 0.01),
            scalar("air_pressure", 970, 1_040, 0.01),
        ),
    ),
    (
        "box",
        "air",
        (
            scalar("co2", 400, 1_800),
            scalar("room_temperature", 15, 30, 0.1),
            scalar("room_humidity", 15, 70, 0.1),
        ),
    ),
    ("box", "people", (scalar("people_in", 0, 300), scalar("people_out", 0, 300))),
    ("box", "feedback", (scalar("feedback", 1, 4),)),
)


def live_second(body: Body) -> Batch:
    """One second of a strap: ECG, acceleration, heart rate."""
    return Batch(
        (
            body.frame("strap", "ecg", 130, body.ecg(130, 130)),
            body.frame("strap", "acc", 52, *body.acc(52)),
            body.frame("strap", "hr", 0, *body.rhythm()),
        )
    )


def ecg_notification(body: Body) -> Batch:
    """What one notification of a strap carries."""
    return Batch((body.frame("strap", "ecg", 130, body.ecg(73, 130)),))


def acc_notification(body: Body) -> Batch:
    """Acceleration of one notification."""
    return Batch((body.frame("strap", "acc", 50, *body.acc(36)),))


def heart_rate(body: Body) -> Batch:
    """One heart-rate notification."""
    return Batch((body.frame("strap", "hr", 0, *body.rhythm()),))


def found_beat(body: Body) -> Batch:
    """A beat that the edge found in the ECG."""
    interval = channel("rr_interval", [round(60_000 / body.bpm + gauss(body.rng, 20))])
    beat = channel("beat", [round(body.amplitude + gauss(body.rng, 30))])
    frame = body.frame("strap", "beats", 0, beat, interval)
    return Batch((with_offsets(frame, (0,)),))


def with_offsets(frame: Frame, offsets_us: tuple[int, ...]) -> Frame:
    """The same frame as an irregular one."""
    return replace(frame, offsets_us=offsets_us)


def single_scalar(body: Body) -> Batch:
    """One reading of anything that sends a few numbers."""
    device, stream, makers = _SCALARS[int(len(_SCALARS) * body.rng.random())]
    return Batch((body.frame(device, stream, 0, *(make(body.rng) for make in makers)),))


# How often each kind is trained on: the bytes of a day are waveforms, the messages are scalars.
_MIX: tuple[tuple[Callable[[Body], Batch], int], ...] = (
    (live_second, 6),
    (ecg_notification, 1),
    (acc_notification, 1),
    (heart_rate, 1),
    (found_beat, 1),
    (single_scalar, 3),
)


def samples(rng: Random, count: int) -> list[bytes | bytearray | memoryview[int]]:
    """Protobuf bytes of made-up batches in the proportions of the mix."""
    kinds = [make for make, share in _MIX for _ in range(share)]
    return [to_protobuf(kinds[index % len(kinds)](Body(rng))) for index in range(count)]


def train() -> bytes:
    """The dictionary."""
    made = samples(Random(SEED), SAMPLES)  # noqa: S311 - reproducible on purpose
    trained = zstandard.train_dictionary(SIZE, made, k=SEGMENT, d=DMER, dict_id=1, level=3)
    return trained.as_bytes()


def main() -> None:
    """Write the dictionary."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    out.write_bytes(train())
    sys.stdout.write(f"{out.name}: {out.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
