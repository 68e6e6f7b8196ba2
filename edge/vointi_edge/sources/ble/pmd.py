"""Raw streams by Polar's measurement protocol: ask what is on offer, start, place every frame."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic

from vointi_edge import decoders
from vointi_edge.beat import now_s
from vointi_edge.catalogue import StreamSpec
from vointi_edge.decoders import polar
from vointi_edge.decoders.polar import Answer, Measurement, Setting, Status
from vointi_edge.errors import DecodeError
from vointi_edge.reading import Reading
from vointi_edge.sources.ble import words
from vointi_edge.sources.ble.journal import Journal
from vointi_edge.sources.ble.raw import raw_reading
from vointi_edge.sources.ports import Context
from vointi_edge.sources.refusals import Refusals
from vointi_edge.sources.scalars import scalar_reading
from vointi_edge.sources.timeline import Timeline

log = logging.getLogger(__name__)

CONTROL_POINT = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
DATA = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"
_ANSWER_S = 5.0
_MAX_DEV_NS = 2**62 - 1  # what a frame can carry: 146 years
# A strap that is put on sends at once; one that lies in a drawer is not asked all day.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 300.0
_MEASUREMENTS = {one.name.lower(): one for one in Measurement}


class PmdControl:
    """The control point of one link, and the data characteristic that all measurements share."""

    def __init__(self, client: BleakClient) -> None:
        self._client = client
        self._takers: dict[int, Callable[[bytes], None]] = {}
        self._lock = asyncio.Lock()
        self._waiting: asyncio.Future[Answer] | None = None
        self._asked = (0, 0)
        self._open = False

    @property
    def available(self) -> bool:
        """Whether the device speaks this protocol at all."""
        return self._client.services.get_characteristic(DATA) is not None

    async def listen(self, measurement: Measurement, take: Callable[[bytes], None]) -> None:
        """Hand frames of `measurement` to `take`."""
        self._takers[measurement] = take
        if not self._open:
            await self._client.start_notify(CONTROL_POINT, self._answered)
            await self._client.start_notify(DATA, self._data)
            self._open = True

    async def ask(self, request: bytes) -> Answer:
        """Write a request and await its answer; raises TimeoutError or BleakError."""
        async with self._lock:
            self._asked = (request[0], request[1])
            self._waiting = asyncio.get_running_loop().create_future()
            await self._client.write_gatt_char(CONTROL_POINT, request, response=True)
            async with asyncio.timeout(_ANSWER_S):
                return await self._waiting

    def _answered(self, _: BleakGATTCharacteristic, data: bytearray) -> None:
        found = polar.answer(bytes(data))
        waiting = self._waiting
        if found is None or waiting is None or waiting.done():
            return
        if (found.command, found.measurement) == self._asked:
            waiting.set_result(found)

    def _data(self, _: BleakGATTCharacteristic, data: bytearray) -> None:
        take = self._takers.get(data[0] if data else -1)
        if take is not None:
            take(bytes(data))


class PmdStream:
    """One measurement of one link."""

    def __init__(
        self,
        device: str,
        spec: StreamSpec,
        context: Context,
        control: PmdControl,
        journal: Journal | None = None,
    ) -> None:
        self.spec = spec
        self.heard_s = now_s()
        self._device = device
        self._context = context
        self._control = control
        self._measurement = _MEASUREMENTS[spec.measurement or ""]
        self._raw = decoders.PMD.get(spec.decoder)
        self._values = decoders.PMD_VALUES.get(spec.decoder)
        self._factor = 1.0
        self._timeline = Timeline(spec.rate_hz)
        self._refusals = Refusals(device, spec.id, context.hub)
        self._journal = journal or Journal(device, context.hub)
        self._request = b""
        self._pause_s = _FIRST_PAUSE_S

    async def start(self, client: BleakClient) -> None:
        """Start with what the catalogue prefers, or the nearest that the device offers."""
        if not self._control.available:
            log.warning("%s: has no %s (measurement protocol)", self._device, self.spec.id)
            self.heard_s = float("inf")
            return
        await self._control.listen(self._measurement, self._take)
        chosen = await self._choose()
        if chosen is None:
            return
        rate_hz = float(chosen.get(Setting.SAMPLE_RATE, round(self.spec.rate_hz)))
        self._timeline = Timeline(rate_hz or 1.0)
        self._request = request = polar.start(self._measurement, chosen)
        answer = await self._control.ask(request)
        if answer.status == Status.ALREADY_IN_STATE:  # left over from a process that was killed
            await self._control.ask(polar.stop(self._measurement))
            answer = await self._control.ask(request)
        if self._refused(answer):
            return
        self._factor = polar.factor(answer.parameters)
        self._context.hub.rate(self._device, self.spec.id, rate_hz)
        self.heard_s = now_s()

    async def revive(self) -> bool:
        """Start once more after silence; False: the device believes that it sends.

        It is not stopped first: what plays a recording would begin anew.
        """
        if not self._request:
            return False
        answer = await self._control.ask(self._request)
        if answer.status == Status.ALREADY_IN_STATE:
            return False
        if not self._refused(answer):
            self.heard_s = now_s()
        return True

    def _refused(self, answer: Answer) -> bool:
        """Say whether the device does not send this stream, never or not just now."""
        if answer.status in (Status.INVALID_STATE, Status.IN_CHARGER):
            self._pause(answer.status)
            return True
        if answer.status == Status.SUCCESS:
            return False
        log.warning("%s: refuses %s (status %d)", self._device, self.spec.id, answer.status)
        self.heard_s = float("inf")
        return True

    def _pause(self, status: int) -> None:
        """Let the watchdog ask again later, and later each time."""
        self._journal.remark(f"stream {self.spec.id} paused", words.paused(self.spec.id, status))
        self.heard_s = now_s() + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    async def _choose(self) -> dict[int, int] | None:
        if self._measurement == Measurement.PPI:  # it has none
            return {}
        answer = await self._control.ask(polar.get_settings(self._measurement))
        if self._refused(answer):
            return None
        preferred = {
            Setting.SAMPLE_RATE: round(self.spec.rate_hz),
            Setting.RESOLUTION: self.spec.resolution,
            Setting.RANGE: self.spec.range_g,
        }
        chosen: dict[int, int] = {}
        for setting, offers in polar.settings(answer.parameters).items():
            if offers and setting != Setting.FACTOR:
                wish = preferred.get(Setting(setting), offers[0]) if setting in preferred else 0
                chosen[setting] = min(offers, key=lambda offer: abs(offer - wish))
        return chosen

    def _take(self, data: bytes) -> None:
        arrival_us = self._context.clock.boottime_us()
        self.heard_s = now_s()
        self._pause_s = _FIRST_PAUSE_S
        self._journal.settled(f"stream {self.spec.id} paused")
        try:
            reading = self._reading(data, arrival_us)
        except DecodeError as error:
            self._refusals.note(error)
            return
        if reading is not None:
            self._context.hub.reading(reading)

    def _reading(self, data: bytes, arrival_us: int) -> Reading | None:
        context, device, spec = self._context, self._device, self.spec
        if self._values is not None:
            return scalar_reading(context, device, spec, self._values(data), arrival_us)
        if self._raw is None:
            return None
        frame = self._raw(data, self._factor)
        if frame.last_ts_ns > _MAX_DEV_NS:
            raise DecodeError("timestamp", "lies centuries ahead")
        return raw_reading(
            context, device, spec, timeline=self._timeline, frame=frame, arrival_us=arrival_us
        )
