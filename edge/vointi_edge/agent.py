"""The one module that knows sources, processing, outbox and uplink: it joins them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from vointi_contract.frame import Quality
from vointi_contract.policy import CollectionPolicy, PolicyEntry
from vointi_contract.status import Birth, EdgeStatus
from vointi_contract.topics import EdgeTopics

from vointi_edge.beat import beat
from vointi_edge.boxkey import outbox_keys
from vointi_edge.catalogue import Model
from vointi_edge.clock import Clock
from vointi_edge.clockfloor import FLOOR_FILE, ClockFloor
from vointi_edge.config import DeviceConfig, EdgeConfig
from vointi_edge.configtrial import ConfigTrial
from vointi_edge.connection import AwaitableStore, broker_of, context_of
from vointi_edge.crew import Crew
from vointi_edge.errors import OutboxError
from vointi_edge.identity.errand import errand
from vointi_edge.keeper import TAKEN_FILE, PolicyKeeper, TakenNumbers
from vointi_edge.keeping import Keeping
from vointi_edge.learnt import Learnt
from vointi_edge.orders import Orders
from vointi_edge.outbox.store import Entry, OutboxStore, Row
from vointi_edge.outbox.vault import SealedVault
from vointi_edge.outbox.writer import OutboxWriter
from vointi_edge.portrait import Portrait
from vointi_edge.processing.on_change import OnChange
from vointi_edge.processing.processor import Processor
from vointi_edge.reading import Reading
from vointi_edge.sources.ble.advertisement import AdvertisingDevice
from vointi_edge.sources.ble.backend import make_ports
from vointi_edge.sources.ble.gatt import GattDevice
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.wired import TRANSPORTS as WIRED
from vointi_edge.sources.wired import WiredSources
from vointi_edge.state import DeviceStates
from vointi_edge.steward import Steward
from vointi_edge.update.orders import ROOT, UpdateOrders
from vointi_edge.uplink.uplink import Uplink
from vointi_edge.watchdog import ServiceManager

log = logging.getLogger(__name__)

OUTBOX_FILE = "outbox.db"
_COUNTS_S = 1.0


class Agent:
    """One edge. Construct inside a running event loop, then `run` until cancelled.

    Start order: the outbox first, because a reading without a place to go would be lost; the
    uplink before the sources, so that the first reading is already live. Stopping goes backwards:
    sources, last commit, good-bye to the broker.
    """

    def __init__(
        self,
        config: EdgeConfig,
        models: dict[str, Model],
        *,
        clock: Clock,
        kernel_boot: str,
        password: str | None,
        trial: ConfigTrial,
        run_dir: Path,
        root: Path = ROOT,
    ) -> None:
        self._config = config
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        by_device = {
            device.id: models[device.model].with_streams(device.enable) for device in config.devices
        }
        self._models = by_device
        taken = TakenNumbers(config.data_dir / TAKEN_FILE)
        keys = config.order_keys
        self._keeper = PolicyKeeper(config.data_dir, config.edge, config.pilot, keys, taken)
        self._applied: CollectionPolicy | None = None
        self._applying = asyncio.Lock()
        vault = SealedVault(outbox_keys(config.key_file))
        path = config.data_dir / OUTBOX_FILE
        self._on_change = OnChange(by_device)
        self._writer = OutboxWriter(
            lambda: OutboxStore(path, kernel_boot, config.max_bytes, vault),
            config.commit_ms / 1000,
            self._committed,
            on_bad=self._unsendable,
            patience_s=config.mqtt.hold_ms / 2000,  # the live lane has the other half
        )
        self._keeping = Keeping(by_device, self._keeper, clock, self._writer)
        self._learnt = Learnt(config.data_dir, vault)
        self._processor = Processor(by_device, kernel_boot, self._learnt.states)
        self._uplink = Uplink(
            broker=broker_of(config, password),
            topics=EdgeTopics(config.pilot, config.edge),
            store=AwaitableStore(self._writer),
            birth=self._birth,
            status=self._status,
            anchors=lambda: self._steward.anchors,
            on_order=self._order,
            wait_for_policy=self._keeper.required,
            hold_s=config.mqtt.hold_ms / 2000,
        )
        self._states = DeviceStates(config.devices, by_device, self._uplink.status_changed)
        self.link, self.rssi, self.rate = self._states.link, self._states.rssi, self._states.rate
        self.bad = self._states.bad
        self._portrait = Portrait(
            config,
            clock,
            self._writer,
            self._states,
            self._keeper,
            connected=lambda: self._uplink.connected,
            jumps=lambda: self._steward.jumps,
        )
        self._context = Context(self, clock, told=self._learnt.told)
        self._radio = Radio(make_ports(config.ble, config.data_dir), config.ble.links)
        self._wired = WiredSources(self._context, config.wired, by_device)
        self._crew = Crew(config.devices, self._source, self._idle)
        self._steward = Steward(
            clock=clock,
            floor=ClockFloor(config.data_dir / FLOOR_FILE),
            writer=self._writer,
            uplink=self._uplink,
            vitals=self._portrait.vitals,
            run_dir=run_dir,
            manager=ServiceManager(lambda: self._writer.alive),
            trial=trial,
        )
        self._updates = UpdateOrders(
            config.data_dir,
            self._uplink.answer,
            lambda: self._uplink.serves,
            tls=context_of(config.mqtt.tls),
            gateway=partial(errand, config.data_dir),
            root=root,
        )
        self._orders = Orders(
            config.edge,
            keys or (),
            self._keeper,
            taken,
            apply=self._policy_came,
            renamed=self._uplink.status_changed,
            obey={
                "rate_cap": self._steward.rate_cap,
                "resend": self._steward.resend,
                "config": self._steward.config,
                "diagnostics": self._steward.diagnostics,
                "update": self._updates.update,
            },
            answer=self._uplink.answer,
        )

    def reading(self, reading: Reading) -> None:
        """Take a reading from a source, and what processing makes of it."""
        self._states.seen(reading)
        if self._on_change.tells(reading):
            self._keeping.keep(reading)
        if reading.quality & Quality.LATE:  # a pipeline does not go back in time
            return
        for made in self._processor.push(reading):
            self._keeping.keep(made)

    async def run(self) -> None:
        """Run until cancelled, then stop cleanly."""
        self._writer.start()
        background = [
            self._spawn(self._send_for_ever(), "uplink"),
            self._spawn(self._count_for_ever(), "counts"),
            self._spawn(self._watch_writer(), "outbox"),
            self._spawn(self._orders.run(), "orders"),
            self._spawn(self._updates.run(), "updates"),
            *(self._spawn(job(), name) for name, job in self._steward.jobs().items()),
            self._spawn(self._learnt.run(self._processor), "pipelines"),
        ]
        if any(device.address for device in self._config.devices):
            background.append(self._spawn(self._radio.run(), "radio"))
        background += [self._spawn(job, name) for name, job in self._wired.shared()]
        try:
            await self._apply_policy()
            # Not gather: it would cancel the sources now, and _stop again in their good-byes.
            ended, _ = await asyncio.wait(
                (*background, self._crew.failed), return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                task.result()
        finally:
            await _to_the_end(self._stop(background))

    async def _send_for_ever(self) -> None:
        await self._steward.prepare()
        await self._uplink.run()

    async def _stop(self, background: list[asyncio.Task[None]]) -> None:
        self._steward.stopping()
        await self._crew.stop()
        await self._radio.close()
        with contextlib.suppress(TimeoutError, sqlite3.Error, OSError):
            async with asyncio.timeout(_COUNTS_S):
                await self._portrait.count()
                await self._writer.call(OutboxStore.save_mark)
        await self._uplink.stop()
        await _cancel(background)
        self._keeping.hand_over()
        await self._loop.run_in_executor(None, self._writer.stop)
        await self._learnt.save_pipelines(self._processor)
        await self._learnt.save_records()
        log.info("stopped; %d readings wait in the outbox", self._portrait.counts.pending)

    def _source(self, assigned: Assigned) -> Coroutine[Any, Any, None]:
        context = self._context
        if assigned.model.transport in WIRED:
            return self._wired.source(assigned)
        if assigned.model.transport == "ble-adv":
            return AdvertisingDevice(assigned, self._radio, context).run()
        return GattDevice(assigned, self._radio, context).run()

    def _idle(self, device: DeviceConfig) -> None:
        """Leave a device alone: nobody listens to its signal."""
        if device.address:
            self._radio.unwatch(device.address)
        policy = self._keeper.policy
        entry = policy.entry(device.id) if policy else None
        self._states.link(device.id, "unknown", _why_idle(entry))

    # ---- the collection policy

    async def _apply_policy(self) -> int:
        """Bring sources and outbox in line with the policy; return how many readings it erased."""
        async with self._applying:
            return await self._apply_held_policy()

    async def _apply_held_policy(self) -> int:
        policy, erased = self._keeper.policy, 0
        self._keeping.hand_over()
        self._writer.drop(self._may_keep)
        await self._crew.arrange(lambda one: self._keeper.narrowed(one.id, self._models[one.id]))
        if policy is not self._applied:
            erased = await self._writer.call(lambda store: store.erase(self._keeper.permits))
            self._uplink.drop_held()
            self._applied = policy
            self._processor.allow(self._keeper.permits)
            await self._learnt.save_pipelines(self._processor)
            version = policy.version if policy else 0
            await self._steward.note("policy", f"version {version}; {erased} readings erased")
        return erased

    async def _policy_came(self) -> int:
        erased = await self._apply_policy()
        self._uplink.admit()
        self._uplink.status_changed()
        return erased

    def _may_keep(self, entry: Entry) -> bool:
        return self._keeper.permits(entry.device, entry.stream, entry.class_)

    def _spawn(self, job: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return asyncio.create_task(job, name=name)

    # ---- between threads and tasks

    def _birth(self) -> Birth:
        return self._portrait.birth()

    def _status(self, online: bool) -> EdgeStatus:
        return self._portrait.status(online)

    def _order(self, kind: str, payload: bytes) -> None:
        self._orders.offer(kind, payload)

    def _committed(self, rows: list[Row]) -> None:
        """In the outbox's thread: hand over to the event loop."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._uplink.offer_live, rows)

    def _unsendable(self, entry: Entry, reason: str) -> None:
        """In the outbox's thread: count a reading that cannot be encoded."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._states.bad, entry.device, entry.stream, reason)

    async def _count_for_ever(self) -> None:
        while True:
            await beat(_COUNTS_S)
            await self._portrait.count()
            await self._learnt.save_records()

    async def _watch_writer(self) -> None:
        """Raise OutboxError when nothing is kept any more: a restart is better than that."""
        await self._loop.run_in_executor(None, self._writer.wait_ended)
        raise OutboxError(str(self._config.data_dir / OUTBOX_FILE), "its thread ended; see the log")


def _why_idle(entry: PolicyEntry | None) -> str:
    if entry is None:
        return "not agreed"
    if entry.elsewhere:
        return "another edge reads it"
    return "paused" if entry.paused else "not agreed"


async def _to_the_end(job: Coroutine[Any, Any, None]) -> None:
    """Await the job, whoever cancels meanwhile; half a stop would leave the outbox's thread."""
    task = asyncio.create_task(job)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def kernel_boot_id(path: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """Return the kernel's id of this boot."""
    return path.read_text(encoding="ascii").strip()
