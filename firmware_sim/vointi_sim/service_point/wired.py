"""A service point whose sensors hang on wires: every twin at once, told by the same visitors."""

from __future__ import annotations

import asyncio
from pathlib import Path

from vointi_sim.clock import Clock
from vointi_sim.physiology.timeline import Noise
from vointi_sim.service_point.camera import Camera
from vointi_sim.service_point.gpio_pipe import GpioPipe
from vointi_sim.service_point.iio_tree import IioTree
from vointi_sim.service_point.radar import frame
from vointi_sim.service_point.room import Room, RoomSize
from vointi_sim.service_point.tty import SerialLine
from vointi_sim.service_point.visitors import Passage, Visitors
from vointi_sim.service_point.zigbee import Bridge

CO2_BUS, DUST_BUS, LIGHT_BUS = "1-0062", "1-0069", "1-0023"
BUTTONS = {1: 17, 2: 27, 3: 22, 4: 23, 5: 24}
OUTER, INNER, DOOR, MOTION = 5, 6, 13, 19
ZIGBEE_AIR, ZIGBEE_DOOR = "zigbee2mqtt/hall", "zigbee2mqtt/back-door"
_ROOM = RoomSize(volume_m3=140.0, changes_per_h=2.5)
_TICK_S = 0.1  # the radar's period
_AIR_TICKS = 50  # the CO2 sensor measures every 5 s
_BRIDGE_TICKS = 100
# The motion sensor holds its output as long as cheap ones do.
_HOLD_S = 3.0
_MS = 1_000_000


class WiredPoint:
    """Twins below `folder`: simulated-sysfs/, {panel,beams,door,motion}.gpio, radar.tty.

    `camera` and `bridge` are started by who knows their addresses. Two points of one seed have the
    same visitors and the same air.
    """

    def __init__(self, folder: Path, clock: Clock, seed: int) -> None:
        self.visitors = Visitors(seed)
        self.iio = IioTree(folder)
        self.panel = GpioPipe(folder / "panel.gpio", tuple(BUTTONS.values()))
        self.beams = GpioPipe(folder / "beams.gpio", (OUTER, INNER))
        self.door = GpioPipe(folder / "door.gpio", (DOOR,))
        self.motion = GpioPipe(folder / "motion.gpio", (MOTION,))
        self.radar = SerialLine(folder / "radar.tty")
        self.camera = Camera(self._counted, "vointi", "counts")
        self.bridge = Bridge()
        self._clock = clock
        self._room = Room(seed, _ROOM, self.visitors.present)
        self._noise = Noise(seed, "wired")
        self._last = self.visitors.last(0.0)
        self._moved_s = -_HOLD_S
        self._task: asyncio.Task[None] | None = None

    def start(self, field: str) -> None:
        """Make the files and begin to tell. Raises ListenError naming `field`."""
        self.iio.open(field)
        scales = {"in_concentration_co2_scale": "0.000100", "in_temp_scale": "2.670288085"}
        scales |= {"in_temp_offset": "-16852.114286", "in_humidityrelative_scale": "1.525878906"}
        self.iio.plug(CO2_BUS, "scd41", scales)
        self.iio.plug(DUST_BUS, "sps30", {})
        self.iio.plug(LIGHT_BUS, "bh1750", {"in_illuminance_scale": "0.833333"})
        self._air(0)
        for pipe in (self.panel, self.beams, self.door, self.motion):
            pipe.open(field)
        self.radar.open(field)
        self._task = asyncio.create_task(self._run(), name="wired point")

    async def stop(self) -> None:
        """Stop telling and take everything away."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for pipe in (self.panel, self.beams, self.door, self.motion):
            pipe.close()
        self.radar.close()
        self.iio.close()
        await self.camera.stop()
        await self.bridge.stop()

    def _counted(self) -> tuple[int, int]:
        last = self.visitors.last(self._clock.now_s())
        return last.people_in, last.people_out

    async def _run(self) -> None:
        tick = int(self._clock.now_s() / _TICK_S)
        while True:
            tick += 1
            now_s = tick * _TICK_S
            await self._clock.until(now_s)
            for pipe in (self.panel, self.beams, self.door, self.motion):
                pipe.listen()
            for passage in self.visitors.between(now_s - _TICK_S, now_s):
                self._passes(passage)
            self.motion.edge(MOTION, now_s - self._moved_s < _HOLD_S)
            self.radar.write(frame(self.visitors.present(now_s), now_s))
            if tick % _AIR_TICKS == 0:
                self._air(now_s)
            if tick % _BRIDGE_TICKS == 0:
                self._speak(now_s)

    def _passes(self, passage: Passage) -> None:
        before, self._last = self._last, passage
        if passage.time_s <= before.time_s:
            return  # who is inside at the opening has not passed
        first, second = (OUTER, INNER) if passage.people_in > before.people_in else (INNER, OUTER)
        steps = ((first, True, 420), (second, True, 300), (first, False, 120), (second, False, 0))
        self.door.edge(DOOR, True, 600 * _MS)
        for offset, active, age_ms in steps:
            self.beams.edge(offset, active, age_ms * _MS)
        self.door.edge(DOOR, False)
        self._moved_s = passage.time_s
        self.bridge.publish(ZIGBEE_DOOR, {"contact": False, "linkquality": 90})
        self.bridge.publish(ZIGBEE_DOOR, {"contact": True, "linkquality": 90})
        if passage.button is not None:
            self.panel.edge(BUTTONS[passage.button], True, 200 * _MS)
            self.panel.edge(BUTTONS[passage.button], False)

    def _air(self, now_s: float) -> None:
        air, noise = self._room.air(now_s), self._noise.take(3 * round(now_s), 3)
        people = self.visitors.present(now_s)
        # The SCD4x's words: T = -45 + 175 × word / 65536, RH = 100 × word / 65536.
        co2 = round(air.co2_ppm + 4 * float(noise[0]))
        self._set(CO2_BUS, "in_concentration_co2_raw", str(co2))
        self._set(CO2_BUS, "in_temp_raw", str(round((air.temperature_cel + 45) / 175 * 65_536)))
        self._set(CO2_BUS, "in_humidityrelative_raw", str(round(air.humidity_pct * 655.36)))
        dust = 2.0 + 0.3 * people + 0.1 * float(noise[1])
        for size, share in (("pm1", 0.8), ("pm2p5", 1.0), ("pm4", 1.1), ("pm10", 1.15)):
            self._set(DUST_BUS, f"in_massconcentration_{size}_input", f"{dust * share:.6f}")
        self._set(LIGHT_BUS, "in_illuminance_raw", str(round(480 + 3 * float(noise[2]))))

    def _set(self, bus: str, file: str, text: str) -> None:
        if self.iio.has(bus):
            self.iio.write(bus, file, text)

    def _speak(self, now_s: float) -> None:
        air = self._room.air(now_s)
        told = {
            "temperature": round(air.temperature_cel, 2),
            "humidity": round(air.humidity_pct, 1),
        }
        self.bridge.publish(ZIGBEE_AIR, {**told, "battery": 87, "linkquality": 120})
