"""The one module that knows sources, processing, outbox and uplink: it joins them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from ssl import SSLContext
from typing import Any

from vointi_contract.ack import Watermark
from vointi_contract.codec import decode, encode
from vointi_contract.frame import Batch, ClockState, Frame, Loss, Quality
from vointi_contract.policy import CollectionPolicy
from vointi_contract.status import Birth, EdgeStatus
from vointi_contract.topics import EdgeTopics

from vointi_edge import __version__
from vointi_edge.boxkey import outbox_keys
from vointi_edge.catalogue import Model
from vointi_edge.clock import Clock
from vointi_edge.clockfloor import FLOOR_FILE, ClockFloor
from vointi_edge.config import DeviceConfig, EdgeConfig, TlsConfig
from vointi_edge.configtrial import ConfigTrial
from vointi_edge.crew import Crew
from vointi_edge.errors import OutboxError
from vointi_edge.keeper import TAKEN_FILE, PolicyKeeper, TakenNumbers
from vointi_edge.orders import Orders
from vointi_edge.outbox.store import Entry, OutboxStore, Row
from vointi_edge.outbox.vault import SealedVault
from vointi_edge.outbox.writer import OutboxWriter
from vointi_edge.pipelinenotes import PipelineNotes
from vointi_edge.processing.on_change import OnChange
from vointi_edge.processing.processor import Processor
from vointi_edge.reading import Reading
from vointi_edge.sources.ble.advertisement import AdvertisingDevice
from vointi_edge.sources.ble.backend import make_ports
from vointi_edge.sources.ble.gatt import GattDevice
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.told import Told
from vointi_edge.sources.wired import TRANSPORTS as WIRED
from vointi_edge.sources.wired import WiredSources
from vointi_edge.state import DeviceStates
from vointi_edge.steward import Steward
from vointi_edge.tls import client_context
from vointi_edge.update.orders import UpdateOrders
from vointi_edge.uplink.session import Broker
from vointi_edge.uplink.uplink import Uplink
from vointi_edge.vitals import DeviceVitals, Vitals, free_bytes, processor_temperature
from vointi_edge.watchdog import ServiceManager

log = logging.getLogger(__name__)

OUTBOX_FILE = "outbox.db"
PIPELINES_FILE = "pipelines.sealed"
RECORDS_FILE = "records.sealed"
_COUNTS_S = 1.0
# A stream that the catalogue does not name cannot be agreed by class; it is kept like a scalar.
_UNKNOWN = ("scalar", "scalar")
# A power cut costs the pipelines this much of what they have seen, and no learning phase.
_SAVE_S = 60.0


class _Store:
    """The outbox as the uplink wants it: awaitable."""

    def __init__(self, writer: OutboxWriter) -> None:
        self._writer = writer

    async def read(self, after: int, upto: int, max_bytes: int) -> Sequence[Row]:
        return await self._writer.call(lambda store: store.read(after, upto, max_bytes))

    async def newest(self) -> int:
        return await self._writer.call(OutboxStore.newest)

    async def losses(self) -> Sequence[Loss]:
        return await self._writer.call(OutboxStore.losses)

    async def commit(self, marks: Sequence[Watermark]) -> int:
        return await self._writer.call(lambda store: store.commit(marks))

    async def gap(self, marks: Sequence[Watermark]) -> tuple[int, int] | None:
        return await self._writer.call(lambda store: store.gap(marks))


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
    ) -> None:
        self._config = config
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        by_device = {
            device.id: models[device.model].with_streams(device.enable) for device in config.devices
        }
        self._models = by_device
        self._classes = _stream_classes(by_device)
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
        )
        self._counts = self._writer.opened_with
        self._notes = PipelineNotes(config.data_dir / PIPELINES_FILE, vault)
        self._processor = Processor(by_device, kernel_boot, self._notes.load())
        self._uplink = Uplink(
            broker=_broker(config, password),
            topics=EdgeTopics(config.pilot, config.edge),
            store=_Store(self._writer),
            birth=self._birth,
            status=self._status,
            anchors=lambda: self._steward.anchors,
            on_order=self._order,
            wait_for_policy=self._keeper.required,
        )
        self._states = DeviceStates(config.devices, by_device, self._uplink.status_changed)
        self.link, self.rssi, self.rate = self._states.link, self._states.rssi, self._states.rate
        self.bad = self._states.bad
        self._records = PipelineNotes(config.data_dir / RECORDS_FILE, vault)
        self._told = Told(self._records.load())
        self._context = Context(self, clock, told=self._told)
        self._radio = Radio(make_ports(config.ble), config.ble.links)
        self._wired = WiredSources(self._context, config.wired, by_device)
        self._crew = Crew(config.devices, self._source, self._idle)
        self._started_us = clock.boottime_us()
        self._steward = Steward(
            clock=clock,
            floor=ClockFloor(config.data_dir / FLOOR_FILE),
            writer=self._writer,
            uplink=self._uplink,
            vitals=self._vitals,
            run_dir=run_dir,
            manager=ServiceManager(lambda: self._writer.alive),
            trial=trial,
        )
        self._updates = UpdateOrders(
            config.data_dir,
            self._uplink.answer,
            lambda: self._uplink.serves,
            _context(config.mqtt.tls),
        )
        self._orders = Orders(
            config.edge,
            keys or (),
            self._keeper,
            taken,
            apply=self._policy_came,
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
            self._keep(reading)
        if reading.quality & Quality.LATE:  # a pipeline does not go back in time
            return
        for made in self._processor.push(reading):
            self._keep(made)

    async def run(self) -> None:
        """Run until cancelled, then stop cleanly."""
        self._writer.start()
        background = [
            self._spawn(self._uplink.run(), "uplink"),
            self._spawn(self._count_for_ever(), "counts"),
            self._spawn(self._watch_writer(), "outbox"),
            self._spawn(self._orders.run(), "orders"),
            self._spawn(self._updates.run(), "updates"),
            *(self._spawn(job(), name) for name, job in self._steward.jobs().items()),
            self._spawn(self._save_for_ever(), "pipelines"),
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

    async def _stop(self, background: list[asyncio.Task[None]]) -> None:
        self._steward.stopping()
        await self._crew.stop()
        await self._radio.close()
        with contextlib.suppress(TimeoutError, sqlite3.Error, OSError):
            async with asyncio.timeout(_COUNTS_S):
                await self._count()
                await self._writer.call(OutboxStore.save_mark)
        await self._uplink.stop()
        await _cancel(background)
        await self._loop.run_in_executor(None, self._writer.stop)
        await self._save_pipelines()
        await self._save_records()
        log.info("stopped; %d readings wait in the outbox", self._counts.pending)

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
        note = "paused" if entry is not None and entry.paused else "not agreed"
        self._states.link(device.id, "unknown", note)

    # ---- the collection policy

    async def _apply_policy(self) -> int:
        """Bring sources and outbox in line with the policy; return how many readings it erased."""
        async with self._applying:
            return await self._apply_held_policy()

    async def _apply_held_policy(self) -> int:
        policy, erased = self._keeper.policy, 0
        self._writer.drop(self._may_keep)
        await self._crew.arrange(lambda one: self._keeper.narrowed(one.id, self._models[one.id]))
        if policy is not self._applied:
            erased = await self._writer.call(lambda store: store.erase(self._keeper.permits))
            self._applied = policy
            self._processor.allow(self._keeper.permits)
            await self._save_pipelines()
            version = policy.version if policy else 0
            await self._steward.note("policy", f"version {version}; {erased} readings erased")
        return erased

    async def _policy_came(self) -> int:
        erased = await self._apply_policy()
        self._uplink.admit()
        return erased

    def _may_keep(self, entry: Entry) -> bool:
        return self._keeper.permits(entry.device, entry.stream, entry.class_)

    def _spawn(self, job: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return asyncio.create_task(job, name=name)

    # ---- from reading to frame

    def _keep(self, reading: Reading) -> None:
        class_, keep_class = self._classes.get((reading.device, reading.stream), _UNKNOWN)
        if not self._keeper.collects(reading.device, reading.stream, class_):
            return
        state, uncertainty_us = self._clock.state, self._clock.uncertainty_us
        if reading.wall_us is None:
            state, uncertainty_us = ClockState.UNSYNCED, 0

        def payload(boot: int, seq: int) -> bytes:
            return encode(Batch((_frame(reading, boot, seq, state, uncertainty_us),)))

        self._writer.offer(Entry(reading.device, keep_class, payload, reading.stream))

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

    async def _save_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_S)
            await self._save_pipelines()

    async def _save_pipelines(self) -> None:
        states = self._processor.states()
        await self._loop.run_in_executor(None, self._notes.store, states)

    async def _save_records(self) -> None:
        """Remember stored records that were told; after their readings, so that none is lost."""
        if self._told.changed:
            self._told.changed = False
            await self._loop.run_in_executor(None, self._records.store, self._told.states())

    # ---- what the uplink tells of us

    async def _count_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_COUNTS_S)
            await self._count()
            await self._save_records()

    async def _watch_writer(self) -> None:
        """Raise OutboxError when nothing is kept any more: a restart is better than that."""
        await self._loop.run_in_executor(None, self._writer.wait_ended)
        raise OutboxError(str(self._config.data_dir / OUTBOX_FILE), "its thread ended; see the log")

    async def _count(self) -> None:
        self._counts = await self._writer.call(OutboxStore.counts)

    def _status(self, online: bool) -> EdgeStatus:
        return EdgeStatus(
            edge=self._config.edge,
            boot=self._writer.boot,
            online=online,
            mono_us=self._clock.boottime_us(),
            wall_us=self._clock.wall_us(),
            outbox=self._counts,
            devices=self._states.statuses(),
        )

    def _birth(self) -> Birth:
        return Birth(
            edge=self._config.edge,
            boot=self._writer.boot,
            version=__version__,
            site=self._config.site,
            role="home" if self._config.role == "home" else "service_point",
            devices=self._states.infos(),
        )

    async def _vitals(self) -> Vitals:
        pulse = await self._writer.call(OutboxStore.pulse)
        policy = self._keeper.policy
        return Vitals(
            edge=self._config.edge,
            version=__version__,
            mono_us=self._clock.boottime_us(),
            wall_us=self._clock.wall_us(),
            uptime_s=(self._clock.boottime_us() - self._started_us) / 1e6,
            clock=self._clock.state.name.lower(),
            clock_uncertainty_us=self._clock.uncertainty_us,
            clock_jumps=self._steward.jumps,
            connected=self._uplink.connected,
            policy_version=policy.version if policy else None,
            policy_required=self._keeper.required,
            outbox=self._counts,
            outbox_bytes=pulse.size,
            outbox_max_bytes=self._config.max_bytes,
            queue_age_s=_age_s(pulse.oldest, self._writer.boot, self._clock),
            disk_free_bytes=free_bytes(self._config.data_dir),
            temperature_c=processor_temperature(),
            devices=tuple(
                DeviceVitals(
                    *(s.device, s.link, s.rssi_dbm, s.battery_pct, s.note),
                    bad_messages=self._states.bad_messages(s.device),
                )
                for s in self._states.statuses()
            ),
        )


def _frame(reading: Reading, boot: int, seq: int, state: ClockState, uncertainty_us: int) -> Frame:
    return Frame(
        device=reading.device,
        stream=reading.stream,
        boot=boot,
        seq=seq,
        mono_us=reading.mono_us,
        wall_us=reading.wall_us,
        clock=state,
        uncertainty_us=uncertainty_us,
        rate_hz=reading.rate_hz,
        dev_ts_ns=reading.dev_ts_ns,
        channels=reading.channels,
        offsets_us=reading.offsets_us,
        quality=reading.quality,
    )


def _broker(config: EdgeConfig, password: str | None) -> Broker:
    return Broker(
        host=config.mqtt.host,
        port=config.mqtt.port,
        protocol=config.mqtt.protocol,
        client_id=config.edge,
        username=config.mqtt.username,
        password=password,
        tls=_context(config.mqtt.tls),
    )


def _context(tls: TlsConfig | None) -> Callable[[], SSLContext] | None:
    """Read anew for each connection, because the certificate is renewed while we run."""
    if tls is None:
        return None
    return lambda: client_context(tls.ca_file, tls.cert_file, tls.key_file)


def _stream_classes(models: dict[str, Model]) -> dict[tuple[str, str], tuple[str, str]]:
    """(device, stream) → the stream's class, and the class that the outbox keeps it under."""
    classes: dict[tuple[str, str], tuple[str, str]] = {}
    for device, model in models.items():
        classes |= {(device, spec.id): (spec.class_, spec.class_) for spec in model.streams}
        classes |= {(device, spec.output): (spec.class_, "summary") for spec in model.pipelines}
    return classes


def _age_s(oldest: Row | None, boot: int, clock: Clock) -> float | None:
    """How long the oldest row has waited; None when none does, or its time is not known."""
    if oldest is None:
        return None
    frame = decode(oldest.payload).frames[0]
    wall_us = clock.wall_us()
    if frame.boot == boot:
        return (clock.boottime_us() - frame.mono_us) / 1e6
    return (wall_us - frame.wall_us) / 1e6 if wall_us and frame.wall_us else None


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
