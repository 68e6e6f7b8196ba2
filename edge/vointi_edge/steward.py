"""What keeps an edge in order beside its readings: clock, orders, marks, state for the doctor."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from vointi_contract.command import Command
from vointi_contract.errors import PayloadError
from vointi_contract.status import ClockAnchor

from vointi_edge.beat import beat
from vointi_edge.clock import Clock
from vointi_edge.clockfloor import ClockFloor
from vointi_edge.clockwatch import ClockChange, ClockWatch
from vointi_edge.configtrial import ConfigTrial
from vointi_edge.errors import RestartError
from vointi_edge.outbox.records import JournalEntry
from vointi_edge.outbox.store import OutboxStore
from vointi_edge.outbox.writer import OutboxWriter
from vointi_edge.uplink.uplink import Uplink
from vointi_edge.vitals import Vitals
from vointi_edge.watchdog import ServiceManager

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_S: Final = 1.0
# A power cut and a damaged file on the same day: at most the last minute is not named.
MARK_S: Final = 60.0
VITALS_S: Final = 15.0
# A configuration that serves reaches its broker within this; else the one before comes back.
TRIAL_S: Final = 120.0
_RATE_CAP_MAX: Final = 1_000_000_000


class Steward:
    """Background duties of one edge; `jobs` are its endless coroutines."""

    def __init__(
        self,
        *,
        clock: Clock,
        floor: ClockFloor,
        writer: OutboxWriter,
        uplink: Uplink,
        vitals: Callable[[], Awaitable[Vitals]],
        run_dir: Path,
        manager: ServiceManager,
        trial: ConfigTrial,
        trial_s: float = TRIAL_S,
    ) -> None:
        self._clock = clock
        self._floor = floor
        self._watch = ClockWatch(clock)
        self._writer = writer
        self._uplink = uplink
        self._vitals = vitals
        self._run_dir = run_dir
        self._manager = manager
        self._trial = trial
        self._trial_s = trial_s
        self.anchors: list[ClockAnchor] = []
        self.jumps = 0
        self._restart = asyncio.Event()

    def jobs(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Name → endless coroutine function."""
        return {
            "clock": self._keep_clock,
            "mark": self._keep_mark,
            "vitals": self._keep_vitals,
            "watchdog": self._manager.run,
            "trial": self._judge_trial,
            "restart": self._restart_when_due,
        }

    def stopping(self) -> None:
        """Tell the service manager that the end is wanted."""
        self._manager.stopping()

    # ---- clock

    async def prepare(self) -> None:
        """Read the anchors of earlier boots, before a session tells which there are.

        Once the gateway has a boot's readings, the outbox forgets its anchor.
        """
        await self._load_anchors()

    async def _keep_clock(self) -> None:
        while True:
            change = self._watch.look()
            if change is not None:
                await self._take_change(change)
            await beat(LOOK_S)

    async def _take_change(self, change: ClockChange) -> None:
        anchor = self._watch.anchor(change, self._writer.boot)
        if change.kind == "jump":
            self.jumps += 1
        if change.kind != "refresh":
            detail = f"{change.jump_us / 1e6:+.3f} s" if change.jump_us else ""
            log.log(_level(change), "clock: %s %s", change.kind, detail)
            await self.note(f"clock {change.kind}", detail)
        if anchor is None:
            return
        await self._try(lambda store: store.save_anchor(anchor))
        await self._load_anchors()
        self._uplink.anchors_changed()
        try:
            self._floor.save(anchor.wall_us)
        except OSError as error:
            log.debug("clock: floor not saved: %s", error)

    async def note(self, kind: str, detail: str) -> None:
        """Write into the journal."""
        mono_us, wall_us = self._clock.boottime_us(), self._clock.wall_us()
        entry = JournalEntry(self._writer.boot, mono_us, wall_us, kind, detail)
        await self._try(lambda store: store.note(entry))

    async def _load_anchors(self) -> None:
        self.anchors = await self._try(OutboxStore.anchors) or self.anchors

    async def _try(self, job: Callable[[OutboxStore], T]) -> T | None:
        """Do without, while the disk fails: readings are kept in memory meanwhile."""
        try:
            return await self._writer.call(job)
        except (sqlite3.Error, OSError) as error:
            log.debug("outbox: %s", error)
            return None

    # ---- marks and vital signs

    async def _keep_mark(self) -> None:
        while True:
            await beat(MARK_S)
            await self._try(OutboxStore.save_mark)

    async def _keep_vitals(self) -> None:
        while True:
            try:
                (await self._vitals()).save(self._run_dir)
            except (sqlite3.Error, OSError) as error:
                log.debug("vitals: not saved: %s", error)
            await beat(VITALS_S)

    # ---- a new configuration on trial

    async def _judge_trial(self) -> None:
        if self._trial.running:
            await self._wait_until_served()
            self._trial.confirm()
            await self.note("configuration confirmed", "")
        while True:
            if self._trial.outcome is not None and self._uplink.serves:
                self._uplink.answer(self._trial.outcome)
                self._trial.told()
            await beat(LOOK_S)

    async def _wait_until_served(self) -> None:
        end_s = time.monotonic() + self._trial_s
        while not self._uplink.serves:
            if time.monotonic() > end_s:
                self._trial.roll_back("the broker was not reached with it")
                raise RestartError("configuration: the one before is back")
            await beat(LOOK_S)

    async def _restart_when_due(self) -> None:
        await self._restart.wait()
        raise RestartError("configuration: another one goes on trial")

    # ---- commands

    async def rate_cap(self, command: Command) -> Mapping[str, object]:
        """Cap the backlog lane."""
        self._uplink.cap(command.fields.integer("bytes_per_s", 0, _RATE_CAP_MAX))
        return {}

    async def resend(self, command: Command) -> Mapping[str, object]:
        """Offer everything again."""
        self._uplink.resend()
        return {}

    async def diagnostics(self, command: Command) -> Mapping[str, object]:
        """What the edge knows of itself, without values and names."""
        return (await self._vitals()).as_dict()

    async def config(self, command: Command) -> None:
        """Try another configuration: answered when it has served, or was rolled back."""
        text = command.arguments.get("text")
        if not isinstance(text, str):
            raise PayloadError("arguments.text", "missing; send the whole of edge.toml")
        self._trial.begin(text, command.edge, command.number)
        await self.note("configuration on trial", f"command {command.number}")
        self._restart.set()


def _level(change: ClockChange) -> int:
    return logging.WARNING if change.kind in ("jump", "lost") else logging.INFO
