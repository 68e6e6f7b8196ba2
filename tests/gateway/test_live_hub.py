from __future__ import annotations

import asyncio

import pytest
from vointi_gateway.live import CLIENT_EVENTS, MAX_CLIENTS, Event, LiveHub


def _event(n: int, pilot: str | None = "p", device: str | None = "e.d") -> Event:
    return Event("reading", str(n), pilot, device)


async def _hub() -> LiveHub:
    hub = LiveHub()
    hub.start(asyncio.get_running_loop())
    return hub


async def test_a_page_gets_what_it_asked_for() -> None:
    hub = await _hub()
    every, pilot, device = hub.join(None, None), hub.join("q", None), hub.join(None, "e.d")
    assert every and pilot and device
    hub.push([_event(1), _event(2, "q", "f.g"), Event("health", "3")])
    await asyncio.sleep(0.05)
    assert [(await every.next(1)).data for _ in range(3)] == ["1", "2", "3"]
    assert [(await pilot.next(1)).data for _ in range(2)] == ["2", "3"]
    assert [(await device.next(1)).data for _ in range(2)] == ["1", "3"]
    with pytest.raises(TimeoutError):
        await device.next(0.01)


async def test_a_slow_page_is_dropped_and_nobody_else_suffers() -> None:
    hub = await _hub()
    slow, quick = hub.join(None, None), hub.join(None, None)
    assert slow and quick
    for n in range(CLIENT_EVENTS + 5):
        hub.push([_event(n)])
        assert (await quick.next(1)).data == str(n)
    assert slow.overflowed
    assert await slow.next(1) is None
    assert not quick.overflowed


async def test_close_ends_every_stream_and_refuses_new_ones() -> None:
    hub = await _hub()
    client = hub.join(None, None)
    assert client
    hub.push([_event(1)])
    hub.close()
    assert await client.next(1) is None
    assert hub.join(None, None) is None
    hub.push([_event(2)])


async def test_too_many_pages_are_refused() -> None:
    hub = await _hub()
    clients = [hub.join(None, None) for _ in range(MAX_CLIENTS)]
    assert hub.join(None, None) is None
    hub.leave(clients[0])
    assert hub.join(None, None) is not None
