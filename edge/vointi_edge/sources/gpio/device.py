"""One device on GPIO lines: a panel of buttons, a pair of beams, a door, a motion sensor."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from pathlib import Path

from vointi_edge.backoff import Backoff
from vointi_edge.decoders.values import Decoded
from vointi_edge.errors import DecodeError
from vointi_edge.sources.gpio.lines import Lines, Wiring, open_lines
from vointi_edge.sources.gpio.uapi import EVENT_BYTES, LineEvent, line_event
from vointi_edge.sources.gpio.watchers import WATCHERS
from vointi_edge.sources.notice import Notice
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.refusals import Refusals
from vointi_edge.sources.scalars import scalar_reading

log = logging.getLogger(__name__)

_CHECK_S = 5.0
# An event older than this waited through a standstill of the whole machine; its time is a lie.
_OLDEST_US = 3_600_000_000
_REASONS = {
    errno.ENOENT: "is not there; check the name and the device tree",
    errno.EBUSY: "has a line that another program uses",
    errno.EACCES: "may not be opened; add the service's user to the group gpio",
    errno.EINVAL: "has no such line, or does not know its bias",
    errno.ENODEV: "was unplugged",
}


class GpioDevice:
    """Runs one device until cancelled; its chip may appear later and vanish at any time."""

    def __init__(self, assigned: Assigned, context: Context) -> None:
        self._id = assigned.config.id
        place = assigned.config.place
        self._path = place.gpio or Path()
        self._names = {offset: name for name, offset in place.lines.items()}
        self._spec = assigned.model.streams[0]
        wired = self._spec.wired
        self._wiring = Wiring(
            tuple(self._names), wired.active_low, wired.bias, wired.debounce_ms * 1000
        )
        self._watcher = WATCHERS[self._spec.decoder]()
        self._context = context
        self._notice = Notice(context.hub, self._id)
        self._seqnos: dict[int, int] = {}
        self._refusals = Refusals(self._id, self._spec.id, context.hub)
        self.lost_events = 0

    async def run(self) -> None:
        """Open the lines, follow their edges until they are gone, and try again."""
        backoff = Backoff(floor_s=0.2, first_s=0.5, cap_s=5.0)
        while True:
            try:
                lines = open_lines(self._path, self._wiring)
            except OSError as error:
                self._lose(error)
            else:
                backoff.reset()
                await self._follow(lines)
            await asyncio.sleep(backoff.next_s())

    async def _follow(self, lines: Lines) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[OSError] = loop.create_future()
        loop.add_reader(lines.fileno(), self._readable, lines, ended)
        try:
            self._start(lines)
            while not ended.done():
                self._notice.fine(self._trouble())
                await asyncio.wait((ended,), timeout=_CHECK_S)
            self._lose(ended.result())
        except OSError as error:
            self._lose(error)
        finally:
            loop.remove_reader(lines.fileno())
            lines.close()

    def _start(self, lines: Lines) -> None:
        """Take the levels as they are; raises OSError."""
        self._seqnos.clear()
        now_us = self._context.clock.boottime_us()
        levels = dict(zip(self._names.values(), lines.levels() or (), strict=False))
        self._tell(self._watcher.start(levels, now_us), now_us)

    def _readable(self, lines: Lines, ended: asyncio.Future[OSError]) -> None:
        if ended.done():
            return
        try:
            data = lines.read()
            if not data:
                ended.set_result(OSError(errno.ENODEV, "hung up"))
            missed = [
                self._take(data[n : n + EVENT_BYTES]) for n in range(0, len(data), EVENT_BYTES)
            ]
            if any(missed):
                self._start(lines)
        except BlockingIOError:
            return
        except OSError as error:
            ended.set_result(error)

    def _take(self, data: bytes) -> bool:
        """Take one event; say whether edges were missed before it."""
        event = line_event(data)
        name = self._names.get(event.offset) if event else None
        at_us = self._time_us(event) if event else None
        if event is None or name is None or at_us is None:
            self._refusals.note(DecodeError("event", "is no edge of these lines, or has no time"))
            return False
        last, self._seqnos[event.offset] = self._seqnos.get(event.offset), event.line_seqno
        missed = max(0, event.line_seqno - last - 1) if last is not None else 0
        self.lost_events += missed
        if missed:
            self._notice.gap()
        self._tell(self._watcher.edge(name, event.active, at_us), at_us)
        return missed > 0

    def _time_us(self, event: LineEvent) -> int | None:
        """Return the event's CLOCK_BOOTTIME in µs; None when its stamp cannot be."""
        age_us = (time.monotonic_ns() - event.monotonic_ns) // 1000
        if not 0 <= age_us < _OLDEST_US:
            return None
        return max(0, self._context.clock.boottime_us() - age_us)

    def _tell(self, decoded: Decoded | None, mono_us: int) -> None:
        if decoded is None:
            return
        decoded = self._notice.marked(decoded)
        reading = scalar_reading(self._context, self._id, self._spec, decoded, mono_us)
        if reading is not None:
            self._context.hub.reading(reading)

    def _trouble(self) -> str:
        now_us = self._context.clock.boottime_us()
        missed = f"{self.lost_events} edges were missed" if self.lost_events else ""
        return self._watcher.trouble(now_us) or missed

    def _lose(self, error: OSError) -> None:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        self._notice.trouble(f"{self._path.name} {reason}")
