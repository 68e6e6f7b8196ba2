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
from vointi_edge.uplink import pump, session
from vointi_edge.uplink.dial import LastAddress
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
    monkeypatch.setattr(pump, "_TEND_S", 0.5)
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


class Names:
    """What `broker.example` leads to; None: nobody knows. `asked` counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leads_to: str | None = None
        self.asked = 0
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)

    def _resolve(self, host: Any, *words: Any, **named: Any) -> Any:
        if host != "broker.example":
            return self._real(host, *words, **named)
        self.asked += 1
        if self.leads_to is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._real(self.leads_to, *words, **named)


@pytest.mark.parametrize("leads_to", [None, "127.0.0.9"], ids=["nowhere", "elsewhere"])
async def test_a_restart_on_a_day_without_names_finds_the_broker_where_it_was(
    leads_to: str | None,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    names, kept, file = Names(monkeypatch), Kept(), tmp_path / "broker.address"
    kept.add(20)
    names.leads_to = "127.0.0.1"
    async with at_work(made(kept, gateway.port, "5", "broker.example", LastAddress(file))):
        await all_there(gateway, kept)
    names.leads_to = leads_to  # the broker listens on no other address
    kept.add(5)
    async with at_work(made(kept, gateway.port, "5", "broker.example", LastAddress(file))):
        await all_there(gateway, kept)
    told = [one.getMessage() for one in caplog.records if "last address" in one.getMessage()]
    assert len(told) == 1
    assert LastAddress(file).of("broker.example") == "127.0.0.1"


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"host":"broker.example"}', b"\xff"])
def test_an_address_that_nobody_wrote_down_is_none(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "broker.address"
    if content is not None:
        file.write_bytes(content)
    assert LastAddress(file).of("broker.example") is None


def test_an_address_is_of_one_name_and_of_the_last_one(tmp_path: Path) -> None:
    last = LastAddress(tmp_path / "broker.address")
    last.keep("broker.example", "192.0.2.1")
    last.keep("broker.example", "192.0.2.2")
    assert last.of("broker.example") == "192.0.2.2"
    assert last.of("another.example") is None
    LastAddress(tmp_path / "broker.address" / "below").keep("broker.example", "192.0.2.3")


async def test_a_name_that_is_not_known_for_a_while_costs_a_line_and_no_reading(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names, kept = Names(monkeypatch), Kept()
    kept.add(20)
    link = made(kept, gateway.port, "5", host="broker.example")
    with caplog.at_level(logging.INFO, "vointi_edge"):
        async with at_work(link):
            await until(lambda: names.asked >= 3, 60)
            kept.add(5)
            names.leads_to = "127.0.0.1"
            await all_there(gateway, kept)
    said = [one.getMessage() for one in caplog.records if "no broker" in one.getMessage()]
    assert len(said) == 1
    assert "Temporary failure in name resolution" in said[0]
