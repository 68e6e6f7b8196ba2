"""Raw streams by Movesense's GATT SensorData Protocol: subscribe, place every frame."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic

from vointi_edge import decoders
from vointi_edge.beat import now_s
from vointi_edge.catalogue import StreamSpec
from vointi_edge.decoders import movesense
from vointi_edge.errors import DecodeError, SourceError
from vointi_edge.sources.ble.lookup import find
from vointi_edge.sources.ble.raw import raw_reading
from vointi_edge.sources.ports import Context
from vointi_edge.sources.refusals import Refusals
from vointi_edge.sources.timeline import Timeline

log = logging.getLogger(__name__)

COMMAND = "34800001-7185-4d5d-b431-630e7050e8f0"
NOTIFY = "34800002-7185-4d5d-b431-630e7050e8f0"
_ANSWER_S = 5.0
_BUSY = 503  # as in HTTP: out of memory, or of subscriptions


class GspControl:
    """The command pipe of one link, and the notifications that all resources share."""

    def __init__(self, client: BleakClient) -> None:
        self._client = client
        self._takers: dict[int, Callable[[int, bytes], None]] = {}
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._open = False

    @property
    def available(self) -> bool:
        """Whether the device speaks this protocol at all."""
        return find(self._client, NOTIFY) is not None

    async def subscribe(self, path: str, take: Callable[[int, bytes], None]) -> int:
        """Subscribe to a resource; return the status. `take` gets response code and content.

        A subscription left over from a process that was killed has a reference of its own; a new
        one under ours is answered all the same.
        """
        if not self._open:
            await self._client.start_notify(NOTIFY, self._notified)
            self._open = True
        reference = len(self._takers) + 1
        self._takers[reference] = take
        self._waiting[reference] = asyncio.get_running_loop().create_future()
        request = movesense.subscribe(reference, path)
        await self._client.write_gatt_char(COMMAND, request, response=True)
        async with asyncio.timeout(_ANSWER_S):
            return await self._waiting[reference]

    def _notified(self, _: BleakGATTCharacteristic, data: bytearray) -> None:
        answer = movesense.gsp_answer(bytes(data))
        if answer is not None:
            waiting = self._waiting.get(answer.reference)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer.status)
        elif len(data) > 2 and data[0] in (movesense.DATA, movesense.DATA_PART_2):
            take = self._takers.get(data[1])
            if take is not None:
                take(data[0], bytes(data[2:]))


class GspStream:
    """One resource of one link."""

    def __init__(
        self, device: str, spec: StreamSpec, context: Context, control: GspControl
    ) -> None:
        self.spec = spec
        self.heard_s = now_s()
        self._device = device
        self._context = context
        self._control = control
        self._decode, sample_bytes = decoders.GSP[spec.decoder]
        self._joiner = movesense.Joiner(sample_bytes)
        self._timeline = Timeline(spec.rate_hz)
        self._refusals = Refusals(device, spec.id, context.hub)

    async def start(self, client: BleakClient) -> None:
        """Subscribe; a resource that this sensor does not have is left to its other streams."""
        del client  # the control has it
        if not self._control.available:
            log.warning("%s: has no %s (SensorData protocol)", self._device, self.spec.id)
            self.heard_s = float("inf")
            return
        status = await self._control.subscribe(self.spec.resource or "", self._take)
        if status >= _BUSY:
            raise SourceError(self._device, f"{self.spec.id} not now (status {status})")
        if not 200 <= status < 300:
            log.warning("%s: refuses %s (status %d)", self._device, self.spec.id, status)
            self.heard_s = float("inf")
            return
        self._context.hub.rate(self._device, self.spec.id, self.spec.rate_hz)
        self.heard_s = now_s()

    def _take(self, code: int, content: bytes) -> None:
        arrival_us = self._context.clock.boottime_us()
        self.heard_s = now_s()
        try:
            whole = self._joiner.push(code, content)
            if whole is None:
                return
            frame = self._decode(whole, self.spec.rate_hz)
        except DecodeError as error:
            self._refusals.note(error)
            return
        reading = raw_reading(
            self._context,
            self._device,
            self.spec,
            timeline=self._timeline,
            frame=frame,
            arrival_us=arrival_us,
        )
        if reading is not None:
            self._context.hub.reading(reading)
