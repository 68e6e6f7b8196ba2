"""Raw samples of a stream become readings: placed on our clock, gaps marked."""

from __future__ import annotations

from vointi_edge.catalogue import StreamSpec
from vointi_edge.clock import wall_at
from vointi_edge.decoders.waveform import RawFrame
from vointi_edge.reading import Reading
from vointi_edge.sources.ports import Context
from vointi_edge.sources.timeline import Timeline


def raw_reading(
    context: Context,
    device: str,
    spec: StreamSpec,
    *,
    timeline: Timeline,
    frame: RawFrame,
    arrival_us: int,
) -> Reading | None:
    """Build the reading of a frame; None for one without samples, or heard before."""
    channels = frame.channels(spec.metrics)
    if not channels or not len(frame.samples):
        return None
    placed = timeline.place(frame.last_ts_ns, len(frame.samples), arrival_us)
    if placed is None:
        return None
    return Reading(
        device=device,
        stream=spec.id,
        mono_us=placed.mono_us,
        wall_us=wall_at(context.clock, placed.mono_us),
        rate_hz=placed.rate_hz,
        dev_ts_ns=placed.dev_ts_ns,
        channels=channels,
        quality=placed.quality,
    )
