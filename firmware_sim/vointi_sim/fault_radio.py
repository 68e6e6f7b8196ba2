"""Faults of the air and of the adapters."""

from __future__ import annotations

import asyncio

from bumble import hci

from vointi_sim.clock import Clock
from vointi_sim.fault_fields import Action, Fields, Planner, choice, flag, number, only
from vointi_sim.fault_targets import Targets
from vointi_sim.places import Place, SimulatedDevice
from vointi_sim.radio.link import DEFAULT_RSSI_DBM

# Linux's default of 420 ms is short; BlueZ configurations that last use a few seconds.
_SUPERVISION_S = 2.0
_TIMEOUT = int(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)


class RadioFaults:
    """Planners by op."""

    def __init__(self, targets: Targets, clock: Clock) -> None:
        self._targets = targets
        self._clock = clock
        self._fading: dict[str, asyncio.Task[None]] = {}
        self.ops: dict[str, Planner] = {
            "drop": self._drop,
            "range": self._range,
            "fade": self._fade,
            "adv_loss": self._adv_loss,
            "delay": self._delay,
            "scanner": self._scanner,
            "adapter": self._adapter,
        }

    def _drop(self, table: Fields) -> Action:
        only(table, "device", "place", "reason")
        reason = int(number(table, "reason", 1, 0xFF, default=_TIMEOUT))
        meant = self._targets.devices(table)

        async def act() -> None:
            for _, device in meant:
                device.drop(reason)

        return act

    def _range(self, table: Fields) -> Action:
        only(table, "device", "place", "in", "supervision_s")
        inside = flag(table, "in")
        lasting = table.get("supervision_s", _SUPERVISION_S) is not None
        after_s = number(table, "supervision_s", 0, 32, default=_SUPERVISION_S) if lasting else 0
        meant = self._targets.devices(table)

        async def act() -> None:
            for place, device in meant:
                place.radio.set_in_range(device.address, inside)
                if not inside and lasting:
                    loop = asyncio.get_running_loop()
                    loop.call_later(after_s, _lose_if_away, place, device)

        return act

    def _fade(self, table: Fields) -> Action:
        only(table, "device", "place", "dbm", "over_s", "for_s")
        dbm = number(table, "dbm", -127, 20)
        over_s = number(table, "over_s", 0, 3600, default=10)
        for_s = number(table, "for_s", 0, 86_400, default=30)
        meant = self._targets.devices(table)

        async def act() -> None:
            for place, device in meant:
                before = self._fading.pop(device.address, None)
                if before is not None:
                    before.cancel()
                walk = self._walk(place, device, dbm, over_s, for_s)
                name = f"fade/{device.address}"
                self._fading[device.address] = asyncio.create_task(walk, name=name)

        return act

    async def _walk(
        self, place: Place, device: SimulatedDevice, dbm: float, over_s: float, for_s: float
    ) -> None:
        """Carry a device away and back."""
        levels = place.radio.rssi_dbm
        here = levels.get(device.address, DEFAULT_RSSI_DBM)
        start_s = self._clock.now_s()
        steps = max(1, round(over_s))
        away = [(n * over_s / steps, n / steps) for n in range(1, steps + 1)]
        back = [(2 * over_s + for_s - at_s, share) for at_s, share in reversed(away[:-1])]
        for at_s, share in (*away, *back, (2 * over_s + for_s, 0.0)):
            await self._clock.until(start_s + at_s)
            levels[device.address] = round(here + (dbm - here) * share)
            if not place.radio.in_range(device.address):
                asyncio.get_running_loop().call_later(_SUPERVISION_S, _lose_if_away, place, device)

    def _adv_loss(self, table: Fields) -> Action:
        only(table, "place", "probability")
        probability = number(table, "probability", 0, 1)
        places = self._targets.places(table)

        async def act() -> None:
            for place in places:
                place.radio.adv_loss = probability

        return act

    def _delay(self, table: Fields) -> Action:
        only(table, "place", "seconds")
        seconds = number(table, "seconds", 0, 60)
        places = self._targets.places(table)

        async def act() -> None:
            for place in places:
                place.radio.delay_s = seconds

        return act

    def _scanner(self, table: Fields) -> Action:
        only(table, "place", "adapter", "heals")
        heals = choice(table, "heals", ("scan", "reset"), default="scan")
        ports = self._targets.ports(table)

        async def act() -> None:
            for port in ports:
                if port.controller is not None:
                    port.controller.deaf = heals

        return act

    def _adapter(self, table: Fields) -> Action:
        only(table, "place", "adapter", "does")
        does = choice(table, "does", ("die", "reset", "unplug", "plug"))
        ports = self._targets.ports(table)

        async def act() -> None:
            for port in ports:
                if does == "die" and port.controller is not None:
                    port.controller.dead = True
                elif does in ("reset", "unplug"):
                    port.unplug()
                if does in ("reset", "plug"):
                    port.plug()

        return act


def _lose_if_away(place: Place, device: SimulatedDevice) -> None:
    if not place.radio.in_range(device.address):
        device.drop(_TIMEOUT)
