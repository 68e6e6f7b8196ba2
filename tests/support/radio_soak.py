"""Trouble without end for a simulated home, and what the edge made of it."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from radio_home import DEVICES, OXIMETER, STRAP, Scene
from vointi_contract.status import OutboxCounts

# The strap's and the oximeter's own streams: a second or less between readings.
_WATCHED = {STRAP: ("strap-1", "ecg"), OXIMETER: ("oxi-1", "spo2")}
_GIVE_UP_S = 600.0


@dataclass
class Report:
    """What was measured; times in virtual seconds."""

    virtual_s: float = 0.0
    troubles: int = 0
    found_s: list[float] = field(default_factory=list)
    healed_s: list[tuple[float, str]] = field(default_factory=list)
    connect_s: list[float] = field(default_factory=list)
    tries: list[int] = field(default_factory=list)
    unhealed: list[str] = field(default_factory=list)
    given: int = 0
    out_of_order: int = 0
    last_seqs: int = 0
    counts: OutboxCounts = field(default_factory=lambda: OutboxCounts(0, 0, 0, 0))

    @property
    def connect_median_s(self) -> float:
        return statistics.median(self.connect_s)

    @property
    def within_two_tries(self) -> float:
        return sum(tries <= 2 for tries in self.tries) / len(self.tries)

    @property
    def conserved(self) -> bool:
        """Every reading accepted once, in one gap-free range for each device, and accounted for."""
        c = self.counts
        return (
            self.given == self.last_seqs == c.accepted == c.pending + c.committed + c.lost
            and self.out_of_order == 0
        )


class Soak:
    """Troubles of every kind in a random order that `seed` fixes, each waited for to heal."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene = scene
        self._chance = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self.report = Report()

    async def run(self, virtual_s: float) -> Report:
        scene, begun = self._scene, self._loop.time()
        await scene.more("strap-1", "ecg", by=1)
        kinds: list[Callable[[], Awaitable[None]]] = []
        while self._loop.time() - begun < virtual_s:
            if not kinds:
                kinds = [
                    self._drop, self._drop, self._drop, self._range, self._fade, self._freeze,
                    self._deaf_scanner, self._stuck_scanner, self._dead, self._unplugged,
                    self._restart, self._empty_cell,
                ]  # fmt: skip
                self._chance.shuffle(kinds)
            await asyncio.sleep(self._chance.uniform(15, 60))
            await kinds.pop()()
            self.report.troubles += 1
        await asyncio.sleep(30)
        self._close(begun)
        return self.report

    # ---- the troubles

    async def _drop(self) -> None:
        await self._scene.fault("drop", device=(device := self._one()))
        await self._heals("drop", device)

    async def _range(self) -> None:
        device = self._one()
        await self._scene.fault("range", device=device, **{"in": False})
        await asyncio.sleep(self._chance.uniform(5, 300))
        await self._scene.fault("range", device=device, **{"in": True})
        await self._heals("range", device)

    async def _fade(self) -> None:
        device = self._one()
        await self._scene.fault("fade", device=device, dbm=-105, over_s=30, for_s=40)
        await asyncio.sleep(101)
        await self._heals("fade", device)

    async def _freeze(self) -> None:
        device = self._one()
        await self._scene.fault("freeze", device=device, frozen=True)
        await self._found(device)
        await self._scene.fault("freeze", device=device, frozen=False)
        await self._heals("freeze", device)

    async def _deaf_scanner(self) -> None:
        await self._deaf("scan")

    async def _stuck_scanner(self) -> None:
        await self._deaf("reset")

    async def _deaf(self, heals: str) -> None:
        device = self._one()
        await self._scene.fault("scanner", heals=heals)
        await asyncio.sleep(20)
        await self._scene.fault("drop", device=device)
        await self._heals(f"deaf scanner ({heals})", device)

    async def _dead(self) -> None:
        await self._scene.fault("adapter", does="die")
        began = self._loop.time()
        await self._found(STRAP)
        await self._heals("dead adapter", STRAP, began)
        await self._heals("dead adapter", OXIMETER, began)

    async def _unplugged(self) -> None:
        await self._scene.fault("adapter", does="unplug")
        await asyncio.sleep(self._chance.uniform(1, 200))
        await self._scene.fault("adapter", does="plug")
        await self._heals("unplugged adapter", STRAP)

    async def _restart(self) -> None:
        await self._scene.stop_edge()
        self._scene.start_edge()
        await self._heals("edge restarted", STRAP)

    async def _empty_cell(self) -> None:
        device = self._one()
        await self._scene.fault("empty", device=device, in_s=10)
        await asyncio.sleep(self._chance.uniform(30, 300))
        await self._scene.fault("power", device=device, on=True)
        await self._heals("new cell", device)

    # ---- what is measured

    def _one(self) -> str:
        return self._chance.choice(tuple(_WATCHED))

    async def _found(self, device: str) -> None:
        """Wait until the edge says that the device has no link."""
        name, began = _WATCHED[device][0], self._loop.time()
        links = self._scene.hub.links
        seen = len(links)
        await self._scene.until(
            lambda: any(c[1] == name and c[2] == "lost" for c in links[seen:]), _GIVE_UP_S
        )
        self.report.found_s.append(self._loop.time() - began)

    async def _heals(self, kind: str, device: str, since_s: float | None = None) -> None:
        """Wait for the next readings, counted from when healing was possible."""
        began = self._loop.time() if since_s is None else since_s
        try:
            await self._scene.more(*_WATCHED[device], timeout_s=_GIVE_UP_S, by=1)
            self.report.healed_s.append((self._loop.time() - began, kind))
        except AssertionError:
            self.report.unhealed.append(kind)

    def _close(self, begun: float) -> None:
        report, hub = self.report, self._scene.hub
        hub.flush()
        report.virtual_s = self._loop.time() - begun
        report.given, report.out_of_order = hub.given, hub.out_of_order
        report.last_seqs = sum(hub.seqs.values())
        report.counts = hub.store.counts()
        for device in {change[1] for change in hub.links}:
            began, tries = 0.0, 0
            for at_s, _, link, _ in (change for change in hub.links if change[1] == device):
                if link == "connecting":
                    began, tries = at_s, tries + 1
                elif link == "connected" and tries:
                    report.connect_s.append(at_s - began)
                    report.tries.append(tries)
                    tries = 0


async def soak(virtual_s: float, seed: int = 1, devices: int = 6) -> Report:
    """Soak a home of the first `devices` devices for `virtual_s`."""
    random.seed(seed)  # the edge's jitter
    async with Scene(seed=seed, devices=DEVICES[:devices]) as scene:
        await scene.fault("duplicate", probability=0.01)
        await scene.fault("reorder", probability=0.01)
        return await Soak(scene, seed).run(virtual_s)
