"""A Movesense chest sensor: raw ECG and movement by the GATT SensorData Protocol (GSP 1).

Source: Movesense document GD-77. A command is code, the client's reference, a path; an answer is 1,
the reference and a status as in HTTP; a measurement is 2, the reference, the time of its first
sample (uint32, ms since the sensor started) and the samples.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np
from bumble.att import Attribute
from bumble.core import UUID
from bumble.device import Connection
from bumble.gatt import Characteristic, CharacteristicValue, Service
from numpy.typing import NDArray

from vointi_sim.clock import Clock
from vointi_sim.physiology import Person
from vointi_sim.radio import Radio
from vointi_sim.wearables.sources import CRYSTAL
from vointi_sim.wearables.wearable import Identity, Properties, Wearable, notifying

SERVICE: Final = UUID("34802252-7185-4D5D-B431-630E7050E8F0")
COMMAND: Final = UUID("34800001-7185-4D5D-B431-630E7050E8F0")
NOTIFY: Final = UUID("34800002-7185-4D5D-B431-630E7050E8F0")
_SUBSCRIBE, _UNSUBSCRIBE = 1, 2
_ANSWER, _DATA = 1, 2
_OK, _BAD_REQUEST, _NOT_FOUND = 200, 400, 404
# Movesense's own figure: a gain of 20 and 17 bits to the volt.
_UV_PER_CODE: Final = 1e6 / 20 / (1 << 17)
_M_S2_PER_MG: Final = 9.80665e-3
_ECG_SAMPLES: Final = 16
_IMU_SAMPLES: Final = 4
_ECG_PATH: Final = re.compile(r"/Meas/ECG/(125|128|200|250|256|500|512)")
_IMU_PATH: Final = re.compile(r"/Meas/IMU6/(13|26|52|104|208)")


def _identity(address: str) -> Identity:
    name = f"Movesense {address.replace(':', '')[-8:]}"
    return Identity(address, name, "Movesense", "HR2", "2.3.0", (0xFDF3,))


class ChestSensor(Wearable):
    """The sensor on a person's chest."""

    def __init__(self, radio: Radio, clock: Clock, address: str, person: Person) -> None:
        self._person = person
        self._started_s = clock.now_s()
        self._streams: dict[int, asyncio.Task[None]] = {}
        super().__init__(radio, clock, _identity(address), 88)

    def services(self) -> Sequence[Service]:
        """The one service of the protocol."""
        self._data = notifying(NOTIFY)
        command: Characteristic[bytes] = Characteristic(
            COMMAND,
            Properties.WRITE,
            Attribute.WRITEABLE,
            CharacteristicValue(write=self._on_command),
        )
        return [Service(SERVICE, [command, self._data])]

    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Nothing happens before somebody subscribes."""
        return []

    def on_link_lost(self) -> None:
        """Subscriptions belong to the link."""
        for task in self._streams.values():
            task.cancel()
        self._streams.clear()

    def new_battery(self) -> None:
        """A fresh cell: its milliseconds begin again."""
        self._started_s = self.clock.now_s()

    async def stop(self) -> None:
        """Switch the sensor off."""
        self.on_link_lost()
        await super().stop()

    async def _on_command(self, _connection: Connection, value: bytes) -> None:
        if len(value) < 2:
            return
        code, reference, path = value[0], value[1], bytes(value[2:]).decode("ascii", "replace")
        status = _BAD_REQUEST
        if code == _SUBSCRIBE:
            status = self._begin(reference, path)
        elif code == _UNSUBSCRIBE:
            status = self._end(reference)
        await self.notify(self._data, struct.pack("<BBH", _ANSWER, reference, status))

    def _begin(self, reference: int, path: str) -> int:
        self._end(reference)
        for pattern, job in ((_ECG_PATH, self._stream_ecg), (_IMU_PATH, self._stream_imu)):
            found = pattern.fullmatch(path)
            if found is not None:
                self._streams[reference] = asyncio.create_task(job(reference, int(found[1])))
                return _OK
        return _NOT_FOUND

    def _end(self, reference: int) -> int:
        task = self._streams.pop(reference, None)
        if task is None:
            return _NOT_FOUND
        task.cancel()
        return _OK

    async def _stream_ecg(self, reference: int, rate_hz: int) -> None:
        true_hz = rate_hz * CRYSTAL
        number = int(self.clock.now_s() * true_hz) + 1
        while True:
            times_s = np.arange(number, number + _ECG_SAMPLES) / true_hz
            codes = np.rint(self._person.heart.ecg_uv(times_s, number) / _UV_PER_CODE)
            number += _ECG_SAMPLES
            await self._tell(reference, times_s, codes.astype("<i4").tobytes())

    async def _stream_imu(self, reference: int, rate_hz: int) -> None:
        """All accelerations, then all angular velocities [deg/s]: a chest hardly turns."""
        true_hz = rate_hz * CRYSTAL
        number = int(self.clock.now_s() * true_hz) + 1
        while True:
            times_s = np.arange(number, number + _IMU_SAMPLES) / true_hz
            felt = self._person.motion.acceleration_mg(times_s, number) * _M_S2_PER_MG
            number += _IMU_SAMPLES
            still = np.zeros_like(felt)
            await self._tell(reference, times_s, np.stack([felt, still]).astype("<f4").tobytes())

    async def _tell(self, reference: int, times_s: NDArray[np.float64], samples: bytes) -> None:
        await self.clock.until(float(times_s[-1]))
        first_ms = round((float(times_s[0]) - self._started_s) * 1000) & 0xFFFFFFFF
        head = struct.pack("<BBI", _DATA, reference, first_ms)
        await self.notify(self._data, head + samples)
