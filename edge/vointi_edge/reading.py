"""What a source hands on: a frame before the outbox has given it boot id and sequence number."""

from __future__ import annotations

from dataclasses import dataclass

from vointi_contract.frame import Channel, Quality


@dataclass(frozen=True, slots=True)
class Reading:
    """What one device said at one moment on one stream.

    `mono_us` and `wall_us` are the time of the first sample: CLOCK_BOOTTIME µs and UTC µs (None
    while the clock is not trusted). `rate_hz` is 0 when samples are not regular, then `offsets_us`
    may give each sample's distance from the first. `dev_ts_ns` is the device's own time of the
    first sample, where it has a clock.
    """

    device: str
    stream: str
    mono_us: int
    wall_us: int | None
    rate_hz: float
    dev_ts_ns: int | None
    channels: tuple[Channel, ...]
    offsets_us: tuple[int, ...] | None = None
    quality: Quality = Quality.OK
