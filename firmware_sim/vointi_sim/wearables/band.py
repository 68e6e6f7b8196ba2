"""An optical arm band: Heart Rate Service, raw light and pulse intervals by Polar's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from bumble.att import Attribute
from bumble.core import UUID
from bumble.device import Connection
from bumble.gatt import Characteristic, CharacteristicValue, Service

from vointi_sim.clock import Clock
from vointi_sim.physiology import Person
from vointi_sim.radio import Radio
from vointi_sim.wearables import polar, wire, wire_body
from vointi_sim.wearables.device_clock import DeviceClock
from vointi_sim.wearables.polar import Measurement, Operation, Setting, Settings, Status
from vointi_sim.wearables.sources import CRYSTAL
from vointi_sim.wearables.wearable import Identity, Properties, Wearable, notifying

_RATE_HZ = 55
_SAMPLES = 22  # 0.4 s
_PPI_PERIOD_S = 2.0
# Blood swallows green light more than infrared; room light leaks in under the band.
_GREEN_GAIN = (6.0, 5.6, 5.8)
_AMBIENT = 900.0
_OFFERED: dict[Measurement, Settings] = {
    Measurement.PPG: {
        Setting.SAMPLE_RATE: (_RATE_HZ,),
        Setting.RESOLUTION: (22,),
        Setting.CHANNELS: (4,),
    },
    Measurement.PPI: {},
}


def band_identity(address: str) -> Identity:
    """A Verity Sense whose name ends in its address."""
    suffix = address.replace(":", "")[-8:]
    name = f"Polar Sense {suffix}"
    return Identity(address, name, "Polar Electro Oy", "Verity Sense", "2.1.0", (0x180D, 0xFEEE))


class Band(Wearable):
    """The band on a person's arm."""

    def __init__(self, radio: Radio, clock: Clock, address: str, person: Person) -> None:
        self._person = person
        self.device_clock = DeviceClock()
        self._streams: dict[Measurement, asyncio.Task[None]] = {}
        super().__init__(radio, clock, band_identity(address), 72)

    def services(self) -> Sequence[Service]:
        """Heart Rate and Polar Measurement Data."""
        self._rate = notifying(0x2A37)
        self._data = notifying(polar.DATA)
        self._control: Characteristic[bytes] = Characteristic(
            polar.CONTROL_POINT,
            Properties.READ | Properties.WRITE | Properties.INDICATE,
            Attribute.READABLE | Attribute.WRITEABLE,
            CharacteristicValue(
                read=lambda _connection: polar.features(_OFFERED), write=self._on_request
            ),
        )
        return [
            Service(UUID.from_16_bits(0x180D), [self._rate]),
            Service(polar.SERVICE, [self._control, self._data]),
        ]

    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """One heart-rate notification a second."""
        return [self._tell_rate]

    def on_link_lost(self) -> None:
        """Streams belong to the link that started them."""
        for task in self._streams.values():
            task.cancel()
        self._streams.clear()

    def new_battery(self) -> None:
        """A fresh cell: the clock begins again at its unset time."""
        self.device_clock.reset(self.clock.now_s())

    async def stop(self) -> None:
        """Switch the band off."""
        self.on_link_lost()
        await super().stop()

    async def _tell_rate(self) -> None:
        next_s = float(int(self.clock.now_s()) + 1)
        while True:
            await self.clock.until(next_s)
            rate = round(self._person.pulse.rate_per_min(next_s))
            await self.notify(self._rate, wire.heart_rate(rate, [], contact=True))
            next_s += 1.0

    async def _on_request(self, _connection: Connection, value: bytes) -> None:
        try:
            request = polar.parse(bytes(value))
        except polar.RequestError as error:
            reply = polar.answer(error.operation, error.measurement, error.status)
        else:
            reply = self._reply(request)
        await self.indicate(self._control, reply)

    def _reply(self, request: polar.Request) -> bytes:
        operation, kind = request.operation, request.measurement
        if kind not in set(_OFFERED):
            return polar.answer(operation, kind, Status.INVALID_MEASUREMENT)
        measurement = Measurement(kind)
        offered = _OFFERED[measurement]
        if operation == Operation.GET_SETTINGS:
            return polar.answer(operation, kind, Status.SUCCESS, polar.offer(offered))
        if operation == Operation.STOP:
            task = self._streams.pop(measurement, None)
            if task is not None:
                task.cancel()
            return polar.answer(operation, kind, Status.SUCCESS)
        status = polar.refusal(offered, request.chosen)
        if status is Status.SUCCESS and measurement in self._streams:
            status = Status.ALREADY_IN_STATE
        if status is Status.SUCCESS:
            job = self._stream_ppg if measurement is Measurement.PPG else self._stream_ppi
            self._streams[measurement] = asyncio.create_task(job())
        return polar.answer(operation, kind, status)

    async def _stream_ppg(self) -> None:
        true_hz = _RATE_HZ * CRYSTAL
        number = int(self.clock.now_s() * true_hz) + 1
        while True:
            times_s = np.arange(number, number + _SAMPLES) / true_hz
            infrared = self._person.pulse.light(times_s, number)[:, 1]
            lights = np.stack(
                [*(gain * infrared for gain in _GREEN_GAIN), np.full(_SAMPLES, _AMBIENT)], axis=1
            )
            number += _SAMPLES
            last_s = float(times_s[-1])
            await self.clock.until(last_s)
            frame = wire_body.pmd_ppg(
                self.device_clock.ns(last_s), np.rint(lights).astype(np.int32)
            )
            await self.notify(self._data, frame)

    async def _stream_ppi(self) -> None:
        told_s = self.clock.now_s()
        while True:
            next_s = told_s + _PPI_PERIOD_S
            await self.clock.until(next_s)
            beats = self._person.heart.beats(told_s, next_s)
            told_s = next_s
            if beats:
                rate = round(self._person.pulse.rate_per_min(next_s))
                intervals = [round(beat.rr_s * 1000) for beat in beats]
                await self.notify(self._data, wire_body.pmd_ppi(intervals, rate, worn=True))
