"""A chest strap: Heart Rate Service and raw ECG and acceleration by Polar's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from bumble.att import Attribute
from bumble.core import UUID
from bumble.device import Connection
from bumble.gatt import Characteristic, CharacteristicValue, Service
from numpy.typing import NDArray

from vointi_sim.clock import Clock
from vointi_sim.physiology.timeline import Noise
from vointi_sim.radio import Radio
from vointi_sim.wearables import polar, wire
from vointi_sim.wearables.device_clock import DeviceClock
from vointi_sim.wearables.polar import Measurement, Operation, Setting, Settings, Status
from vointi_sim.wearables.sources import (
    CRYSTAL,
    Acceleration,
    EcgSource,
    Rhythm,
    quantised_uv,
)
from vointi_sim.wearables.wearable import Identity, Properties, Wearable, notifying, readable

# What an H10 puts into one notification of 229 and 226 bytes.
ECG_SAMPLES = 73
ACC_SAMPLES = 36
# A beat is told once the strap has seen the whole QRS complex and made up its mind.
_DETECTION_S = 0.25
_HR_PERIOD_S = 1.0
# Open electrodes pick up the room: tens of millivolts, the converter's whole range.
_OFF_BODY_UV = 9_000.0
_ACC_SETTINGS: Settings = {
    Setting.SAMPLE_RATE: (25, 50, 100, 200),
    Setting.RESOLUTION: (16,),
    Setting.RANGE: (2, 4, 8),
}


def strap_identity(address: str) -> Identity:
    """An H10 whose name ends in its address, as the real one's does."""
    suffix = address.replace(":", "")[-8:]
    return Identity(
        address, f"Polar H10 {suffix}", "Polar Electro Oy", "H10", "5.0.0", (0x180D, 0xFEEE)
    )


class Strap(Wearable):
    """The strap: `ecg`, `rhythm` and `motion` are what its electrodes and its chip sense.

    `ready_to_send` is awaited before each measurement frame, so that a reader that is slower than
    the recording is waited for and nothing is lost.
    """

    def __init__(
        self,
        radio: Radio,
        clock: Clock,
        address: str,
        *,
        ecg: EcgSource,
        rhythm: Rhythm,
        motion: Acceleration,
        ready_to_send: Callable[[], Awaitable[None]],
        battery_pct: int = 93,
    ) -> None:
        self.worn = True
        self.noise_uv = 0.0
        self.ecg = ecg
        self.device_clock = DeviceClock()
        self._electrodes = Noise(0, f"electrodes/{address}")
        self._rhythm = rhythm
        self._motion = motion
        self._ready_to_send = ready_to_send
        # A client that starts first and subscribes second must not lose the first frames.
        self._listened = asyncio.Event()
        self._streams: dict[Measurement, asyncio.Task[None]] = {}
        self._offered: dict[Measurement, Settings] = {
            Measurement.ECG: {Setting.SAMPLE_RATE: (ecg.nominal_hz,), Setting.RESOLUTION: (14,)},
            Measurement.ACCELERATION: _ACC_SETTINGS,
        }
        super().__init__(radio, clock, strap_identity(address), battery_pct)

    def services(self) -> Sequence[Service]:
        """Heart Rate and Polar Measurement Data."""
        self._rate = notifying(0x2A37)
        self._data = notifying(polar.DATA)
        self._data.on(self._data.EVENT_SUBSCRIPTION, self._on_subscription)
        self._control: Characteristic[bytes] = Characteristic(
            polar.CONTROL_POINT,
            Properties.READ | Properties.WRITE | Properties.INDICATE,
            Attribute.READABLE | Attribute.WRITEABLE,
            CharacteristicValue(
                read=lambda _connection: polar.features(self._offered), write=self._on_request
            ),
        )
        # Body sensor location 1: chest.
        location = readable(0x2A38, b"\x01")
        return [
            Service(UUID.from_16_bits(0x180D), [self._rate, location]),
            Service(polar.SERVICE, [self._control, self._data]),
        ]

    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """One heart-rate notification a second."""
        return [self._tell_rate]

    def on_link_lost(self) -> None:
        """Streams belong to the link that started them."""
        self._listened.clear()
        for task in self._streams.values():
            task.cancel()
        self._streams.clear()

    async def stop(self) -> None:
        """Switch the strap off."""
        self.on_link_lost()
        await super().stop()

    def new_battery(self) -> None:
        """A fresh cell: the clock begins again at its unset time."""
        self.device_clock.reset(self.clock.now_s())

    # -- heart rate

    async def _tell_rate(self) -> None:
        next_s = float(int(self.clock.now_s()) + 1)
        told_s = next_s - _HR_PERIOD_S
        while True:
            await self.clock.until(next_s)
            if self.subscribed(self._rate):
                await self.notify(self._rate, self._rate_value(told_s, next_s))
            told_s, next_s = next_s, next_s + _HR_PERIOD_S

    def _rate_value(self, told_s: float, now_s: float) -> bytes:
        if not self.worn:
            return wire.heart_rate(0, [], contact=False)
        beats = self._rhythm.beats(told_s - _DETECTION_S, now_s - _DETECTION_S)
        # 0 where no beat was found: a real strap goes on telling once a second.
        rate = round(self._rhythm.rate_per_min(now_s - _DETECTION_S))
        return wire.heart_rate(rate, [rr_1024(b.time_s, b.rr_s) for b in beats], contact=True)

    # -- measurement streams

    def _on_subscription(self, _bearer: object, notify: bool, _indicate: bool) -> None:
        if notify:
            self._listened.set()
        else:
            self._listened.clear()

    async def _on_request(self, connection: Connection, value: bytes) -> None:
        try:
            request = polar.parse(bytes(value))
        except polar.RequestError as error:
            reply = polar.answer(error.operation, error.measurement, error.status)
        else:
            reply = self._reply(request, int(connection.att_mtu))
        self.answer(self._control, reply)

    def _reply(self, request: polar.Request, mtu: int) -> bytes:
        operation, kind = request.operation, request.measurement
        if operation not in set(Operation):
            return polar.answer(operation, kind, Status.INVALID_OPERATION)
        if kind not in self._offered:
            return polar.answer(operation, kind, Status.INVALID_MEASUREMENT)
        measurement = Measurement(kind)
        offered = self._offered[measurement]
        if operation == Operation.GET_SETTINGS:
            return polar.answer(operation, kind, Status.SUCCESS, polar.offer(offered))
        if operation == Operation.STOP:
            return polar.answer(operation, kind, self._end(measurement))
        status = polar.refusal(offered, request.chosen)
        if status is Status.SUCCESS:
            status = self._begin(measurement, request.chosen, mtu)
        return polar.answer(operation, kind, status)

    def _begin(self, kind: Measurement, chosen: dict[Setting, int], mtu: int) -> Status:
        if kind is Measurement.ECG and self.ecg.over:
            return Status.INVALID_STATE
        if kind in self._streams:
            return Status.ALREADY_IN_STATE
        # 3 bytes of ATT header and 10 of the frame's own stand before the samples.
        room = (self.believed_mtu or mtu) - 13
        if kind is Measurement.ECG:
            samples, job = min(ECG_SAMPLES, room // 3), self._stream_ecg
        else:
            samples, job = min(ACC_SAMPLES, room // 6), self._stream_acceleration
        if samples < 1:
            return Status.INVALID_MTU
        offered = self._offered[kind][Setting.SAMPLE_RATE]
        rate_hz = chosen.get(Setting.SAMPLE_RATE, offered[0])
        self._streams[kind] = asyncio.create_task(job(samples, rate_hz))
        return Status.SUCCESS

    def _end(self, kind: Measurement) -> Status:
        task = self._streams.pop(kind, None)
        if task is None:
            return Status.ALREADY_IN_STATE
        task.cancel()
        if kind is Measurement.ECG:
            self.ecg.rewind()
        return Status.SUCCESS

    async def _stream_ecg(self, samples: int, rate_hz: int) -> None:
        del rate_hz  # the source has one rate only
        await self._listened.wait()
        origin_s, number = self.ecg.begin(self.clock.now_s())
        while len(block := self.ecg.read(number, samples)):
            number += len(block)
            last_s = origin_s + (number - 1) / self.ecg.true_hz
            sensed = self._sensed(block, number - len(block))
            await self._send(last_s, wire.pmd_ecg(self.device_clock.ns(last_s), sensed.tolist()))
            self.ecg.sent(number)

    def _sensed(self, block: NDArray[np.int32], first: int) -> NDArray[np.int32]:
        """What the electrodes make of the heart: poor contact adds noise, none leaves noise."""
        if self.worn and not self.noise_uv:
            return block
        noise = self._electrodes.take(first, len(block))
        if not self.worn:
            return quantised_uv(_OFF_BODY_UV * noise)
        return quantised_uv(block + self.noise_uv * noise)

    async def _stream_acceleration(self, samples: int, rate_hz: int) -> None:
        await self._listened.wait()
        true_hz = rate_hz * CRYSTAL
        number = int(self.clock.now_s() * true_hz) + 1
        while True:
            times_s = np.arange(number, number + samples) / true_hz
            force_mg = self._motion.acceleration_mg(times_s, number)
            number += samples
            last_s = float(times_s[-1])
            stamp_ns = self.device_clock.ns(last_s)
            frame = wire.pmd_acceleration(stamp_ns, np.rint(force_mg).astype(np.int16))
            await self._send(last_s, frame)

    async def _send(self, due_s: float, frame: bytes) -> None:
        await self.clock.until(due_s)
        await self._ready_to_send()
        await self.notify(self._data, frame)


def rr_1024(time_s: float, rr_s: float) -> int:
    """An interval in 1/1024 s such that their sum never drifts from the beats' own times."""
    return round(time_s * 1024) - round((time_s - rr_s) * 1024)
