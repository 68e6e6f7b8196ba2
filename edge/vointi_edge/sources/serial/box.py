"""The service-point box on its serial line: checked lines in, readings out."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from vointi_contract.frame import Quality

from vointi_edge import decoders
from vointi_edge.backoff import Backoff
from vointi_edge.decoders.service_point import MAX_LINE, BoxMessage, box_line
from vointi_edge.decoders.values import Decoded
from vointi_edge.errors import DecodeError
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.scalars import scalar_reading
from vointi_edge.sources.serial.line import LineReader

log = logging.getLogger(__name__)

# The box speaks every two seconds.
_SILENCE_S = 15.0
_CHECK_S = 1.0


class ServicePointBox:
    """Runs one box until cancelled; its path may appear later and vanish at any time."""

    def __init__(self, assigned: Assigned, context: Context) -> None:
        self._id = assigned.config.id
        self._path = assigned.config.path or Path()
        self._context = context
        self._specs = {spec.message: spec for spec in assigned.model.streams}
        self._last: BoxMessage | None = None
        self._heard_s = 0.0
        self._told = ""
        self.lost_messages = 0
        self.bad_lines = 0

    async def run(self) -> None:
        """Open, read until the line is gone, and try again."""
        backoff = Backoff(floor_s=0.2, first_s=0.5, cap_s=5.0)
        while True:
            reader = LineReader(self._path, self._line, MAX_LINE)
            try:
                reader.open()
                backoff.reset()
                self._tell(await self._until_over(reader))
            except OSError as error:
                self._tell(f"cannot open {self._path.name}: {error.strerror or error}")
            finally:
                reader.close()
            self._context.hub.link(self._id, "lost", self._told)
            await asyncio.sleep(backoff.next_s())

    async def _until_over(self, reader: LineReader) -> str:
        self._heard_s = time.monotonic()
        while time.monotonic() - self._heard_s < _SILENCE_S:
            await asyncio.wait((reader.ended,), timeout=_CHECK_S)
            if reader.ended.done():
                return reader.ended.result()
        return f"said nothing for {_SILENCE_S:.0f} s"

    def _line(self, line: bytes) -> None:
        mono_us = self._context.clock.boottime_us()
        try:
            message = box_line(line)
        except DecodeError as error:
            self.bad_lines += 1
            log.debug("%s: %s", self._id, error)
            return
        if self._told or self._last is None:
            log.info("%s: speaks", self._id)
        self._told = ""
        self._heard_s = time.monotonic()
        self._note_link()
        missed = self._missed_before(message)
        if missed is not None:
            self._take(message, missed, mono_us)

    def _missed_before(self, message: BoxMessage) -> int | None:
        """Return how many messages were lost before this one; None when it was heard before."""
        last, self._last = self._last, message
        if last is None or message.uptime_ms < last.uptime_ms:
            return 0  # the first, or the box was restarted
        if message.seq == last.seq:
            return None
        missed = max(0, message.seq - last.seq - 1)
        self.lost_messages += missed
        return missed

    def _take(self, message: BoxMessage, missed: int, mono_us: int) -> None:
        spec = self._specs.get(message.kind)
        if spec is None:
            return
        try:
            decoded = decoders.SERIAL[spec.decoder](message)
        except DecodeError as error:
            self.bad_lines += 1
            log.debug("%s: %s", self._id, error)
            return
        if missed:
            decoded = Decoded(decoded.channels, decoded.quality | Quality.GAP_BEFORE)
        reading = scalar_reading(self._context, self._id, spec, decoded, mono_us)
        if reading is not None:
            self._context.hub.reading(reading)

    def _note_link(self) -> None:
        trouble = self.lost_messages + self.bad_lines
        self._context.hub.link(self._id, "connected", f"{trouble} lines lost" if trouble else "")

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            log.warning("%s: %s", self._id, reason)
        self._told = reason
