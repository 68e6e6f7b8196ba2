"""The service-point box: a microcontroller that counts people and measures the air."""

from __future__ import annotations

import asyncio

from vointi_sim.clock import Clock
from vointi_sim.physiology.timeline import Noise
from vointi_sim.service_point.line import line
from vointi_sim.service_point.room import Room
from vointi_sim.service_point.tty import SerialLine
from vointi_sim.service_point.visitors import Visitors

# Often enough that a person at the door is counted before the next one comes.
_POLL_S = 0.25
_AIR_PERIOD_S = 2.0


class Box:
    """The box's firmware: it tells the air every 2 s, people when they pass, buttons when pressed.

    The counters are told once more when somebody listens after nobody did, so that a reader that
    has just come knows them.
    """

    def __init__(
        self, cable: SerialLine, clock: Clock, seed: int, visitors: Visitors, room: Room
    ) -> None:
        self.cable = cable
        self.sent = 0
        self._clock = clock
        self._visitors = visitors
        self._room = room
        self._noise = Noise(seed, "box/air")
        self._told = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Power on; the cable must be open."""
        self._task = asyncio.create_task(self._run(), name="box")

    async def stop(self) -> None:
        """Power off and take the cable away."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.cable.close()

    async def _run(self) -> None:
        tick = int(self._clock.now_s() / _POLL_S)
        every = round(_AIR_PERIOD_S / _POLL_S)
        while True:
            tick += 1
            now_s = tick * _POLL_S
            await self._clock.until(now_s)
            self._doors(now_s)
            if tick % every == 0:
                self._air(tick // every, now_s)

    def _doors(self, now_s: float) -> None:
        for passage in self._visitors.between(now_s - _POLL_S, now_s):
            self._people(passage.time_s, passage.people_in, passage.people_out)
            if passage.button is not None:
                self._say(passage.time_s, "button", button=passage.button)

    def _air(self, number: int, now_s: float) -> None:
        if not self._told:
            last = self._visitors.last(now_s)
            self._told = self._people(now_s, last.people_in, last.people_out)
        air, noise = self._room.air(now_s), self._noise.take(3 * number, 3)
        self._say(
            now_s,
            "air",
            # The sensor's own repeatability (Sensirion SCD4x, SHT4x data sheets).
            co2_ppm=round(air.co2_ppm + 4 * float(noise[0])),
            temperature_c=round(air.temperature_cel + 0.03 * float(noise[1]), 2),
            humidity_pct=round(air.humidity_pct + 0.1 * float(noise[2]), 2),
        )

    def _people(self, at_s: float, people_in: int, people_out: int) -> bool:
        return self._say(at_s, "people", **{"in": people_in, "out": people_out})

    def _say(self, at_s: float, kind: str, **fields: float) -> bool:
        self.sent += 1
        taken = self.cable.write(line(self.sent, round(at_s * 1000), kind, **fields))
        self._told = self._told and taken
        return taken
