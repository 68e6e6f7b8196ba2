"""A simulated home and an edge's radio half in one process, joined by HCI, in virtual time.

The edge's half is all of `sources/ble` and a real outbox; the simulator's half all of its home.
Only the socket between them is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bumble.transport.common import ParserSource, Transport
from edge_parts import models
from vointi_contract.ack import Watermark
from vointi_contract.codec import encode
from vointi_contract.frame import Batch, Frame, Quality
from vointi_edge.clock import Clock as EdgeClock
from vointi_edge.config import DeviceConfig
from vointi_edge.outbox.store import Entry, OutboxStore, Row
from vointi_edge.reading import Reading
from vointi_edge.sources.ble.advertisement import AdvertisingDevice
from vointi_edge.sources.ble.gatt import GattDevice
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ble.virtual import VirtualPort
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.told import Told
from vointi_sim.clock import PacedClock
from vointi_sim.faults import Faults
from vointi_sim.places import CUFF, HOME_RUUVITAG, OXIMETER, SCALE, STRAP, THERMOMETER, Place, home
from vointi_sim.radio import HciPort

DEVICES = (
    DeviceConfig("strap-1", "polar-h10", STRAP, None, "p-7f3a"),
    DeviceConfig("oxi-1", "ble-oximeter", OXIMETER, None, None),
    DeviceConfig("thermo-1", "ble-thermometer", THERMOMETER, None, None),
    DeviceConfig("scale-1", "ble-scale", SCALE, None, None),
    DeviceConfig("cuff-1", "ble-bp-cuff", CUFF, None, None),
    DeviceConfig("ruuvi-1", "ruuvitag", HOME_RUUVITAG, None, None),
)


class _Wire(asyncio.Transport):
    """The simulator's end: what it writes goes to the host after the current event."""

    def __init__(self, source: ParserSource, log: list[bytes] | None) -> None:
        super().__init__()
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._log = log
        self._closed = False

    def write(self, data: Any) -> None:
        if self._log is not None:
            self._log.append(bytes(data))
        self._loop.call_soon(self._source.parser.feed_data, bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return self._closed

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.call_soon(self._source.on_transport_lost)


class _HostSink:
    """The host's end."""

    def __init__(self, protocol: Any, log: list[bytes] | None) -> None:
        self._protocol = protocol
        self._log = log
        self._open = True

    def on_packet(self, packet: bytes) -> None:
        if self._open:
            if self._log is not None:
                self._log.append(packet)
            self._protocol.data_received(packet)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._protocol.connection_lost(None)


def plug(port: HciPort, log: list[bytes] | None = None) -> Any:
    """Return an opener that joins a host to a simulated adapter; `log` keeps every packet."""

    async def opened(_name: str) -> Transport:
        if not port.plugged:
            raise ConnectionRefusedError("no adapter there")
        source, protocol = ParserSource(), port.protocol()
        protocol.connection_made(_Wire(source, log))
        return Transport(source, _HostSink(protocol, log))

    return opened


class LoopClock:
    """The edge's clock on the loop's time."""

    state, uncertainty_us = 3, 1000

    def boottime_us(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e6)

    def wall_us(self) -> int | None:
        return self.boottime_us() + 1_700_000_000_000_000

    def wall_offset(self) -> int | None:
        return 1_700_000_000_000_000


@dataclass
class Hub:
    """Takes readings into a real outbox, and remembers every change of every link.

    Each group of rows is acknowledged at once or, with `gateway` false, kept.
    """

    store: OutboxStore
    gateway: bool = True
    links: list[tuple[float, str, str, str]] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    last_s: dict[tuple[str, str], float] = field(default_factory=dict)
    gaps: list[tuple[float, float, str, str]] = field(default_factory=list)
    kept: dict[tuple[str, str], list[Reading]] | None = None
    seqs: dict[tuple[str, int], int] = field(default_factory=dict)
    out_of_order: int = 0
    given: int = 0

    def __post_init__(self) -> None:
        self._waiting: list[Entry] = []

    def reading(self, reading: Reading) -> None:
        key, now = (reading.device, reading.stream), asyncio.get_running_loop().time()
        self.gaps.append((self.last_s.get(key, now), now, *key))
        if self.gaps[-1][1] - self.gaps[-1][0] < 5:
            self.gaps.pop()
        self.counts[key] += 1
        self.last_s[key] = now
        self.given += 1
        if self.kept is not None:
            self.kept.setdefault(key, []).append(reading)
        self._waiting.append(Entry(reading.device, "scalar", _encoder(reading)))
        if len(self._waiting) >= 500:
            self.flush()

    def flush(self) -> None:
        rows = self.store.append(self._waiting)
        self._waiting.clear()
        for row in rows:
            key = (row.device, row.boot)
            self.out_of_order += row.seq != self.seqs.get(key, 0) + 1
            self.seqs[key] = row.seq
        if self.gateway and rows:
            self.store.commit([Watermark(d, b, upto, ()) for (d, b), upto in self.seqs.items()])

    def link(self, device: str, link: str, note: str = "") -> None:
        change = (device, link, note)
        last = next((each[1:] for each in reversed(self.links) if each[1] == device), None)
        if last != change:
            self.links.append((asyncio.get_running_loop().time(), *change))

    def rssi(self, device: str, dbm: int) -> None:
        pass

    def bad(self, device: str, stream: str, reason: str) -> None:
        pass

    def rate(self, device: str, stream: str, rate_hz: float) -> None:
        pass

    def note(self, device: str) -> tuple[str, str]:
        """The present link and note of a device."""
        return next((e[2], e[3]) for e in reversed(self.links) if e[1] == device)


def _encoder(reading: Reading) -> Any:
    def payload(boot: int, seq: int) -> bytes:
        return encode(Batch((_frame(reading, boot, seq),)))

    return payload


def _frame(reading: Reading, boot: int, seq: int) -> Frame:
    return Frame(
        reading.device, reading.stream, boot, seq, reading.mono_us, reading.wall_us,
        LoopClock.state, 1000, reading.rate_hz, reading.dev_ts_ns, reading.channels,
        reading.offsets_us, Quality(reading.quality),
    )  # type: ignore[arg-type]  # fmt: skip


class Scene:
    """A home, its edge, and the hand that makes faults. Use it as `async with`."""

    def __init__(
        self,
        *,
        seed: int = 1,
        adapters: int = 1,
        slots: int = 5,
        devices: Sequence[DeviceConfig] = DEVICES,
        folder: Path | None = None,
        place: Place | None = None,
        log: list[bytes] | None = None,
        bystanders: bool = False,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.clock = PacedClock(1.0, loop.time)
        self.place = place or home(self.clock, seed)
        for number in range(2, adapters + 1):
            self.place.add_port(f"B8:27:EB:00:00:{number + 1:02X}")
        self.faults = Faults([self.place], self.clock, seed)
        self._folder = tempfile.TemporaryDirectory() if folder is None else None
        self.path = (folder or Path(self._folder.name if self._folder else "")) / "outbox.db"
        self.hub = Hub(OutboxStore(self.path, "kernel-boot", 1 << 30))
        self.devices = tuple(devices)
        self.told = Told()  # kept over restarts of the edge, as its file is
        self._slots, self._log = slots, log
        if not bystanders:
            wanted = {device.address for device in devices}
            self.place.devices = tuple(d for d in self.place.devices if d.address in wanted)
        self._running: asyncio.Task[None] | None = None
        self._rivals: list[tuple[Radio, asyncio.Task[None], Hub]] = []

    async def __aenter__(self) -> Scene:
        await self.place.switch_on()
        self.start_edge()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_edge()
        for radio, task, hub in self._rivals:
            await _ended(radio, task)
            hub.store.close()
        await self.place.stop()
        try:
            self.hub.flush()
        finally:
            self.hub.store.close()
            if self._folder is not None:
                self._folder.cleanup()

    def start_edge(self) -> None:
        self.radio, self._running = self._edge(self.place.ports, self.hub)

    async def rival(self, port: HciPort) -> Hub:
        """Start a second edge with the same devices on an adapter of its own."""
        hub = Hub(OutboxStore(self.path.with_name("rival.db"), "kernel-boot", 1 << 30))
        self._rivals.append((*self._edge([port], hub), hub))
        return hub

    def _edge(self, adapters: Sequence[HciPort], hub: Hub) -> tuple[Radio, asyncio.Task[None]]:
        ports = [
            VirtualPort(f"radio {number}", f"in process, {port.name}", plug(port, self._log))
            for number, port in enumerate(adapters, 1)
        ]
        radio = Radio(ports, self._slots)
        told = self.told if hub is self.hub else Told()
        context, catalogue = Context(hub, LoopClock(), told=told), models()  # type: ignore[arg-type]
        jobs = [radio.run()]
        for device in self.devices:
            assigned = Assigned(device, catalogue[device.model])
            kind = AdvertisingDevice if assigned.model.transport == "ble-adv" else GattDevice
            jobs.append(kind(assigned, radio, context).run())
        return radio, asyncio.create_task(_together(jobs))

    async def stop_edge(self) -> None:
        if self._running is not None:
            await _ended(self.radio, self._running)
            self._running = None

    async def fault(self, op: str, **fields: Any) -> None:
        await self.faults.plan({"op": op, **fields})()

    async def until(self, what: Any, timeout_s: float = 60.0) -> float:
        """Wait until `what()` is true; return how long that took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not what():
            assert self._running is not None
            if self._running.done():
                self._running.result()
            assert loop.time() - began < timeout_s, f"not within {timeout_s} s"
            await asyncio.sleep(0.05)
        return loop.time() - began

    async def more(self, device: str, stream: str, timeout_s: float = 60.0, by: int = 3) -> float:
        """Wait for further readings of a stream; return how long that took."""
        wanted = self.hub.counts[device, stream] + by
        return await self.until(lambda: self.hub.counts[device, stream] >= wanted, timeout_s)


async def _ended(radio: Radio, task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await radio.close()


async def _together(jobs: Sequence[Any]) -> None:
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(job)


__all__ = ["DEVICES", "EdgeClock", "Row", "Scene", "plug"]
