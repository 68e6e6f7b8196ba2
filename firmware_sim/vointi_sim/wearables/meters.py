"""Devices that measure now and then by a Bluetooth SIG profile, each a few lines of data."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bumble.core import UUID
from bumble.gatt import Characteristic, Service

from vointi_sim.clock import Clock
from vointi_sim.physiology import Person
from vointi_sim.radio import Radio
from vointi_sim.wearables import wire, wire_body
from vointi_sim.wearables.wearable import (
    Identity,
    Properties,
    Wearable,
    indicating,
    notifying,
    readable,
)

# A body changes over weeks, not over a simulated day.
_FAT_PCT = 24.5


@dataclass(frozen=True, slots=True)
class Measuring:
    """What a meter measures: its service, its value at a moment, and how often.

    The first value comes `first_s` after somebody subscribes, so that a page that has just been
    opened shows it soon; the others every `period_s`. Not worn it tells `unworn` instead, or
    nothing where that is None.
    """

    service: int
    measurement: Characteristic[bytes]
    others: tuple[Characteristic[bytes], ...]
    value: Callable[[float], bytes]
    first_s: float
    period_s: float
    unworn: bytes | None = None


class Meter(Wearable):
    """A device with one measurement that it tells by itself."""

    def __init__(
        self, radio: Radio, clock: Clock, identity: Identity, measuring: Measuring, battery_pct: int
    ) -> None:
        self.worn = True
        self._measuring = measuring
        self._telling: asyncio.Task[None] | None = None
        super().__init__(radio, clock, identity, battery_pct)

    def services(self) -> Sequence[Service]:
        """The one service of its profile."""
        measurement = self._measuring.measurement
        measurement.on(measurement.EVENT_SUBSCRIPTION, self._on_subscription)
        uuid = UUID.from_16_bits(self._measuring.service)
        return [Service(uuid, [measurement, *self._measuring.others])]

    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Nothing happens before somebody subscribes."""
        return []

    def on_link_lost(self) -> None:
        """Nobody is left to tell."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    async def stop(self) -> None:
        """Switch the meter off."""
        self.on_link_lost()
        await super().stop()

    def _on_subscription(self, _bearer: object, notify: bool, indicate: bool) -> None:
        self.on_link_lost()
        if notify or indicate:
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        measurement = self._measuring.measurement
        indicates = measurement.properties & Properties.INDICATE
        tell = self.indicate if indicates else self.notify
        # On whole seconds, so that the value depends on as little of the wall clock as can be.
        next_s = float(round(self.clock.now_s() + self._measuring.first_s))
        while True:
            await self.clock.until(next_s)
            value = self._measuring.value(next_s) if self.worn else self._measuring.unworn
            if value is not None:
                await tell(measurement, value)
            next_s += self._measuring.period_s


def _identity(address: str, name: str, model: str, service: int) -> Identity:
    return Identity(address, name, "Vointi simulator", model, "1.0.0", (service,))


def oximeter(radio: Radio, clock: Clock, address: str, person: Person) -> Meter:
    """A pulse oximeter by the Pulse Oximeter Service: continuous, once a second."""
    pulse = person.pulse

    def value(at_s: float) -> bytes:
        return wire.plx_continuous(
            pulse.spo2_pct(at_s), pulse.rate_per_min(at_s), pulse.perfusion_index_pct(at_s)
        )

    # PLX features: bit 6, the pulse amplitude index.
    others = (readable(0x2A60, struct.pack("<H", 1 << 6)),)
    # No finger: both numbers are "not a number".
    off_finger = b"\x00" + 2 * struct.pack("<H", wire.SFLOAT_NAN)
    measuring = Measuring(0x1822, notifying(0x2A5F), others, value, 1.0, 1.0, off_finger)
    return Meter(radio, clock, _identity(address, "Oximeter SIM", "PO-1", 0x1822), measuring, 81)


def thermometer(radio: Radio, clock: Clock, address: str, person: Person) -> Meter:
    """A body thermometer by the Health Thermometer Service: every 10 s."""

    def value(at_s: float) -> bytes:
        return wire.temperature(person.temperature_cel(at_s))

    # Temperature type 2: body.
    others = (readable(0x2A1D, b"\x02"),)
    measuring = Measuring(0x1809, indicating(0x2A1C), others, value, 3.0, 10.0)
    return Meter(radio, clock, _identity(address, "Thermometer SIM", "TH-1", 0x1809), measuring, 77)


def scale(radio: Radio, clock: Clock, address: str, person: Person) -> Meter:
    """A scale by the Weight Scale Service: first after 5 s, then every minute."""

    def value(at_s: float) -> bytes:
        return wire.weight(person.weight_kg(at_s))

    # Weight scale features: weight resolution 7 (0.005 kg) in bits 3 to 6.
    others = (readable(0x2A9E, struct.pack("<I", 7 << 3)),)
    measuring = Measuring(0x181D, indicating(0x2A9D), others, value, 5.0, 60.0)
    return Meter(radio, clock, _identity(address, "Scale SIM", "SC-1", 0x181D), measuring, 64)


def body_scale(radio: Radio, clock: Clock, address: str, person: Person) -> Meter:
    """A body composition scale: first after 5 s, then every minute."""

    def value(at_s: float) -> bytes:
        weight_kg = person.weight_kg(at_s)
        return wire_body.body_composition(
            fat_pct=_FAT_PCT,
            muscle_kg=0.42 * weight_kg,
            water_kg=0.56 * weight_kg,
            impedance_ohm=480.0 + person.temperature_cel(at_s),
            weight_kg=weight_kg,
        )

    # Body composition features: muscle mass, water mass, impedance, weight.
    others = (readable(0x2A9B, struct.pack("<I", 1 << 4 | 1 << 7 | 1 << 8 | 1 << 9)),)
    measuring = Measuring(0x181B, indicating(0x2A9C), others, value, 5.0, 60.0)
    return Meter(radio, clock, _identity(address, "Body scale SIM", "BC-1", 0x181B), measuring, 66)


def cuff(radio: Radio, clock: Clock, address: str, person: Person) -> Meter:
    """A blood-pressure cuff by the Blood Pressure Service: first after 8 s, then every minute."""
    identity = _identity(address, "Cuff SIM", "BP-1", 0x1810)
    return Meter(radio, clock, identity, pressures(person), 58)


def pressures(person: Person) -> Measuring:
    """Blood pressure: first after 8 s, then every minute."""

    def value(at_s: float) -> bytes:
        pressure = person.pressure(at_s)
        return wire.blood_pressure(
            pressure.systolic, pressure.diastolic, pressure.mean, person.heart.rate_per_min(at_s)
        )

    # No blood pressure feature that needs a flag.
    others = (readable(0x2A49, b"\0\0"),)
    return Measuring(0x1810, indicating(0x2A35), others, value, 8.0, 60.0)
