"""Another device with the same address: it advertises, and answers nobody."""

from __future__ import annotations

import asyncio

from bumble import hci
from bumble.core import AdvertisingData

from vointi_sim.clock import Clock
from vointi_sim.radio import Advertisement, Radio

_PERIOD_S = 0.5


class Ghost:
    """Advertises under `address` as somebody else, until stopped."""

    def __init__(self, radio: Radio, clock: Clock, address: str, name: str) -> None:
        self._radio = radio
        self._clock = clock
        self._advertisement = Advertisement(
            hci.Address(address),
            bytes(AdvertisingData([(AdvertisingData.FLAGS, b"\x06")])),
            bytes(AdvertisingData([(AdvertisingData.COMPLETE_LOCAL_NAME, name.encode())])),
            connectable=True,
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to advertise."""
        self._task = asyncio.create_task(self._advertise(), name="ghost")

    async def stop(self) -> None:
        """Fall silent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _advertise(self) -> None:
        due_s = self._clock.now_s()
        while True:
            self._radio.broadcast(self._advertisement)
            due_s += _PERIOD_S
            await self._clock.until(due_s)
