"""The air of a room: a balance of what people breathe out and what the ventilation takes away."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vointi_sim.physiology.timeline import Timeline, generator

_STEP_S = 1.0
_OUTDOOR_PPM = 430.0
# One adult sitting or in light work breathes out about 0.0052 L of CO2 a second
# (Persily & de Jonge 2017, Indoor Air 27:868) and about 50 g of water an hour.
_CO2_L_PER_S = 0.0052
_WATER_G_PER_H = 50.0
_HEAT_CEL_PER_PERSON = 0.11
_TEMPERATURE_TAU_S = 1_500.0
_SETPOINT_CEL = 21.4
_OUTDOOR_WATER_G_PER_M3 = 7.2


@dataclass(frozen=True, slots=True)
class Air:
    """The air at one moment."""

    time_s: float
    co2_ppm: float
    temperature_cel: float
    humidity_pct: float
    pressure_hpa: float


@dataclass(frozen=True, slots=True)
class RoomSize:
    """Volume in m³ and air changes an hour."""

    volume_m3: float
    changes_per_h: float


class Room:
    """Well-mixed air that follows the people inside; decided by the seed."""

    def __init__(self, seed: int, size: RoomSize, present: Callable[[float], int]) -> None:
        self._air: Timeline[Air] = Timeline(_airs(seed, size, present))

    def air(self, at_s: float) -> Air:
        """The air at `at_s`, in steps of a second."""
        return self._air.last(at_s)


def _airs(seed: int, size: RoomSize, present: Callable[[float], int]) -> Iterator[Air]:
    random = generator(seed, "room")
    fresh_l_per_s = size.volume_m3 * size.changes_per_h / 3.6
    keep_air = math.exp(-_STEP_S * size.changes_per_h / 3600)
    keep_heat = math.exp(-_STEP_S / _TEMPERATURE_TAU_S)
    people = present(0.0)
    co2 = _steady_ppm(people, fresh_l_per_s)
    water = _steady_water(people, fresh_l_per_s)
    temperature = _SETPOINT_CEL + _HEAT_CEL_PER_PERSON * people
    offset = float(random.uniform(0, 2 * math.pi))
    time_s = 0.0
    while True:
        # A weather front takes hours: ±3 hPa over six.
        pressure = 1_008.0 + 3.0 * math.sin(2 * math.pi * time_s / 21_600 + offset)
        yield Air(time_s, co2, temperature, _relative_pct(water, temperature), pressure)
        time_s += _STEP_S
        people = present(time_s)
        goal = _SETPOINT_CEL + _HEAT_CEL_PER_PERSON * people
        co2 = _towards(co2, _steady_ppm(people, fresh_l_per_s), keep_air)
        water = _towards(water, _steady_water(people, fresh_l_per_s), keep_air)
        temperature = _towards(temperature, goal, keep_heat)


def _towards(value: float, goal: float, keep: float) -> float:
    return goal + (value - goal) * keep


def _steady_ppm(people: int, fresh_l_per_s: float) -> float:
    return _OUTDOOR_PPM + 1e6 * people * _CO2_L_PER_S / fresh_l_per_s


def _steady_water(people: int, fresh_l_per_s: float) -> float:
    return _OUTDOOR_WATER_G_PER_M3 + people * _WATER_G_PER_H / (fresh_l_per_s * 3.6)


def _relative_pct(water_g_per_m3: float, temperature_cel: float) -> float:
    # Saturation vapour density after Magnus (WMO No. 8, annex 4.B).
    pressure_pa = 611.2 * math.exp(17.62 * temperature_cel / (243.12 + temperature_cel))
    full = pressure_pa / (461.5 * (temperature_cel + 273.15)) * 1000
    return max(1.0, min(99.0, 100 * water_g_per_m3 / full))
