"""One adapter at work: its scan ends when it is told to, whatever the adapter answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bleak.backends.scanner import BaseBleakScanner
from bleak.exc import BleakError
from vointi_edge.sources.ble.station import Station


class GoneScanner(BaseBleakScanner):
    """Starts, and finds the adapter gone when it is to stop."""

    started = 0

    def __init__(self, callback: Any, uuids: Any, mode: Any, **_: Any) -> None:
        super().__init__(callback, uuids)

    async def start(self) -> None:
        GoneScanner.started += 1

    async def stop(self) -> None:
        raise BleakError("org.freedesktop.DBus.Error.UnknownObject")


class GonePort:
    name, scanner, client, scanner_args = "hci0", GoneScanner, None, {}
    quiet_links = False

    async def power_cycle(self) -> None:
        raise OSError("no adapter")


async def test_an_adapter_that_cannot_stop_its_scan_does_not_keep_the_edge_from_ending() -> None:
    told: list[str | None] = []
    port: Any = GonePort()
    station = Station(
        port, 5, assigned=(), linked=tuple, heard=lambda *_: None, troubled=told.append
    )
    running = asyncio.create_task(station.run())
    while not (station.scanning or running.done()):  # noqa: ASYNC110 - a station tells nobody
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 10)
    assert GoneScanner.started == 1
