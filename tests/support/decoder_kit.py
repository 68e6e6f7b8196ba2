"""Every decoder under one roof, for what throws bytes at them: tests and the fuzzer."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

from edge_parts import ROOT, Hub, SetClock, models
from vointi_contract.codec import decode, encode
from vointi_contract.frame import Batch, ClockState, Frame
from vointi_edge import decoders
from vointi_edge.catalogue import StreamSpec
from vointi_edge.decoders import information, movesense, polar, polar_frames
from vointi_edge.decoders.bthome_sealed import SealedBTHome
from vointi_edge.decoders.service_point import box_line
from vointi_edge.decoders.values import Decoded
from vointi_edge.decoders.waveform import RawFrame
from vointi_edge.sources.ble.raw import raw_reading
from vointi_edge.sources.ports import Context
from vointi_edge.sources.scalars import scalar_reading
from vointi_edge.sources.timeline import Timeline

KEY, ADDRESS = bytes(range(16)), "C0:DE:00:00:01:01"


def with_number(decode: Callable[[bytes, float], Any], number: float) -> Callable[[bytes], Any]:
    return lambda data: decode(data, number)


ALL: dict[str, Callable[[bytes], Any]] = {
    **decoders.GATT,
    **decoders.ADVERTISEMENT,
    **decoders.PMD_VALUES,
    **{name: with_number(decode, 0.01) for name, decode in decoders.PMD.items()},
    **{name: with_number(decode, 52.0) for name, (decode, _) in decoders.GSP.items()},
    "bthome_sealed": lambda data: SealedBTHome(KEY, ADDRESS).decode(data),
    "ppg_samples": polar_frames.ppg_samples,
    "box_line": box_line,
    "pmd_settings": polar.settings,
    "pmd_factor": polar.factor,
    "pmd_answer": polar.answer,
    "gsp_answer": movesense.gsp_answer,
    "device_text": information.device_text,
    "current_time": information.current_time,
    "date_time": information.date_time,
}


def fits_the_wire(spec: StreamSpec, decoded: Decoded | RawFrame) -> None:
    """Whatever a decoder gives must become a frame that the gateway accepts."""
    context = Context(Hub(), SetClock(mono_us=10**12))
    if isinstance(decoded, RawFrame):
        timeline = Timeline(50.0)
        reading = raw_reading(
            context, "d", spec, timeline=timeline, frame=decoded, arrival_us=10**12
        )
    else:
        reading = scalar_reading(context, "d", spec, decoded, 10**12)
    if reading is None:
        return
    frame = Frame(
        *(reading.device, reading.stream, 1, 1, reading.mono_us, reading.wall_us),
        *(ClockState.SYSTEM, 0, reading.rate_hz, reading.dev_ts_ns),
        *(reading.channels, reading.offsets_us, reading.quality),
    )
    assert decode(encode(Batch((frame,)))).frames[0].channels == reading.channels


def captured() -> list[tuple[StreamSpec, bytes]]:
    cases = []
    for model in models().values():
        file = ROOT / "tests" / "captures" / f"{model.model}.toml"
        for capture in tomllib.loads(file.read_text(encoding="utf-8"))["capture"]:
            spec = next(one for one in model.streams if one.id == capture["stream"])
            if "bytes" in capture:
                data = bytes.fromhex(capture["bytes"])[2 if spec.resource else 0 :]
                cases.append((spec, data))
    return cases
