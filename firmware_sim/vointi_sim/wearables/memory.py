"""Devices that remember: a cuff, a scale and a glucose meter that measure while nobody is linked.

What was measured away from the edge is stored with the device's own time and told later: by cuff
and scale as soon as somebody subscribes (and deleted once confirmed), by the glucose meter when it
is asked at its Record Access Control Point.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bumble.att import Attribute
from bumble.core import UUID
from bumble.device import Connection
from bumble.gatt import Characteristic, CharacteristicValue, Service

from vointi_sim.clock import Clock
from vointi_sim.physiology import Person
from vointi_sim.radio import Radio
from vointi_sim.wearables import wire
from vointi_sim.wearables.wearable import (
    Identity,
    Properties,
    Wearable,
    indicating,
    notifying,
    readable,
)

#: What the calendar of a device says when the simulator starts.
EPOCH: Final = datetime(2026, 1, 1)
_STORED_AT_MOST: Final = 100
_CURRENT_TIME_SERVICE, _CURRENT_TIME = 0x1805, 0x2A2B
# Record Access Control Point, Glucose Service 1.0.1, clause 3.4.
_CONTROL_POINT: Final = 0x2A52
_REPORT, _ANSWER = 0x01, 0x06
_ALL, _FROM, _LAST = 0x01, 0x03, 0x06
_DONE, _UNSUPPORTED, _NO_RECORDS = 0x01, 0x03, 0x06


def calendar(at_s: float) -> bytes:
    """Seven bytes of date and time, as the health profiles write them."""
    day = EPOCH + timedelta(seconds=int(at_s))
    fields = (day.year, day.month, day.day, day.hour, day.minute, day.second)
    return struct.pack("<HBBBBB", *fields)


@dataclass(frozen=True, slots=True)
class Remembering:
    """What a device measures each `period_s`, first at `first_s`: bytes at a simulated time."""

    service: int
    measurement: Characteristic[bytes]
    others: tuple[Characteristic[bytes], ...]
    value: Callable[[float], bytes]
    first_s: float
    period_s: float


class MemoryMeter(Wearable):
    """Measures all the time; stores what nobody subscribed to."""

    def __init__(
        self, radio: Radio, clock: Clock, identity: Identity, remembering: Remembering
    ) -> None:
        self.stored: deque[bytes] = deque(maxlen=_STORED_AT_MOST)
        # Firmware that deletes only at the end of a link tells the same again after a lost one.
        self.forgets_confirmations = False
        self._remembering = remembering
        self._telling: asyncio.Task[None] | None = None
        super().__init__(radio, clock, identity, 71)

    def services(self) -> Sequence[Service]:
        """Its profile's service, and its calendar."""
        measurement = self._remembering.measurement
        measurement.on(measurement.EVENT_SUBSCRIPTION, self._on_subscription)
        uuid = UUID.from_16_bits(self._remembering.service)
        return [Service(uuid, [measurement, *self._remembering.others]), self._calendar()]

    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """It measures whether anybody listens or not."""
        return [self._measure]

    def on_link_lost(self) -> None:
        """What was not confirmed stays stored."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    def take(self, value: bytes) -> None:
        """Store a measurement."""
        self.stored.append(value)

    def _calendar(self) -> Service:
        def read(_connection: Connection) -> bytes:
            now_s = self.clock.now_s()
            weekday = (EPOCH + timedelta(seconds=now_s)).isoweekday()
            return calendar(now_s) + bytes((weekday, 0, 0))

        current: Characteristic[bytes] = Characteristic(
            UUID.from_16_bits(_CURRENT_TIME),
            Properties.READ,
            Attribute.READABLE,
            CharacteristicValue(read=read),
        )
        return Service(UUID.from_16_bits(_CURRENT_TIME_SERVICE), [current])

    async def _measure(self) -> None:
        next_s = self._remembering.first_s
        while True:
            await self.clock.until(next_s)
            self.take(self._remembering.value(next_s))
            self._tell_soon()
            next_s += self._remembering.period_s

    def _on_subscription(self, _bearer: object, _notify: bool, indicate: bool) -> None:
        if indicate:
            self._tell_soon()

    def _tell_soon(self) -> None:
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        """Indicate what is stored, the oldest first, each once confirmed."""
        measurement, server = self._remembering.measurement, self.device.gatt_server
        told = 0
        while told < len(self.stored) and self.subscribed(measurement):
            record = self.stored[told]
            for connection in list(self.device.connections.values()):
                self.sent += 1
                await server.indicate_subscriber(connection, measurement, record)
            if self.forgets_confirmations:
                told += 1
            else:
                self.stored.remove(record)


class GlucoseMeter(MemoryMeter):
    """Tells its records when it is asked, and keeps them."""

    def __init__(self, radio: Radio, clock: Clock, address: str) -> None:
        self._count = 0
        self._control: Characteristic[bytes] = Characteristic(
            UUID.from_16_bits(_CONTROL_POINT),
            Properties.WRITE | Properties.INDICATE,
            Attribute.WRITEABLE,
            CharacteristicValue(write=self._on_request),
        )
        others = (readable(0x2A51, b"\0\0"), self._control)
        remembering = Remembering(0x1808, notifying(0x2A18), others, self._record, 20.0, 600.0)
        super().__init__(
            radio, clock, _identity(address, "Glucose SIM", "GM-1", 0x1808), remembering
        )

    def _record(self, at_s: float) -> bytes:
        """Flags: concentration in mol/L, type and location; 5.2 to 6.4 mmol/L over the day."""
        self._count += 1
        moles = 0.0052 + 0.0003 * (self._count % 5)
        head = struct.pack("<BH", 0x06, self._count) + calendar(at_s)
        # Type 1 (capillary whole blood), location 1 (finger).
        return head + wire.sfloat(moles, -4) + b"\x11"

    def _tell_soon(self) -> None:
        """Records come by request alone."""

    async def _on_request(self, _connection: Connection, request: bytes) -> None:
        operator = request[1] if len(request) > 1 else 0
        chosen = list(self._chosen(operator, bytes(request[2:])))
        for record in chosen:
            await self.notify(self._remembering.measurement, record)
        known = request[:1] == bytes((_REPORT,)) and operator in (_ALL, _FROM, _LAST)
        code = (_DONE if chosen else _NO_RECORDS) if known else _UNSUPPORTED
        answer = bytes((_ANSWER, 0x00, request[0] if request else 0, code))
        self.answer(self._control, answer)

    def _chosen(self, operator: int, operand: bytes) -> Sequence[bytes]:
        records = list(self.stored)
        if operator == _ALL:
            return records
        if operator == _LAST:
            return records[-1:]
        if operator == _FROM and len(operand) == 3 and operand[0] == 0x01:
            first = int.from_bytes(operand[1:], "little")
            return [one for one in records if int.from_bytes(one[1:3], "little") >= first]
        return []


def _identity(address: str, name: str, model: str, service: int) -> Identity:
    return Identity(address, name, "Vointi simulator", model, "1.0.0", (service,))


def memory_cuff(radio: Radio, clock: Clock, address: str, person: Person) -> MemoryMeter:
    """A cuff that measures every half hour and stamps its measurements."""

    def value(at_s: float) -> bytes:
        pressure = person.pressure(at_s)
        made = wire.blood_pressure(
            pressure.systolic, pressure.diastolic, pressure.mean, person.heart.rate_per_min(at_s)
        )
        # The time stamp (flag 1) stands before the pulse rate (flag 2), which is last.
        return bytes((made[0] | 0x02,)) + made[1:7] + calendar(at_s) + made[7:]

    others = (readable(0x2A49, b"\0\0"),)
    remembering = Remembering(0x1810, indicating(0x2A35), others, value, 15.0, 1800.0)
    return MemoryMeter(radio, clock, _identity(address, "Cuff M SIM", "BP-2", 0x1810), remembering)


def memory_scale(radio: Radio, clock: Clock, address: str, person: Person) -> MemoryMeter:
    """A scale that somebody steps on every six hours, with time stamps."""

    def value(at_s: float) -> bytes:
        made = wire.weight(person.weight_kg(at_s))
        return bytes((made[0] | 0x02,)) + made[1:] + calendar(at_s)

    others = (readable(0x2A9E, struct.pack("<I", 7 << 3 | 1)),)
    remembering = Remembering(0x181D, indicating(0x2A9D), others, value, 15.0, 21_600.0)
    return MemoryMeter(radio, clock, _identity(address, "Scale M SIM", "SC-2", 0x181D), remembering)
