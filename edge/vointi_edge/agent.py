"""The one module that knows sources, processing, outbox and uplink: it joins them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from vointi_contract.ack import Watermark
from vointi_contract.codec import encode
from vointi_contract.frame import Batch, ClockState, Frame, Loss
from vointi_contract.status import Birth, ClockAnchor, EdgeStatus
from vointi_contract.topics import EdgeTopics

from vointi_edge import __version__
from vointi_edge.catalogue import Model
from vointi_edge.clock import Clock
from vointi_edge.config import EdgeConfig
from vointi_edge.errors import OutboxError
from vointi_edge.outbox.store import Entry, OutboxStore, Row
from vointi_edge.outbox.writer import OutboxWriter
from vointi_edge.processing.processor import Processor
from vointi_edge.reading import Reading
from vointi_edge.sources.ble.advertisement import AdvertisingDevice
from vointi_edge.sources.ble.backend import make_backend
from vointi_edge.sources.ble.gatt import GattDevice
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.serial.box import ServicePointBox
from vointi_edge.state import DeviceStates
from vointi_edge.uplink.session import Broker
from vointi_edge.uplink.uplink import Uplink

log = logging.getLogger(__name__)

OUTBOX_FILE = "outbox.db"
_COUNTS_S = 1.0


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
    ) -> None:
        self._config = config
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        by_device = {device.id: models[device.model] for device in config.devices}
        self._classes = _stream_classes(by_device)
        self._processor = Processor(by_device)
        self._writer = OutboxWriter(
            lambda: OutboxStore(config.data_dir / OUTBOX_FILE, kernel_boot, config.max_bytes),
            config.commit_ms / 1000,
            self._committed,
        )
        self._counts = self._writer.opened_with
        self._uplink = Uplink(
            broker=_broker(config, password),
            topics=EdgeTopics(config.pilot, config.edge),
            store=_Store(self._writer),
            birth=self._birth,
            status=self._status,
            anchor=self._anchor,
        )
        self._states = DeviceStates(config.devices, by_device, self._uplink.status_changed)
        self.link, self.rssi, self.rate = self._states.link, self._states.rssi, self._states.rate
        self._radio = Radio(make_backend(config.ble))
        self._sources = self._make_sources(by_device)

    def reading(self, reading: Reading) -> None:
        """Take a reading from a source, and what processing makes of it."""
        self._states.seen(reading)
        self._keep(reading)
        for made in self._processor.push(reading):
            self._keep(made)

    async def run(self) -> None:
        """Run until cancelled, then stop cleanly."""
        self._writer.start()
        background = [
            self._spawn(self._uplink.run(), "uplink"),
            self._spawn(self._count_for_ever(), "counts"),
            self._spawn(self._watch_writer(), "outbox"),
        ]
        sources = [self._spawn(source, name) for name, source in self._sources]
        try:
            # Not gather: it would cancel the sources now, and _stop again in their good-byes.
            ended, _ = await asyncio.wait(
                (*background, *sources), return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                task.result()
        finally:
            await self._stop(background, sources)

    async def _stop(
        self, background: list[asyncio.Task[None]], sources: list[asyncio.Task[None]]
    ) -> None:
        await _cancel(sources)
        await self._radio.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_COUNTS_S):
                await self._count()
        await self._uplink.stop()
        await _cancel(background)
        await self._loop.run_in_executor(None, self._writer.stop)
        log.info("stopped; %d readings wait in the outbox", self._counts.pending)

    def _make_sources(
        self, models: dict[str, Model]
    ) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        context = Context(self, self._clock)
        sources: list[tuple[str, Coroutine[Any, Any, None]]] = []
        for device in self._config.devices:
            assigned = Assigned(device, models[device.id])
            if assigned.model.transport == "serial":
                sources.append((device.id, ServicePointBox(assigned, context).run()))
            elif assigned.model.transport == "ble-adv":
                sources.append((device.id, AdvertisingDevice(assigned, self._radio, context).run()))
            else:
                sources.append((device.id, GattDevice(assigned, self._radio, context).run()))
        if any(device.address for device in self._config.devices):
            sources.append(("radio", self._radio.run()))
        return sources

    def _spawn(self, job: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return asyncio.create_task(job, name=name)

    # ---- from reading to frame

    def _keep(self, reading: Reading) -> None:
        state, uncertainty_us = self._clock.state, self._clock.uncertainty_us

        def payload(boot: int, seq: int) -> bytes:
            return encode(Batch((_frame(reading, boot, seq, state, uncertainty_us),)))

        class_ = self._classes.get((reading.device, reading.stream), "scalar")
        self._writer.offer(Entry(reading.device, class_, payload))

    def _committed(self, rows: list[Row]) -> None:
        """In the outbox's thread: hand over to the event loop."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._uplink.offer_live, rows)

    # ---- what the uplink tells of us

    async def _count_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_COUNTS_S)
            await self._count()

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

    def _anchor(self) -> ClockAnchor | None:
        wall_us = self._clock.wall_us()
        if wall_us is None:
            return None
        return ClockAnchor(
            boot=self._writer.boot,
            mono_us=self._clock.boottime_us(),
            wall_us=wall_us,
            uncertainty_us=self._clock.uncertainty_us,
            clock=self._clock.state,
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
    )


def _stream_classes(models: dict[str, Model]) -> dict[tuple[str, str], str]:
    classes: dict[tuple[str, str], str] = {}
    for device, model in models.items():
        classes |= {(device, spec.id): spec.class_ for spec in model.streams}
        classes |= {(device, spec.output): spec.class_ for spec in model.pipelines}
    return classes


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def kernel_boot_id(path: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """Return the kernel's id of this boot."""
    return path.read_text(encoding="ascii").strip()
