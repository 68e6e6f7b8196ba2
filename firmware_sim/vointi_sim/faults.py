"""What may go wrong on purpose: each fault a small value, parsed from one JSON or TOML table.

The same tables serve the control port now and scenario files later, hence no field depends on
when or by whom it is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bumble import hci

from vointi_sim.errors import ArgumentError
from vointi_sim.places import Place, SimulatedDevice
from vointi_sim.wearables.strap import Strap

# Linux's default of 420 ms is short; BlueZ configurations that last use a few seconds.
_SUPERVISION_S = 2.0
_TIMEOUT = int(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

Fields = Mapping[str, Any]


class Faults:
    """Applies faults to the places of a simulation; `apply` is the whole interface.

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
        self._ops: dict[str, Callable[[Fields], Any]] = {
            "drop": self._drop,
            "range": self._range,
            "adv_loss": self._adv_loss,
            "delay": self._delay,
            "battery": self._battery,
            "wear": self._wear,
        }

    @property
    def ops(self) -> tuple[str, ...]:
        """Names of the faults."""
        return tuple(self._ops)

    async def apply(self, table: Fields) -> None:
        """Make one fault happen now. Raises ArgumentError naming the field."""
        job = self._ops.get(str(table.get("op")))
        if job is None:
            known = ", ".join(self._ops)
            raise ArgumentError("op", f"{table.get('op')!r} is unknown", f"use one of {known}")
        result = job(table)
        if asyncio.iscoroutine(result):
            await result

    # -- the faults

    def _drop(self, table: Fields) -> None:
        _only(table, "device", "place", "reason")
        reason = _number(table, "reason", 1, 0xFF, default=_TIMEOUT)
        for _, device in self._meant(table):
            device.drop(int(reason))

    def _range(self, table: Fields) -> None:
        _only(table, "device", "place", "in", "supervision_s")
        inside = _flag(table, "in")
        lasting = table.get("supervision_s", _SUPERVISION_S) is not None
        after_s = _number(table, "supervision_s", 0, 32, default=_SUPERVISION_S) if lasting else 0
        for place, device in self._meant(table):
            place.radio.set_in_range(device.address, inside)
            if not inside and lasting:
                loop = asyncio.get_running_loop()
                loop.call_later(after_s, _lose_if_away, place, device)

    def _adv_loss(self, table: Fields) -> None:
        _only(table, "place", "probability")
        for place in self._meant_places(table):
            place.radio.adv_loss = _number(table, "probability", 0, 1)

    def _delay(self, table: Fields) -> None:
        _only(table, "place", "seconds")
        for place in self._meant_places(table):
            place.radio.delay_s = _number(table, "seconds", 0, 60)

    async def _battery(self, table: Fields) -> None:
        _only(table, "device", "place", "percent")
        percent = int(_number(table, "percent", 0, 100))
        for _, device in self._meant(table):
            await device.set_battery(percent)

    def _wear(self, table: Fields) -> None:
        _only(table, "device", "place", "worn")
        for _, device in self._meant(table):
            if isinstance(device, Strap):
                device.worn = _flag(table, "worn")

    # -- who is meant

    def _meant_places(self, table: Fields) -> Sequence[Place]:
        name = table.get("place")
        places = [place for place in self._places if name in (None, place.name)]
        if not places:
            known = ", ".join(place.name for place in self._places)
            raise ArgumentError("place", f"{name!r} is unknown", f"use one of {known}")
        return places

    def _meant(self, table: Fields) -> Iterable[tuple[Place, SimulatedDevice]]:
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
