"""What a decoder of raw samples returns, and packed integers into arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from vointi_contract.frame import Channel

from vointi_edge.decoders.values import channel
from vointi_edge.errors import DecodeError

# No converter has more bits, and the step between any two such samples still fits 32 bits.
_MOST = 1 << 30


@dataclass(frozen=True, slots=True)
class RawFrame:
    """Regular samples of one message.

    `samples` is int32, shape (n, len(metrics)); physical value = sample × scale, in the metric's
    unit. `last_ts_ns` is the device's own time of the LAST sample. A frame of no samples only
    tells something about the sensor's settings.
    """

    metrics: tuple[str, ...]
    last_ts_ns: int
    samples: np.ndarray
    scales: tuple[float, ...]

    def channels(self, wanted: tuple[str, ...]) -> tuple[Channel, ...]:
        """Return a channel for each of the frame's metrics that is wanted."""
        return tuple(
            channel(metric, self.samples[:, column], self.scales[column])
            for column, metric in enumerate(self.metrics)
            if metric in wanted
        )


def packed_integers(body: bytes, width: int, channels: int, what: str) -> np.ndarray:
    """Read packed little-endian two's-complement integers into (n, channels) int32."""
    if not body or len(body) % (width * channels):
        raise DecodeError(what, f"{len(body)} bytes are no whole number of samples")
    raw = np.zeros((len(body) // width, 4), dtype=np.uint8)
    raw[:, 4 - width :] = np.frombuffer(body, dtype=np.uint8).reshape(-1, width)
    wide = raw.view("<i4")[:, 0] >> (8 * (4 - width))  # arithmetic shift extends the sign
    return bounded(wide.astype(np.int64).reshape(-1, channels), what)


def bounded(values: np.ndarray, what: str) -> np.ndarray:
    """Return whole numbers (int64 or float64) as int32; DecodeError where no sensor gives them."""
    if not np.isfinite(values).all() or (values.size and np.abs(values).max() > _MOST):
        raise DecodeError(what, "holds a value that no sensor measures")
    return values.astype(np.int32)
