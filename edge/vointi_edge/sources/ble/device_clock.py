"""A device's calendar against our clock: how old is what it measured, and setting it right."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

from bleak import BleakClient
from bleak.exc import BleakError

from vointi_edge.clock import Clock
from vointi_edge.decoders.information import (
    CURRENT_TIME,
    DATE_TIME,
    current_time,
    current_time_bytes,
    date_time,
    date_time_bytes,
)
from vointi_edge.errors import DecodeError
from vointi_edge.sources.ble.lookup import find

_CLOCKS = {
    CURRENT_TIME: (current_time, current_time_bytes),
    DATE_TIME: (date_time, date_time_bytes),
}
# Calendars count whole seconds, and an indication takes one or two.
_FRESH_S = 5.0
# A cuff keeps weeks of measurements; what is older, or in the future, was stamped by another clock.
_OLDEST_S = 90 * 86_400.0
# Setting a clock that is right would only cost the device's battery.
_RIGHT_S = 30.0
# A device that wants to be paired may leave a request without an answer.
_PATIENCE_S = 5.0


def calendar_s(local: datetime) -> float:
    """Return what a calendar on the wall says, as seconds since its 1970."""
    return local.replace(tzinfo=UTC).timestamp()


class DeviceClock:
    """The calendar of one link: as the device had it, and as we set it."""

    def __init__(self) -> None:
        self._was_s: float | None = None
        self._set_s: float | None = None
        self._set_at_s = 0.0

    def was(self, calendar_s: float, mono_us: int) -> None:
        """Note what the device's calendar said at `mono_us`."""
        self._was_s = calendar_s - mono_us / 1e6

    def wrong(self, told_s: float | None, clock: Clock) -> datetime | None:
        """Note what the calendar says now; return the right time of this place if it is wrong."""
        if told_s is not None:
            self.was(told_s, clock.boottime_us())
        wall_us = clock.wall_us()
        if wall_us is None:
            return None
        local = datetime.fromtimestamp(wall_us / 1e6, UTC).astimezone()
        right = told_s is not None and abs(told_s - calendar_s(local)) <= _RIGHT_S
        return None if right else local

    def was_set(self, calendar_s: float, mono_us: int) -> None:
        """Note that it was set."""
        self._set_s, self._set_at_s = calendar_s - mono_us / 1e6, calendar_s

    def age_s(self, taken_s: float | None, mono_us: int) -> float:
        """Return how long ago something was measured, s; 0 for just now, and where nobody knows."""
        offset_s = self._was_s
        if self._set_s is not None and taken_s is not None:
            # What was stamped before the clock was set is to be read by the old clock.
            after = taken_s >= self._set_at_s - _FRESH_S
            offset_s = self._set_s if after else offset_s
        if taken_s is None or offset_s is None:
            return 0.0
        age_s = mono_us / 1e6 + offset_s - taken_s
        return age_s if _FRESH_S < age_s < _OLDEST_S else 0.0


async def set_right(client: BleakClient, clock: Clock) -> DeviceClock:
    """Read the device's calendar where it has one, and set it where it may be set.

    It is set to the wall clock of this place, since it is shown to people, and only while our own
    is trusted. A device that refuses, or wants to be paired first, keeps its time.
    """
    device_clock = DeviceClock()
    with contextlib.suppress(BleakError, DecodeError, TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            for uuid, (parse, build) in _CLOCKS.items():
                found = find(client, uuid)
                if found is not None:
                    told_s = None
                    if "read" in found.properties:
                        told_s = parse(bytes(await client.read_gatt_char(found)))
                    local = device_clock.wrong(told_s, clock)
                    if local is not None and "write" in found.properties:
                        await client.write_gatt_char(found, build(local), response=True)
                        device_clock.was_set(calendar_s(local), clock.boottime_us())
                    break
    return device_clock
