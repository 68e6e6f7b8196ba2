"""What the tests of wired sources share: an assigned device, a running job, waiting for a fact."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from edge_parts import Hub, SetClock, models
from hypothesis import settings
from vointi_contract.metrics import by_code
from vointi_edge.config import DeviceConfig
from vointi_edge.config_wired import Place
from vointi_edge.reading import Reading
from vointi_edge.sources.ports import Assigned, Context

MODELS = models()
# Enough to find what a change breaks, on a machine that does other things at the same time.
FUZZED = settings(max_examples=60, deadline=None)


def assigned(model: str, place: Place | None = None, path: Path | None = None) -> Assigned:
    device = DeviceConfig("it-1", model, None, path, None, place=place or Place())
    return Assigned(device, MODELS[model])


def context(hub: Hub) -> Context:
    return Context(hub, SetClock(mono_us=7_200_000_000))


def values(reading: Reading) -> dict[str, float]:
    return {by_code(one.metric).name: float(one.physical()[0]) for one in reading.channels}


async def until(what: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110 - the hub has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        # A source that raised is a defect that a test must not hide.
        for one in ended:
            if isinstance(one, Exception):
                raise one
