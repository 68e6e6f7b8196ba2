"""What may go wrong on purpose: each fault a small table, from JSON or from TOML.

The same tables serve the control port and scenario files, hence a fault is planned (checked)
apart from being made to happen, and no field depends on when or by whom it is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from bumble import hci

from vointi_sim.errors import ArgumentError
from vointi_sim.places import Place, SimulatedDevice
from vointi_sim.wearables.strap import Strap

# Linux's default of 420 ms is short; BlueZ configurations that last use a few seconds.
_SUPERVISION_S = 2.0
_TIMEOUT = int(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

Fields = Mapping[str, Any]
Action = Callable[[], Coroutine[Any, Any, None]]


class Faults:
    """Makes faults happen in the places of a simulation.

    A table has `op` and the op's fields. `device` is an address or an advertised name, `place`
    a place's name; without either, all are meant.

    * drop: {device?, place?, reason? = 8 (HCI error code)}: the link is lost at both ends
    * range: {device?, place?, in: bool, supervision_s? = 2}: nothing passes any more; links are
      lost after `supervision_s`, never when it is null (then only silence tells)
    * adv_loss: {place?, probability}: advertisements not heard
    * delay: {place?, seconds}: added to every data packet
    * battery: {device?, percent}
    * wear: {device?, worn: bool}: a strap's skin contact
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = tuple(places)
        self._ops: dict[str, Callable[[Fields], Action]] = {
            "drop": self._drop,
            "range": self._range,
            "adv_loss": self._adv_loss,
            "delay": self._delay,
            "battery": self._battery,
            "wear": self._wear,
        }

    def plan(self, table: Fields) -> Action:
        """Check one fault; awaiting the result makes it happen. Raises ArgumentError."""
        planner = self._ops.get(str(table.get("op")))
        if planner is None:
            known = ", ".join(self._ops)
            raise ArgumentError("op", f"{table.get('op')!r} is unknown", f"use one of {known}")
        return planner(table)

    # -- the faults

    def _drop(self, table: Fields) -> Action:
        _only(table, "device", "place", "reason")
        reason = int(_number(table, "reason", 1, 0xFF, default=_TIMEOUT))
        meant = self._meant(table)

        async def act() -> None:
            for _, device in meant:
                device.drop(reason)

        return act

    def _range(self, table: Fields) -> Action:
        _only(table, "device", "place", "in", "supervision_s")
        inside = _flag(table, "in")
        lasting = table.get("supervision_s", _SUPERVISION_S) is not None
        after_s = _number(table, "supervision_s", 0, 32, default=_SUPERVISION_S) if lasting else 0
        meant = self._meant(table)

        async def act() -> None:
            for place, device in meant:
                place.radio.set_in_range(device.address, inside)
                if not inside and lasting:
                    loop = asyncio.get_running_loop()
                    loop.call_later(after_s, _lose_if_away, place, device)

        return act

    def _adv_loss(self, table: Fields) -> Action:
        _only(table, "place", "probability")
        probability = _number(table, "probability", 0, 1)
        places = self._meant_places(table)

        async def act() -> None:
            for place in places:
                place.radio.adv_loss = probability

        return act

    def _delay(self, table: Fields) -> Action:
        _only(table, "place", "seconds")
        seconds = _number(table, "seconds", 0, 60)
        places = self._meant_places(table)

        async def act() -> None:
            for place in places:
                place.radio.delay_s = seconds

        return act

    def _battery(self, table: Fields) -> Action:
        _only(table, "device", "place", "percent")
        percent = int(_number(table, "percent", 0, 100))
        meant = self._meant(table)

        async def act() -> None:
            for _, device in meant:
                await device.set_battery(percent)

        return act

    def _wear(self, table: Fields) -> Action:
        _only(table, "device", "place", "worn")
        worn = _flag(table, "worn")
        straps = [device for _, device in self._meant(table) if isinstance(device, Strap)]
        if not straps:
            raise ArgumentError("device", "is no strap", "name a strap, or no device")

        async def act() -> None:
            for strap in straps:
                strap.worn = worn

        return act

    # -- who is meant

    def _meant_places(self, table: Fields) -> Sequence[Place]:
        name = table.get("place")
        places = [place for place in self._places if name in (None, place.name)]
        if not places:
            known = ", ".join(place.name for place in self._places)
            raise ArgumentError("place", f"{name!r} is unknown", f"use one of {known}")
        return places

    def _meant(self, table: Fields) -> Sequence[tuple[Place, SimulatedDevice]]:
        wanted = table.get("device")
        pairs = [(place, device) for place in self._meant_places(table) for device in place.devices]
        meant = [pair for pair in pairs if wanted in (None, pair[1].address, pair[1].name)]
        if not meant:
            known = ", ".join(device.address for _, device in pairs)
            raise ArgumentError("device", f"{wanted!r} is unknown", f"use one of {known}")
        return meant


def _lose_if_away(place: Place, device: SimulatedDevice) -> None:
    if not place.radio.in_range(device.address):
        device.drop(_TIMEOUT)


def _only(table: Fields, *known: str) -> None:
    for key in table:
        if key not in (*known, "op", "at_s"):
            raise ArgumentError(key, "is unknown here", f"use {', '.join(known)}")


def _number(
    table: Fields, key: str, low: float, high: float, default: float | None = None
) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ArgumentError(key, f"{value!r} is wrong", f"use a number from {low} to {high}")
    return float(value)


def _flag(table: Fields, key: str) -> bool:
    value = table.get(key)
    if not isinstance(value, bool):
        raise ArgumentError(key, f"{value!r} is wrong", "use true or false")
    return value
