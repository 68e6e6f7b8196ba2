"""Small facts about frames that several parts need."""

from __future__ import annotations

from vointi_contract.frame import Frame


def span_us(frame: Frame) -> int:
    """Microseconds from a frame's first sample to its last, without building the times between."""
    if frame.rate_hz > 0:
        longest = max(len(channel.values) for channel in frame.channels)
        return round((longest - 1) * 1e6 / frame.rate_hz)
    return frame.offsets_us[-1] if frame.offsets_us else 0
