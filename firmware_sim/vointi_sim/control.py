"""The control port: one JSON object a line in, one answer a line out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vointi_sim.clock import Clock
from vointi_sim.errors import ArgumentError, ListenError
from vointi_sim.faults import Faults
from vointi_sim.places import Place

# The longest command is under 200 bytes.
_LINE_LIMIT = 4096


class ControlPort:
    """Takes faults (see `Faults`) and `{"op": "stats"}` over TCP.

    Answers `{"ok": true, …}` or `{"ok": false, "error": "field: problem; fix"}`.
    """

    def __init__(self, places: Sequence[Place], faults: Faults, clock: Clock) -> None:
        self._places = places
        self._faults = faults
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, host: str, port: int, field: str) -> tuple[str, int]:
        """Listen; returns the actual address. Raises ListenError."""
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=_LINE_LIMIT)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ListenError(field, f"{host}:{port}", reason) from error
        actual = self._server.sockets[0].getsockname()
        return str(actual[0]), int(actual[1])

    async def stop(self) -> None:
        """Stop listening and hang up."""
        for writer in list(self._writers):
            writer.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            # A line over the limit ends the conversation, as does a peer that resets.
            with contextlib.suppress(ValueError, ConnectionError):
                while line := await reader.readline():
                    answer = await self._answer(line)
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()

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
