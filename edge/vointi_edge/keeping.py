"""From a reading to an entry of the outbox: what is agreed to, as a frame, in its class."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from vointi_contract.codec import pack
from vointi_contract.frame import Batch, ClockState, Frame

from vointi_edge.catalogue import Model
from vointi_edge.clock import Clock
from vointi_edge.keeper import PolicyKeeper
from vointi_edge.outbox.store import Entry
from vointi_edge.outbox.writer import OutboxWriter
from vointi_edge.reading import Reading

# A stream that the catalogue does not name cannot be agreed by class; it is kept like a scalar.
_UNKNOWN = ("scalar", "scalar")


class Keeping:
    """Hands readings to the outbox's writer; returns at once.

    What one message of a device gave goes there together, when the message has been dealt with:
    until then the writer's thread and this one would only wait for each other.
    """

    def __init__(
        self, models: Mapping[str, Model], keeper: PolicyKeeper, clock: Clock, writer: OutboxWriter
    ) -> None:
        self._classes = _stream_classes(models)
        self._keeper = keeper
        self._clock = clock
        self._writer = writer
        self._kept: list[Entry] = []

    def keep(self, reading: Reading) -> None:
        """Offer a reading to the outbox, unless the policy does not collect its stream."""
        class_, keep_class = self._classes.get((reading.device, reading.stream), _UNKNOWN)
        if not self._keeper.collects(reading.device, reading.stream, class_):
            return
        state, uncertainty_us = self._clock.state, self._clock.uncertainty_us
        if reading.wall_us is None:
            state, uncertainty_us = ClockState.UNSYNCED, 0

        def payload(boot: int, seq: int) -> bytes:
            frame = _frame(reading, boot, seq, state, uncertainty_us)
            return pack(Batch((frame,)), reading.device)

        if not self._kept:
            asyncio.get_running_loop().call_soon(self.hand_over)
        self._kept.append(Entry(reading.device, keep_class, payload, reading.stream))

    def hand_over(self) -> None:
        """Let the writer have what was kept, now."""
        kept, self._kept = self._kept, []
        if kept:
            self._writer.offer(*kept)


def _frame(reading: Reading, boot: int, seq: int, state: ClockState, uncertainty_us: int) -> Frame:
    return Frame(
        device=reading.device,
        stream=reading.stream,
        boot=boot,
        seq=seq,
        mono_us=reading.mono_us,
        wall_us=reading.wall_us,
        clock=state,
        uncertainty_us=uncertainty_us,
        rate_hz=reading.rate_hz,
        dev_ts_ns=reading.dev_ts_ns,
        channels=reading.channels,
        offsets_us=reading.offsets_us,
        quality=reading.quality,
    )


def _stream_classes(models: Mapping[str, Model]) -> dict[tuple[str, str], tuple[str, str]]:
    """(device, stream) → the stream's class, and the class that the outbox keeps it under."""
    classes: dict[tuple[str, str], tuple[str, str]] = {}
    for device, model in models.items():
        classes |= {(device, spec.id): (spec.class_, spec.class_) for spec in model.streams}
        classes |= {(device, spec.output): (spec.class_, "summary") for spec in model.pipelines}
    return classes
