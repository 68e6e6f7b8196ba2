"""Room sensors that only advertise: nobody connects to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bumble import hci
from bumble.core import AdvertisingData

from vointi_sim.clock import Clock
from vointi_sim.radio import Advertisement, Radio
from vointi_sim.service_point.room import Room
from vointi_sim.wearables import wire
from vointi_sim.wearables.mischief import Mischief

RUUVI = 0x0499
BTHOME = 0xFCD2
# RuuviTag firmware 3 advertises, and measures, every 1285 ms.
_RUUVI_PERIOD_S = 1.285
# Lying flat on a shelf.
_FLAT_MG = (4, -12, 1004)
# A battery BTHome sensor measures rarely and repeats, as advertisements get lost.
_BTHOME_PERIOD_S = 1.0
_BTHOME_REPEATS = 5


class Beacon:
    """An advertiser that is not connectable; `content(n, now_s)` is its n-th advertisement."""

    def __init__(
        self,
        radio: Radio,
        clock: Clock,
        *,
        address: str,
        name: str,
        period_s: float,
        content: Callable[[Beacon, int, float], bytes],
    ) -> None:
        self.address = address
        self.name = name
        self.battery_pct = 88
        self.sent = 0
        self.mischief = Mischief(address)
        self.on = False
        self._radio = radio
        self._clock = clock
        self._period_s = period_s
        self._content = content
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Put the cell in."""
        self.on = True
        self._task = asyncio.create_task(self._advertise(), name=f"{self.name}/advertise")

    async def stop(self) -> None:
        """Take the cell out."""
        self.on = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def connected(self) -> bool:
        """Never."""
        return False

    async def set_battery(self, percent: int) -> None:
        """Set the state of charge that the next advertisement tells."""
        self.battery_pct = percent

    def drop(self, _reason: int) -> int:
        """There is no link to drop."""
        return 0

    async def _advertise(self) -> None:
        address = hci.Address(self.address)
        number = int(self._clock.now_s() / self._period_s) + 1
        while True:
            due_s = number * self._period_s
            await self._clock.until(due_s)
            for data in self.mischief.pass_on("adv", self._content(self, number, due_s)):
                self._radio.broadcast(Advertisement(address, data, b"", connectable=False))
                self.sent += 1
            number += 1


def ruuvitag(radio: Radio, clock: Clock, address: str, room: Room) -> Beacon:
    """A RuuviTag in a room, data format 5."""

    def content(beacon: Beacon, number: int, now_s: float) -> bytes:
        air = room.air(now_s)
        payload = wire.ruuvi_5(
            temperature_cel=air.temperature_cel,
            humidity_pct=air.humidity_pct,
            pressure_hpa=air.pressure_hpa,
            acceleration_mg=_FLAT_MG,
            battery_mv=2_000 + 10 * beacon.battery_pct,
            movements=0,
            # 65535 means "no sequence number".
            sequence=number % 65_535,
            address=address,
        )
        return advertisement(
            AdvertisingData.MANUFACTURER_SPECIFIC_DATA, RUUVI.to_bytes(2, "little") + payload
        )

    return Beacon(
        radio, clock, address=address, name="Ruuvi", period_s=_RUUVI_PERIOD_S, content=content
    )


def bthome_sensor(radio: Radio, clock: Clock, address: str, room: Room) -> Beacon:
    """A BTHome room sensor: temperature, humidity and CO2, each measurement five times."""

    def content(beacon: Beacon, number: int, now_s: float) -> bytes:
        packet = number // _BTHOME_REPEATS
        air = room.air(packet * _BTHOME_REPEATS * _BTHOME_PERIOD_S)
        payload = wire.bthome_2(
            packet=packet,
            battery_pct=beacon.battery_pct,
            temperature_cel=air.temperature_cel,
            humidity_pct=air.humidity_pct,
            co2_ppm=round(air.co2_ppm),
        )
        del now_s
        return advertisement(
            AdvertisingData.SERVICE_DATA_16_BIT_UUID, BTHOME.to_bytes(2, "little") + payload
        )

    return Beacon(
        radio, clock, address=address, name="RoomAir", period_s=_BTHOME_PERIOD_S, content=content
    )


def advertisement(kind: int, value: bytes) -> bytes:
    """One element after the flags, as it is on air."""
    # Flags 0x06: general discoverable, no BR/EDR. With RuuviTag's 26 bytes that is all 31.
    return bytes(AdvertisingData([(AdvertisingData.FLAGS, b"\x06"), (kind, value)]))
