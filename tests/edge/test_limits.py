"""What is stopped does stop, whether it wants to or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from virtual_time import run_virtual
from vointi_edge.sources.ble.limits import within

NEVER_S = 1e6


async def answer() -> int:
    await asyncio.sleep(1)
    return 7


async def refuse() -> int:
    raise ValueError("no")


async def clean_up_for_ever() -> int:
    """As bleak's connect on BlueZ: it ends the link that it was making and waits for the answer."""
    try:
        await asyncio.sleep(NEVER_S)
    finally:
        await asyncio.sleep(NEVER_S)
    return 0


async def fail_in_clean_up() -> int:
    try:
        await asyncio.sleep(NEVER_S)
    finally:
        await refuse()
    return 0


def test_what_is_in_time_is_returned_or_raised() -> None:
    async def story() -> None:
        assert await within(2, answer()) == 7
        with pytest.raises(ValueError, match="no"):
            await within(2, refuse())

    run_virtual(story())


@pytest.mark.parametrize("work", [clean_up_for_ever, fail_in_clean_up])
def test_a_clean_up_without_an_end_holds_nobody(
    work: Callable[[], Coroutine[Any, Any, int]],
) -> None:
    async def story() -> None:
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await within(12, work())
        assert asyncio.get_running_loop().time() - began_s < 60
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(story())


def test_whoever_stops_waiting_stops_the_work() -> None:
    async def story() -> None:
        waiting = asyncio.create_task(within(NEVER_S, clean_up_for_ever()))
        await asyncio.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(story())
