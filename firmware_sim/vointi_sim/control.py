"""The control port: one JSON object a line in, one answer a line out."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vointi_sim.clock import Clock
from vointi_sim.errors import ArgumentError
from vointi_sim.faults import Faults
from vointi_sim.listener import Listener
from vointi_sim.places import Place


class ControlPort(Listener):
    """Takes faults (see `Faults`) and `{"op": "stats"}` over TCP.

    Answers `{"ok": true, …}` or `{"ok": false, "error": "field: problem; fix"}`.
    """

    limit = 4096  # the longest command is under 200 bytes

    def __init__(self, places: Sequence[Place], faults: Faults, clock: Clock) -> None:
        super().__init__()
        self._places = places
        self._faults = faults
        self._clock = clock

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer line by line; a line over the limit ends the conversation."""
        while line := await reader.readline():
            answer = await self._answer(line)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            table = _table(line)
            if table.get("op") == "stats":
                return {"ok": True, **self._stats()}
            await self._faults.plan(table)()
        except ArgumentError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True}

    def _stats(self) -> dict[str, Any]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "now_s": round(self._clock.now_s(), 3),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
            "rss_mb": round(_resident_bytes() / 1e6, 1),
            "places": {place.name: _place(place) for place in self._places},
        }


def _resident_bytes() -> int:
    # Not ru_maxrss: that one is inherited from the process that started this one.
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _table(line: bytes) -> dict[str, Any]:
    try:
        table = json.loads(line)
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise ArgumentError("line", "is no JSON object", 'write {"op": "stats"}')
    return table


def _place(place: Place) -> dict[str, Any]:
    devices = {
        device.address: {
            "name": device.name,
            "connected": device.connected,
            "battery_pct": device.battery_pct,
            "sent": device.sent,
        }
        for device in place.devices
    }
    stats: dict[str, Any] = {"hosts_seen": place.port.hosts_seen, "devices": devices}
    if place.box is not None:
        stats["box"] = {"sent": place.box.sent, "lost": place.box.cable.lost}
    return stats
