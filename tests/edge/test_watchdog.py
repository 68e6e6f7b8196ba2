"""Word to the service manager, over a real datagram socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
from vointi_edge.watchdog import ServiceManager

pytestmark = pytest.mark.network


async def told(environment: dict[str, str], alive: bool, seconds: float) -> None:
    manager = ServiceManager(lambda: alive, environment)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await manager.run()
    manager.stopping()


@pytest.mark.parametrize("address", ["path", "abstract"])
@pytest.mark.parametrize("alive", [True, False])
async def test_ready_alive_stopping(tmp_path: Path, address: str, alive: bool) -> None:
    name = str(tmp_path / "notify") if address == "path" else f"\0vointi-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name)
        listener.settimeout(0)
        environment = {"NOTIFY_SOCKET": name.replace("\0", "@"), "WATCHDOG_USEC": "80000"}
        await told(environment, alive, 0.1)
        said = []
        with contextlib.suppress(BlockingIOError):
            while True:
                said.append(listener.recv(100).decode())
    assert (said[0], said[-1]) == ("READY=1", "STOPPING=1")
    assert said.count("WATCHDOG=1") >= 3 if alive else said == ["READY=1", "STOPPING=1"]


async def test_without_a_service_manager_nothing_happens(tmp_path: Path) -> None:
    await told({}, alive=True, seconds=0.01)
    await told({"NOTIFY_SOCKET": str(tmp_path / "nobody")}, alive=True, seconds=0.01)
    assert ServiceManager(lambda: True, {"WATCHDOG_USEC": "60000000"}).period_s == 15


@pytest.mark.timeout(30)
async def test_a_manager_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name)
        full = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as other:
            other.connect(name)
            with contextlib.suppress(BlockingIOError):
                while True:
                    full += other.send(b"X=1")
        assert full > 0
        await told({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "4000"}, alive=True, seconds=0.05)
