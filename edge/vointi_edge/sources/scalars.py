"""Decoded messages become readings: one time, and only the metrics that the catalogue names."""

from __future__ import annotations

from vointi_contract.frame import Channel, Quality
from vointi_contract.metrics import Kind, by_code, by_name

from vointi_edge.catalogue import StreamSpec
from vointi_edge.clock import wall_at
from vointi_edge.decoders.values import Decoded
from vointi_edge.reading import Reading
from vointi_edge.sources.ports import Context

LATE_S = 60.0  # older than this, a value is no live one


def scalar_reading(
    context: Context, device: str, spec: StreamSpec, decoded: Decoded, mono_us: int
) -> Reading | None:
    """Build the reading of a message that arrived at `mono_us`; None when it holds no value.

    Values outside their metric's range (a heart rate of 0 while the strap looks for one) are no
    measurements: they are left out and the rest is marked NOISY. What was measured a while ago, or
    came as several events, gets the time of its first value.
    """
    codes = {by_name(name).code for name in spec.metrics}
    wanted = [channel for channel in decoded.channels if channel.metric in codes]
    channels = tuple(channel for channel in wanted if _plausible(channel))
    if not channels:
        return None
    quality = decoded.quality if len(channels) == len(wanted) else decoded.quality | Quality.NOISY
    late_us = round(decoded.age_s * 1e6) + (decoded.offsets_us[-1] if decoded.offsets_us else 0)
    mono_us -= late_us
    if decoded.age_s > LATE_S:
        quality |= Quality.LATE
    return Reading(
        device=device,
        stream=spec.id,
        mono_us=max(mono_us, 0),
        wall_us=wall_at(context.clock, mono_us),
        rate_hz=0.0,
        dev_ts_ns=None,
        channels=channels,
        offsets_us=decoded.offsets_us,
        quality=quality,
    )


def _plausible(channel: Channel) -> bool:
    metric = by_code(channel.metric)
    return metric.kind is Kind.WAVEFORM or all(map(metric.accepts, channel.physical()))
