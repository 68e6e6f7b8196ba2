"""Room sensors beyond the demo's: one that is connected to, and two more that advertise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bumble.att import Attribute
from bumble.core import UUID, AdvertisingData
from bumble.gatt import Characteristic, CharacteristicValue, Service

from vointi_sim.clock import Clock
from vointi_sim.radio import Radio
from vointi_sim.service_point.room import Room
from vointi_sim.wearables import wire, wire_room
from vointi_sim.wearables.beacons import BTHOME, RUUVI, Beacon, advertisement
from vointi_sim.wearables.wearable import Identity, Properties, Wearable

_AIR_PERIOD_S = 1.0
_SEALED_PERIOD_S = 2.0


class EnvironmentSensor(Wearable):
    """A sensor of the Environmental Sensing Service that is read and never notifies."""

    def __init__(self, radio: Radio, clock: Clock, address: str, room: Room) -> None:
        self._room = room
        identity = Identity(address, "Air SIM", "Vointi simulator", "ES-1", "1.0.0", (0x181A,))
        super().__init__(radio, clock, identity, 90)

    def services(self) -> Sequence[Service]:
        """Temperature, humidity, pressure and CO2."""
        made = [self._characteristic(uuid) for uuid in self._values()]
        return [Service(UUID.from_16_bits(0x181A), made)]

    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Nothing: it is asked."""
        return []

    def _characteristic(self, uuid: int) -> Characteristic[bytes]:
        value = CharacteristicValue(read=lambda _connection: self._values()[uuid])
        return Characteristic(UUID.from_16_bits(uuid), Properties.READ, Attribute.READABLE, value)

    def _values(self) -> dict[int, bytes]:
        air = self._room.air(self.clock.now_s())
        return wire_room.ess_values(
            air.temperature_cel, air.humidity_pct, air.pressure_hpa, air.co2_ppm
        )


def ruuvi_air(radio: Radio, clock: Clock, address: str, room: Room) -> Beacon:
    """A Ruuvi Air by data format 6 (the virtual radio has no Bluetooth 5 advertisements)."""

    def content(_beacon: Beacon, number: int, now_s: float) -> bytes:
        air = room.air(now_s)
        payload = wire_room.ruuvi_6(
            temperature_cel=air.temperature_cel,
            humidity_pct=air.humidity_pct,
            pressure_hpa=air.pressure_hpa,
            pm2_5=4.2,
            co2_ppm=air.co2_ppm,
            voc_index=101,
            nox_index=1,
            light_lx=120.0,
            sequence=number,
            address=address,
        )
        kind = AdvertisingData.MANUFACTURER_SPECIFIC_DATA
        return advertisement(kind, RUUVI.to_bytes(2, "little") + payload)

    return Beacon(
        radio, clock, address=address, name="Ruuvi Air", period_s=_AIR_PERIOD_S, content=content
    )


def sealed_bthome(radio: Radio, clock: Clock, address: str, room: Room, key: bytes) -> Beacon:
    """A BTHome sensor that encrypts: its counter is the number of its advertisement."""

    def content(beacon: Beacon, number: int, now_s: float) -> bytes:
        air = room.air(now_s)
        plain = wire.bthome_2(
            packet=number,
            battery_pct=beacon.battery_pct,
            temperature_cel=air.temperature_cel,
            humidity_pct=air.humidity_pct,
            co2_ppm=round(air.co2_ppm),
        )
        payload = wire_room.sealed_bthome(plain, key=key, address=address, counter=number)
        kind = AdvertisingData.SERVICE_DATA_16_BIT_UUID
        return advertisement(kind, BTHOME.to_bytes(2, "little") + payload)

    return Beacon(
        radio, clock, address=address, name="RoomAir+", period_s=_SEALED_PERIOD_S, content=content
    )
