"""Faults 17 and 18: names that are not resolved, and a link that is dead though nobody says so."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from edge_chain import Gateway, broker, free_port, mosquitto
from uplink_kit import DeadWire, Kept, made, until
from vointi_edge.uplink import session
from vointi_edge.uplink.uplink import Uplink

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(mosquitto() is None, reason="no mosquitto: apt-get install mosquitto"),
]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    port = free_port()
    process = broker(tmp_path, port)
    gateway = Gateway(port, "5")
    yield gateway
    gateway.close()
    process.kill()


@contextlib.asynccontextmanager
async def at_work(link: Uplink) -> AsyncIterator[None]:
    task = asyncio.create_task(link.run())
    try:
        yield
    finally:
        await link.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def all_there(gateway: Gateway, kept: Kept) -> None:
    await until(lambda: len(gateway.frames) == len(kept.rows), 60)


async def test_a_link_that_is_dead_and_open_is_given_up_and_nothing_is_missing(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "KEEPALIVE_S", 2)
    kept = Kept()
    kept.add(20)
    async with DeadWire(gateway.port) as wire:
        link = made(kept, wire.port, "5")
        async with at_work(link):
            await all_there(gateway, kept)
            wire.go_dead()
            link.offer_live(kept.add(5))  # into the void
            await until(lambda: wire.links >= 2, 60)
            await all_there(gateway, kept)


async def test_a_name_that_is_not_known_for_a_while_costs_a_line_and_no_reading(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    known, asked = False, 0
    real = socket.getaddrinfo

    def resolve(host: Any, *words: Any, **named: Any) -> Any:
        nonlocal asked
        if host != "broker.example":
            return real(host, *words, **named)
        asked += 1
        if not known:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real("127.0.0.1", *words, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    kept = Kept()
    kept.add(20)
    link = made(kept, gateway.port, "5", host="broker.example")
    with caplog.at_level(logging.INFO, "vointi_edge"):
        async with at_work(link):
            await until(lambda: asked >= 3, 60)
            kept.add(5)
            known = True
            await all_there(gateway, kept)
    said = [one.getMessage() for one in caplog.records if "no broker" in one.getMessage()]
    assert len(said) == 1
    assert "Temporary failure in name resolution" in said[0]
