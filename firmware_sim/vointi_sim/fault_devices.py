"""Faults of the devices: their cells, their clocks, their electrodes and their firmware."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeGuard, TypeVar, runtime_checkable

from vointi_sim.clock import Clock
from vointi_sim.errors import ArgumentError
from vointi_sim.fault_fields import Action, Fields, Planner, choice, flag, number, only
from vointi_sim.fault_targets import Targets
from vointi_sim.wearables.device_clock import DeviceClock
from vointi_sim.wearables.ghost import Ghost
from vointi_sim.wearables.mischief import LIES

T = TypeVar("T")


@runtime_checkable
class Worn(Protocol):
    """A device that knows skin contact."""

    worn: bool


@runtime_checkable
class Electrodes(Protocol):
    """A device with electrodes; `noise_uv` is the standard deviation of their noise."""

    noise_uv: float


@runtime_checkable
class Clocked(Protocol):
    """A device that stamps its samples."""

    device_clock: DeviceClock

    def new_battery(self) -> None:
        """Begin again at the unset time."""


@runtime_checkable
class Linked(Protocol):
    """A device that agrees on an MTU."""

    def limit_mtu(self, mtu: int, *, honest: bool) -> None:
        """Agree to no more than `mtu` bytes."""


@runtime_checkable
class Bonded(Protocol):
    """A device that pairs; `pairs`: whether it takes a new bond."""

    pairs: bool

    async def lose_bonds(self) -> None:
        """Forget every key."""


class DeviceFaults:
    """Planners by op."""

    def __init__(self, targets: Targets, clock: Clock) -> None:
        self._targets = targets
        self._clock = clock
        self._ghosts: dict[str, Ghost] = {}
        self._emptying: dict[str, asyncio.Task[None]] = {}
        self.ops: dict[str, Planner] = {
            "battery": self._battery,
            "empty": self._empty,
            "power": self._power,
            "wear": self._wear,
            "noise": self._noise,
            "clock": self._set_clock,
            "mtu": self._mtu,
            "freeze": self._freeze,
            "duplicate": self._duplicate,
            "reorder": self._reorder,
            "lie": self._lie,
            "behave": self._behave,
            "twin": self._twin,
            "bond": self._bond,
        }

    # -- cells

    def _battery(self, table: Fields) -> Action:
        only(table, "device", "place", "percent")
        percent = int(number(table, "percent", 0, 100))
        meant = self._targets.devices(table)

        async def act() -> None:
            for _, device in meant:
                await device.set_battery(percent)

        return act

    def _empty(self, table: Fields) -> Action:
        only(table, "device", "place", "in_s")
        in_s = number(table, "in_s", 0, 86_400, default=60)
        meant = self._targets.devices(table)

        async def act() -> None:
            for _, device in meant:
                await device.set_battery(1)
                dying = asyncio.create_task(self._die(device.stop, in_s))
                self._emptying[device.address] = dying

        return act

    async def _die(self, stop: Action, in_s: float) -> None:
        await self._clock.until(self._clock.now_s() + in_s)
        await stop()

    def _power(self, table: Fields) -> Action:
        only(table, "device", "place", "on")
        on = flag(table, "on")
        meant = self._targets.devices(table)

        async def act() -> None:
            for _, device in meant:
                if device.on and not on:
                    await device.stop()
                elif on and not device.on:
                    if isinstance(device, Clocked):
                        device.new_battery()
                    await device.set_battery(100)
                    await device.start()

        return act

    # -- what is sensed

    def _wear(self, table: Fields) -> Action:
        only(table, "device", "place", "worn")
        worn = flag(table, "worn")
        meant = self._having(table, _is_worn, "is never worn")

        async def act() -> None:
            for device in meant:
                device.worn = worn

        return act

    def _noise(self, table: Fields) -> Action:
        only(table, "device", "place", "microvolts")
        microvolts = number(table, "microvolts", 0, 20_000)
        meant = self._having(table, _has_electrodes, "has no electrodes")

        async def act() -> None:
            for device in meant:
                device.noise_uv = microvolts

        return act

    def _set_clock(self, table: Fields) -> Action:
        only(table, "device", "place", "drift_ppm", "step_s", "reset")
        drift_ppm = number(table, "drift_ppm", -1e5, 1e5, default=0)
        step_s = number(table, "step_s", -1e9, 1e9, default=0)
        reset = flag(table, "reset", default=False)
        meant = self._having(table, _is_clocked, "stamps nothing")

        async def act() -> None:
            now_s = self._clock.now_s()
            for device in meant:
                if reset:
                    device.device_clock.reset(now_s)
                device.device_clock.step(now_s, step_s)
                device.device_clock.drift(now_s, drift_ppm)

        return act

    # -- firmware

    def _mtu(self, table: Fields) -> Action:
        only(table, "device", "place", "mtu", "honest")
        mtu, honest = int(number(table, "mtu", 23, 517)), flag(table, "honest", default=True)
        meant = self._having(table, _is_linked, "is never linked")

        async def act() -> None:
            for device in meant:
                device.limit_mtu(mtu, honest=honest)

        return act

    def _freeze(self, table: Fields) -> Action:
        only(table, "device", "place", "frozen")
        frozen = flag(table, "frozen")
        meant = self._targets.devices(table)

        async def act() -> None:
            for _, device in meant:
                device.mischief.frozen = frozen

        return act

    def _bond(self, table: Fields) -> Action:
        only(table, "device", "place", "does")
        does = choice(table, "does", ("lose", "refuse", "accept"))
        meant = self._having(table, _is_bonded, "never pairs")

        async def act() -> None:
            for device in meant:
                if does == "lose":
                    await device.lose_bonds()
                else:
                    device.pairs = does == "accept"

        return act

    def _duplicate(self, table: Fields) -> Action:
        only(table, "device", "place", "probability")
        probability = number(table, "probability", 0, 1)
        meant = self._targets.devices(table)

        async def act() -> None:
            for _, device in meant:
                device.mischief.duplicate = probability

        return act

    def _reorder(self, table: Fields) -> Action:
        only(table, "device", "place", "probability")
        probability = number(table, "probability", 0, 1)
        meant = self._targets.devices(table)

        async def act() -> None:
            for _, device in meant:
                device.mischief.reorder = probability

        return act

    def _lie(self, table: Fields) -> Action:
        only(table, "device", "place", "what", "probability")
        what = choice(table, "what", tuple(LIES))
        probability = number(table, "probability", 0, 1, default=1)
        meant = self._targets.devices(table)

        async def act() -> None:
            for _, device in meant:
                device.mischief.lie, device.mischief.lying = what, probability

        return act

    def _behave(self, table: Fields) -> Action:
        only(table, "device", "place")
        meant = self._targets.devices(table)

        async def act() -> None:
            for _, device in meant:
                device.mischief.clear()

        return act

    def _twin(self, table: Fields) -> Action:
        only(table, "device", "place", "on", "name")
        on, name = flag(table, "on"), str(table.get("name", "Somebody's watch"))
        meant = self._targets.devices(table)

        async def act() -> None:
            for place, device in meant:
                before = self._ghosts.pop(device.address, None)
                if before is not None:
                    await before.stop()
                if on:
                    ghost = Ghost(place.radio, self._clock, device.address, name[:26])
                    ghost.start()
                    self._ghosts[device.address] = ghost

        return act

    def _having(self, table: Fields, fits: Callable[[object], TypeGuard[T]], lacks: str) -> list[T]:
        devices: list[object] = [device for _, device in self._targets.devices(table)]
        meant = [device for device in devices if fits(device)]
        if not meant:
            raise ArgumentError("device", lacks, "name another one, or no device")
        return meant


def _is_worn(device: object) -> TypeGuard[Worn]:
    return isinstance(device, Worn)


def _has_electrodes(device: object) -> TypeGuard[Electrodes]:
    return isinstance(device, Electrodes)


def _is_clocked(device: object) -> TypeGuard[Clocked]:
    return isinstance(device, Clocked)


def _is_linked(device: object) -> TypeGuard[Linked]:
    return isinstance(device, Linked)


def _is_bonded(device: object) -> TypeGuard[Bonded]:
    return isinstance(device, Bonded)
