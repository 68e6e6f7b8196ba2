"""The kernel's virtual controller; in its place a pipe, where what is written comes back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from vointi_sim.errors import ListenError
from vointi_sim.radio.vhci import VhciLine

RESET = bytes.fromhex("01030c00")


class Heard(asyncio.Protocol):
    def __init__(self) -> None:
        self.packets: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.packets.put_nowait(data)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "vhci")
    return tmp_path / "vhci"


async def test_packets_pass_and_the_kernels_own_answers_do_not(device: Path) -> None:
    heard = Heard()
    line = VhciLine(heard, "--home", device)  # its request for a controller comes back first
    for _ in range(5):  # turns of the loop, until it is read
        await asyncio.sleep(0)
    line.write(RESET)
    assert await asyncio.wait_for(heard.packets.get(), 10) == RESET
    assert heard.transport is line
    line.abort()


async def test_a_pulled_adapter_takes_no_packet_and_is_pulled_once(device: Path) -> None:
    line = VhciLine(Heard(), "--home", device)
    line.abort()
    assert line.is_closing()
    line.write(RESET)
    line.abort()


async def test_a_kernel_without_it_is_told_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match=r"--home: .*modprobe hci_vhci"):
        VhciLine(Heard(), "--home", tmp_path / "vhci")
