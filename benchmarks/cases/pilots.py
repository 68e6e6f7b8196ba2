"""What one more pilot, edge or stream costs a gateway, as curves over the seeded data set."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from vointi_contract.codec import encode
from vointi_contract.frame import Batch
from vointi_contract.topics import EdgeTopics
from vointi_gateway.app import create_app
from vointi_gateway.gateway import Gateway
from vointi_gateway.ingest.ledger import Ledger
from vointi_gateway.ingest.stage import Delivery, Stager
from vointi_gateway.sample.load import births, load_registry
from vointi_gateway.sample.plan import UNTIL_US, Sample, plan
from vointi_gateway.sample.readings import frame, summaries
from vointi_gateway.settings import Settings as GatewaySettings

from benchmarks.rows import Row, Settings

NAME = "pilots"
#: Deliveries that are staged for a figure: many devices, and short enough for a slow machine.
DELIVERIES = 1500
PEOPLE_PER_PILOT = 43


@dataclass(frozen=True, slots=True)
class Figures:
    """One point of a curve: how large, and what it costs."""

    pilots: int
    edges: int
    streams: int
    registry_kb: float
    picture_ms: float
    picture_kb: float
    reading_us: float
    policy_us: float
    pilots_ms: float
    devices_ms: float


#: Field, what it is in words, unit.
_WHAT = (
    ("registry_kb", "registry on disk", "kB"),
    ("picture_ms", "new picture of loans and consents after a change", "ms"),
    ("picture_kb", "memory of that picture", "kB"),
    ("reading_us", "decode, check and book one reading (CPU)", "us"),
    ("policy_us", "look whether an edge's policy is still right (CPU)", "us"),
    ("pilots_ms", "GET /api/v1/pilots", "ms"),
    ("devices_ms", "GET /api/v1/devices", "ms"),
)


def run(settings: Settings) -> list[Row]:
    """Three sweeps: pilots of equal size, edges of one pilot, streams of its devices."""
    pilots = (1, 5, 35) if settings.quick else (1, 5, 10, 20, 35)
    edges = (10, 100) if settings.quick else (10, 50, 100, 200, 400)
    streams = (1, 4) if settings.quick else (1, 2, 4, 8)
    began_s = time.monotonic()

    def point(what: str, sample: Sample, streams: int = 1) -> Figures:
        print(f"{time.monotonic() - began_s:.0f} s: {what}", file=sys.stderr)
        return measure(sample, streams)

    sweeps = {
        "pilot": [
            point(f"{n} pilots", plan(1, pilots=n, people=n * PEOPLE_PER_PILOT, weeks=1))
            for n in pilots
        ],
        "edge": [point(f"{n} edges", plan(1, pilots=1, people=n, weeks=1)) for n in edges],
        "stream": [
            point(f"{n} streams a device", plan(1, pilots=1, people=100, weeks=1), n)
            for n in streams
        ],
    }
    return [row for name, points in sweeps.items() for row in _rows(name, points)]


def measure(sample: Sample, streams: int = 1) -> Figures:
    """A gateway with this much in it."""
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder, _gateway(Path(folder)) as gateway:
        load_registry(sample, gateway.registry)
        gateway.steward.refresh()
        for birth in births(sample, streams):
            gateway.fleet.born(birth)
        gateway.registry.database.wipe_log()
        tracemalloc.start()
        kept = gateway.registry.gate()
        picture_kb = tracemalloc.get_traced_memory()[0] / 1024
        tracemalloc.stop()
        views = gateway.fleet.edges()[:100]
        send = gateway.registry.policies.current
        for view in views:
            send(view.pilot, view.birth, kept)
        return Figures(
            pilots=len(sample.pilots),
            edges=len(gateway.fleet.edges()),
            streams=streams * len(sample.devices),
            registry_kb=(Path(folder) / "registry.db").stat().st_size / 1024,
            picture_ms=_median_ms(gateway.registry.gate, 5),
            picture_kb=picture_kb,
            reading_us=_reading_us(sample, gateway),
            policy_us=1000
            * _median_ms(lambda: [send(v.pilot, v.birth, kept) for v in views], 5)
            / len(views),
            pilots_ms=_get_ms(gateway, "/api/v1/pilots"),
            devices_ms=_get_ms(gateway, "/api/v1/devices"),
        )


@contextmanager
def _gateway(folder: Path) -> Iterator[Gateway]:
    gateway = Gateway(GatewaySettings(data_dir=folder, auth="local"), lambda: UNTIL_US)
    gateway.open()
    try:
        yield gateway
    finally:
        gateway.close()


def _reading_us(sample: Sample, gateway: Gateway) -> float:
    deliveries = list(_deliveries(sample))
    gate = gateway.steward.gate()
    stager = Stager(Ledger(), set(), gateway.fleet.pilot_of, lambda: UNTIL_US, lambda: gate)
    start = time.process_time()
    for at in range(0, len(deliveries), 500):
        stager.stage(deliveries[at : at + 500], {})
    return (time.process_time() - start) / len(deliveries) * 1e6


def _deliveries(sample: Sample) -> Iterator[Delivery]:
    """Readings spread over all devices, again and again with new numbers."""
    frames = [(d, next(summaries(sample, d), None)) for d in sample.devices]
    made = [(d, frame(sample, d, one)) for d, one in frames if one is not None]
    for number in range(DELIVERIES):
        device, first = made[number % len(made)]
        seq = 1 + number // len(made)
        values = {name: getattr(first, name) for name in first.__slots__} | {"seq": seq}
        payload = encode(Batch((type(first)(**values),)))
        topic = EdgeTopics(device.pilot, device.edge).live(first.device)
        yield Delivery(topic, payload, number, 1, 1, False, UNTIL_US)


def _get_ms(gateway: Gateway, path: str) -> float:
    app = create_app(gateway)

    async def ask() -> float:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            took = []
            for _ in range(5):
                start = time.perf_counter()
                (await client.get(path)).raise_for_status()
                took.append((time.perf_counter() - start) * 1e3)
            return statistics.median(took)

    return asyncio.run(ask())


def _median_ms(work: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        start = time.process_time()
        work()
        took.append((time.process_time() - start) * 1e3)
    return statistics.median(took)


def _rows(name: str, points: list[Figures]) -> Iterable[Row]:
    """Every point, then how much one more costs: the slope of the straight line through them."""
    sizes = np.array([getattr(point, f"{name}s") for point in points], float)
    for field, words, unit in _WHAT:
        values = np.array([getattr(point, field) for point in points])
        for size, value in zip(sizes, values, strict=True):
            yield Row(f"{words}, {size:.0f} {name}s", float(value), unit)
        slope = float(np.polyfit(sizes, values, 1)[0])
        yield Row(f"{words}: one more {name}", slope, unit)
