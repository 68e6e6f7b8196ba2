"""A presence radar on a serial line: frames in, how many people are there out."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from vointi_edge.backoff import Backoff
from vointi_edge.decoders.ld2450 import FrameFinder, PresenceVote, target_count
from vointi_edge.errors import DecodeError
from vointi_edge.sources.notice import Notice
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.refusals import Refusals
from vointi_edge.sources.scalars import scalar_reading
from vointi_edge.sources.serial.port import SerialPort

_BAUD = 256_000
# The radar sends ten frames a second, whether somebody is there or not.
_SILENCE_S = 5.0
_CHECK_S = 1.0


class Radar:
    """Runs one radar until cancelled; its path may appear later and vanish at any time."""

    def __init__(self, assigned: Assigned, context: Context) -> None:
        self._id = assigned.config.id
        self._path = assigned.config.path or Path()
        self._spec = assigned.model.streams[0]
        self._context = context
        self._notice = Notice(context.hub, self._id)
        self._finder = FrameFinder()
        self._vote = PresenceVote()
        self._heard_s = 0.0
        self._told_s = 0.0
        self._refusals = Refusals(self._id, self._spec.id, context.hub)

    async def run(self) -> None:
        """Open, read until the line is gone, and try again."""
        backoff = Backoff(floor_s=0.2, first_s=0.5, cap_s=5.0)
        while True:
            port = SerialPort(self._path, self._bytes, _BAUD)
            self._finder, self._vote = FrameFinder(), PresenceVote()
            try:
                port.open()
                reason = await self._until_over(port)
            except OSError as error:
                reason = f"cannot open {self._path.name}: {error.strerror or error}"
            finally:
                port.close()
            if self._told_s:
                backoff.reset()
            self._told_s = 0.0
            self._notice.trouble(reason)
            await asyncio.sleep(backoff.next_s())

    async def _until_over(self, port: SerialPort) -> str:
        self._heard_s = time.monotonic()
        while time.monotonic() - self._heard_s < _SILENCE_S:
            await asyncio.wait((port.ended,), timeout=_CHECK_S)
            if port.ended.done():
                return port.ended.result()
        if self._finder.noise_bytes:
            return f"sends no radar frames; is it set to {_BAUD} baud?"
        return f"said nothing for {_SILENCE_S:.0f} s; check its supply"

    def _bytes(self, data: bytes) -> None:
        mono_us = self._context.clock.boottime_us()
        for frame in self._finder.push(data):
            try:
                decoded = self._vote.push(target_count(frame))
            except DecodeError as error:
                self._refusals.note(error)
                continue
            self._heard_s = time.monotonic()
            # Ten frames a second vote; one reading a second is told.
            if decoded is None or self._heard_s - self._told_s < _CHECK_S:
                continue
            self._told_s = self._heard_s
            self._notice.fine()
            decoded = self._notice.marked(decoded)
            reading = scalar_reading(self._context, self._id, self._spec, decoded, mono_us)
            if reading is not None:
                self._context.hub.reading(reading)
