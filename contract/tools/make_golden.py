"""Add golden payloads that are not there yet; one that is there is never changed.

    python contract/tools/make_golden.py

A change of the contract that would need another golden file for the same meaning is a new version.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import zstandard
from vointi_contract import codec
from vointi_contract import frame_pb2 as pb
from vointi_contract.ack import Watermark, encode_ack
from vointi_contract.command import Command, CommandResult
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Loss, Quality
from vointi_contract.golden.form import batch_form, marks_form
from vointi_contract.metrics import METRICS, by_name
from vointi_contract.policy import EVERY_STREAM, CollectionPolicy, PolicyEntry
from vointi_contract.status import (
    Birth,
    ClockAnchor,
    DeviceInfo,
    DeviceStatus,
    EdgeStatus,
    OutboxCounts,
    StreamInfo,
)

OUT = Path(__file__).parents[1] / "vointi_contract" / "golden"
BOOT = 0x9F3C_51D2_0A4B_77E1
MONO_US = 86_400_123_456
WALL_US = 1_767_225_600_000_000


def channel(name: str, *values: int, scale: float = 1.0, offset: float = 0.0) -> Channel:
    """A channel by the metric's name."""
    return Channel(by_name(name).code, np.array(values, np.int32), scale, offset)


def reading(device: str, stream: str, *channels: Channel, seq: int = 1) -> Frame:
    """A reading that is not regular, at a fixed time; others are made from it by `replace`."""
    return Frame(
        device=device,
        stream=stream,
        boot=BOOT,
        seq=seq,
        mono_us=MONO_US,
        wall_us=WALL_US,
        clock=ClockState.NTP,
        uncertainty_us=1_500,
        rate_hz=0.0,
        dev_ts_ns=None,
        channels=channels,
        offsets_us=None,
        quality=Quality.OK,
    )


def ecg_values(count: int) -> list[int]:
    """A beat in the steps of a 14-bit converter, truncated to whole microvolts as straps do."""
    codes = [
        round(400 * math.exp(-(((i - 30) / 2) ** 2)) + 60 * math.sin(i / 9)) for i in range(count)
    ]
    return [math.trunc(code * 37_400 / 16_384) for code in codes]


def ecg_frame(seq: int = 1) -> Frame:
    """What one notification of a strap carries: 73 samples."""
    frame = reading("strap-1", "ecg", channel("ecg", *ecg_values(73)), seq=seq)
    return replace(frame, rate_hz=130.045, dev_ts_ns=820_454_400_123_456_789)


def acc_frame(seq: int = 2) -> Frame:
    """Three axes at 50 Hz with a gap before."""
    wave = [round(40 * math.sin(i / 5)) for i in range(36)]
    axes = (
        channel("acc_x", *wave),
        channel("acc_y", *(-value for value in wave)),
        channel("acc_z", *(1_000 + value for value in wave)),
    )
    return replace(
        reading("strap-1", "acc", *axes, seq=seq),
        rate_hz=49.993312,
        dev_ts_ns=820_454_400_023_456_789,
        quality=Quality.GAP_BEFORE | Quality.RATE_ESTIMATED,
    )


def hr_frame(seq: int = 3) -> Frame:
    """One heart rate, two intervals in 1/1024 s, contact."""
    return reading(
        "strap-1",
        "hr",
        channel("heart_rate", 72),
        channel("rr_interval", 851, 860, scale=1_000 / 1_024),
        channel("hr_contact", 1),
        seq=seq,
    )


def beats_frame() -> Frame:
    """Three beats; the first has no interval yet."""
    beats = (channel("beat", 912, 905, 930), channel("rr_interval", 833, 841))
    return replace(
        reading("strap-1", "beats", *beats, seq=4),
        offsets_us=(0, 833_000, 1_674_000),
        quality=Quality.LATE,
    )


def extremes() -> Frame:
    """The ends of every field."""
    ends = (-(2**31), -1, 0, 2**31 - 1)
    return Frame(
        device="a" * 63,
        stream="0",
        boot=2**64 - 1,
        seq=2**63 - 1,
        mono_us=2**53 - 1,
        wall_us=0,
        clock=ClockState.RTC,
        uncertainty_us=2**53 - 1,
        rate_hz=1e6,
        dev_ts_ns=-(2**62) + 1,
        channels=(channel("ecg", *ends, scale=-1e-300, offset=1e300),),
        offsets_us=None,
        quality=Quality(2**32 - 1),
    )


def one_of_each() -> Frame:
    """One value of every metric, and of a code that nobody knows yet."""
    channels = tuple(
        Channel(metric.code, np.array([round(metric.low + 1)], np.int32)) for metric in METRICS[:31]
    )
    return reading("box-1", "all", *channels, Channel(4_000_000, np.array([7], np.int32)))


def unsynced() -> Frame:
    """A reading before the wall clock was known."""
    frame = reading("thermometer-1", "temperature", channel("body_temperature", 366, scale=0.1))
    return replace(frame, wall_us=None, clock=ClockState.UNSYNCED, uncertainty_us=0)


def room_air() -> Frame:
    """What a RuuviTag says, with the resolutions of its format 5."""
    return reading(
        "ruuvi-1",
        "air",
        channel("room_temperature", 4_321, scale=0.005),
        channel("room_humidity", 16_400, scale=0.0025),
        channel("air_pressure", 51_325, scale=0.01, offset=500),
    )


def oximeter() -> Frame:
    """A spot check, trusted by configuration."""
    channels = (channel("spo2", 97), channel("pulse_rate", 68), channel("perfusion_index", 421))
    scaled = (*channels[:2], replace(channels[2], scale=0.01))
    return replace(reading("oximeter-1", "spo2", *scaled), clock=ClockState.SYSTEM)


def backlog() -> Batch:
    """Readings of two boots and three streams, and what was lost between."""
    second = tuple(
        replace(frame, mono_us=MONO_US + 1_000_000 * i + 1_000 * j, wall_us=WALL_US + 1_000_000 * i)
        for i in range(4)
        for j, frame in enumerate((ecg_frame(3 * i + 1), acc_frame(3 * i + 2), hr_frame(3 * i + 3)))
    )
    reborn = replace(hr_frame(1), boot=BOOT + 1, mono_us=5_000_000, wall_us=None)
    return Batch((*second, reborn), (Loss("strap-1", BOOT, 13, 400, "outbox full"),))


def bundle() -> Batch:
    """Three notifications of one stream: only times and samples are said again."""
    return Batch(
        tuple(
            replace(ecg_frame(i + 1), mono_us=MONO_US + 561_000 * i, wall_us=WALL_US + 561_000 * i)
            for i in range(3)
        )
    )


BATCHES: dict[str, Callable[[], Batch]] = {
    "ecg": lambda: Batch((ecg_frame(),)),
    "acc": lambda: Batch((acc_frame(),)),
    "heart_rate": lambda: Batch((hr_frame(),)),
    "beats": lambda: Batch((beats_frame(),)),
    "live_second": lambda: Batch((ecg_frame(), acc_frame(), hr_frame())),
    "extremes": lambda: Batch((extremes(),)),
    "one_of_each": lambda: Batch((one_of_each(),)),
    "unsynced": lambda: Batch((unsynced(),)),
    "room_air": lambda: Batch((room_air(),)),
    "oximeter": lambda: Batch((oximeter(),)),
    "backlog": backlog,
    "bundle": bundle,
    "loss_alone": lambda: Batch((), (Loss("strap-1", BOOT, 1, 2**63 - 1, "disk full"),)),
}

ACKS: dict[str, tuple[Watermark, ...]] = {
    "nothing_yet": (),
    "one": (Watermark("strap-1", BOOT, 0),),
    "gaps": (
        Watermark("strap-1", BOOT, 1_000, ((1, 1), (17, 19), (1_000, 1_000))),
        Watermark("box-1", 2**64 - 1, 2**63 - 1),
    ),
}

TEXTS: dict[str, bytes] = {
    "birth": Birth(
        edge="home-1",
        boot=BOOT,
        version="0.1.0",
        site="home-1",
        role="home",
        devices=(
            DeviceInfo(
                device="strap-1",
                model="polar-h10",
                kind="wearable",
                person="p-7f3a",
                streams=(
                    StreamInfo("ecg", ("ecg",), 130.0, "waveform"),
                    StreamInfo("hr", ("heart_rate", "rr_interval"), 0.0, "scalar"),
                ),
            ),
            DeviceInfo("box-1", "vointi-service-point", "service_point", None, ()),
        ),
    ).to_json(),
    "status": EdgeStatus(
        edge="home-1",
        boot=BOOT,
        online=True,
        mono_us=MONO_US,
        wall_us=WALL_US,
        outbox=OutboxCounts(accepted=120, pending=7, committed=110, lost=3),
        devices=(
            DeviceStatus("strap-1", "connected", -61, 88),
            DeviceStatus("box-1", "lost", None, None, "no line for 30 s; check the cable"),
        ),
    ).to_json(),
    "clock": ClockAnchor(BOOT, MONO_US, WALL_US, 1_500, ClockState.NTP).to_json(),
    "policy": CollectionPolicy(
        edge="home-1",
        pilot="demo-home",
        version=3,
        issued_us=WALL_US,
        entries=(
            PolicyEntry("ruuvi-1", EVERY_STREAM),
            PolicyEntry("strap-1", ("ecg", "hr", "beats"), "features"),
            PolicyEntry("scale-1", ("weight",), "both", paused=True),
        ),
    ).to_json(),
    "command": Command("home-1", 7, WALL_US, "rate_cap", {"bytes_per_s": 4_000}).to_json(),
    "result": CommandResult(
        "home-1", 7, "rate_cap", "refused", "number: 7 is not above 9, the last one taken"
    ).to_json(),
}


def broken() -> Iterator[tuple[str, str, bytes]]:
    """(name, field, payload) of what must be refused."""
    good = codec.encode(Batch((ecg_frame(),)))
    message = codec.decompress(good)
    yield "empty", "format", b""
    yield "other_format", "format", b"\x7f" + good[1:]
    yield "json", "format", b'{"heart_rate": 72}'
    yield "truncated", "compression", good[:-5]
    yield "trailing", "compression", good + b"\x00"
    yield "no_zstd", "compression", b"\x01" + bytes(range(40))
    yield "bomb", "compression", b"\x01" + _zstd(bytes(8_000_000))
    yield "stated_size", "compression", b"\x01" + _zstd(bytes(8_000_000), write_content_size=True)
    yield "no_protobuf", "batch", codec.compress(b"\xff" * 40)
    yield "no_utf8", "batch", codec.compress(message.replace(b"strap-1", b"strap\xff1"))
    yield "schema_2", "schema", codec.compress(message.replace(b"\x08\x01", b"\x08\x02", 1))
    yield "nothing_in_it", "frames", codec.compress(pb.Batch(schema=1).SerializeToString())
    for name, field, spoil in SPOILS:
        batch = pb.Batch.FromString(message)
        spoil(batch.frames[0])
        yield name, field, codec.compress(batch.SerializeToString())


def _zstd(data: bytes, *, write_content_size: bool = False) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=write_content_size
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _set(**fields: object) -> Callable[[pb.Frame], None]:
    def spoil(frame: pb.Frame) -> None:
        for name, value in fields.items():
            setattr(frame, name, value)

    return spoil


def _second_channel(frame: pb.Frame) -> None:
    frame.channels.add(metric=2, deltas=[1, 2, 3])


def _twice(frame: pb.Frame) -> None:
    frame.channels.append(frame.channels[0])


def _overflow(frame: pb.Frame) -> None:
    frame.channels[0].deltas[:] = [2**31 - 1, 1]


def _no_values(frame: pb.Frame) -> None:
    del frame.channels[0].deltas[:]


def _falling(frame: pb.Frame) -> None:
    frame.rate_uhz = 0
    frame.offsets_us.extend([0, 5, -1])


SPOILS: tuple[tuple[str, str, Callable[[pb.Frame], None]], ...] = (
    ("bad_device", "frames[0].device", _set(device="Strap 1")),
    ("no_boot", "frames[0].boot", _set(boot=0)),
    ("no_seq", "frames[0].seq", _set(seq=0)),
    ("negative_seq", "frames[0].seq", _set(seq=-1)),
    ("negative_time", "frames[0].mono_us", _set(mono_us=-1)),
    ("late_time", "frames[0].mono_us", _set(mono_us=2**60)),
    ("bad_wall", "frames[0].wall_us", _set(wall_offset_us=-(2**60))),
    ("bad_clock", "frames[0].clock", _set(clock=4)),
    ("bad_rate", "frames[0].rate_uhz", _set(rate_uhz=2**63)),
    ("bad_device_time", "frames[0].dev_ts_ns", _set(dev_ts_ns=-(2**63))),
    ("no_channel", "frames[0].channels", lambda frame: frame.ClearField("channels")),
    ("channel_twice", "frames[0].channels", _twice),
    ("unequal", "frames[0].channels[1].values", _second_channel),
    ("overflow", "frames[0].channels[0].values[1]", _overflow),
    ("no_values", "frames[0].channels[0].values", _no_values),
    ("no_metric", "frames[0].channels[0].metric", lambda f: f.channels[0].ClearField("metric")),
    ("nan_scale", "frames[0].channels[0].scale", lambda f: _scale(f, math.nan)),
    ("infinite_scale", "frames[0].channels[0].scale", lambda f: _scale(f, math.inf)),
    ("falling_offsets", "frames[0].offsets_us", _falling),
)


def _scale(frame: pb.Frame, scale: float) -> None:
    frame.channels[0].scale = scale


def broken_packed() -> Iterator[tuple[str, str, bytes]]:
    """(name, field, payload) of packed payloads that must be refused, whatever their topic."""
    frame = ecg_frame()
    good = codec.pack(Batch((frame,)), "")
    yield "packed_nothing", "frames", b"\x02"
    yield "packed_no_device", "frames[0].device", codec.pack(Batch((frame,)), frame.device)
    yield "packed_truncated", "frames[0].channels[0].values", good[:-5]
    yield "packed_trailing", "payload", good + codec.pack(Batch((hr_frame(),)), "")[1:9]
    yield "packed_wall_twice", "frames[0].wall_us", good[:1] + bytes((good[1] | 16,)) + good[2:]
    yield "packed_stream", "frames[0].stream", good[:2] + b"\x7f" + good[3:]


def files() -> Iterator[tuple[str, bytes]]:
    """(path below the folder of all versions, content) of every golden file."""
    for name, make in BATCHES.items():
        batch = make()
        yield f"v1/batch/{name}.bin", codec.encode(batch)
        yield f"v1/batch/{name}.json", _json(batch_form(batch))
        if not batch.losses:
            packed = codec.pack(batch, batch.frames[0].device)
            yield f"v2/packed/{name}.bin", packed
            yield f"v2/packed/{name}.json", _json(batch_form(batch))
    for name, marks in ACKS.items():
        yield f"v1/ack/{name}.bin", encode_ack(marks)
        yield f"v1/ack/{name}.json", _json(marks_form(marks))
    marks = ACKS["gaps"]
    yield "v2/ack/reads_packed.bin", encode_ack(marks, codec.FORMAT_PACKED)
    meaning = {"reads": codec.FORMAT_PACKED, "marks": marks_form(marks)}
    yield "v2/ack/reads_packed.json", _json(meaning)
    for version, cases in (("v1", broken()), ("v2", broken_packed())):
        for name, field, payload in cases:
            yield f"{version}/malformed/{name}.bin", payload
            yield f"{version}/malformed/{name}.json", _json({"field": field})
    for name, text in TEXTS.items():
        yield f"v1/text/{name}.json", text


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode()


def main() -> None:
    """Write what is missing."""
    for path, content in files():
        target = OUT / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            sys.stdout.write(f"new: {path} ({len(content)} bytes)\n")


if __name__ == "__main__":
    main()
