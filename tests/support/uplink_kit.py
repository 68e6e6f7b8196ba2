"""An uplink with an outbox in memory, and a wire that goes dead without a word."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from edge_chain import TOPICS
from edge_parts import payload
from vointi_contract.ack import Watermark
from vointi_contract.frame import Loss
from vointi_contract.status import Birth, EdgeStatus, OutboxCounts
from vointi_edge.outbox.store import Row
from vointi_edge.uplink.dial import LastAddress
from vointi_edge.uplink.session import Broker
from vointi_edge.uplink.uplink import Uplink

BOOT = 77


@dataclass
class Kept:
    """An outbox in memory."""

    rows: list[Row] = field(default_factory=list)
    lost: list[Loss] = field(default_factory=list)
    marks: list[Watermark] = field(default_factory=list)

    def add(self, count: int) -> list[Row]:
        start = len(self.rows) + 1
        new = [
            Row(n, "strap-1", BOOT, n, payload("strap-1", BOOT, n))
            for n in range(start, start + count)
        ]
        self.rows += new
        return new

    async def read(self, after: int, upto: int, max_bytes: int) -> Sequence[Row]:
        covered = [
            row for row in self.rows
            if after < row.id <= upto and not any(mark.covers(row.seq) for mark in self.marks)
        ]  # fmt: skip
        return covered[: 1 if max_bytes < 100 else 50]

    async def newest(self) -> int:
        return len(self.rows)

    async def losses(self) -> Sequence[Loss]:
        return self.lost

    async def commit(self, marks: Sequence[Watermark]) -> int:
        self.marks = list(marks)
        return 0

    async def gap(self, marks: Sequence[Watermark]) -> tuple[int, int] | None:
        gaps = [gap for mark in marks for gap in mark.gaps]
        return (gaps[0][0], gaps[-1][1]) if gaps else None


def made(
    kept: Kept, port: int, protocol: str, host: str = "127.0.0.1", last: LastAddress | None = None
) -> Uplink:
    def status(online: bool) -> EdgeStatus:
        return EdgeStatus("home-1", BOOT, online, 1, 2, OutboxCounts(0, 0, 0, 0), ())

    return Uplink(
        broker=Broker(host, port, protocol, "home-1", None, None, last=last),
        topics=TOPICS,
        store=kept,
        birth=lambda: Birth("home-1", BOOT, "1", "home-1", "home", ()),
        status=status,
        anchors=lambda: (),
    )


async def until(what: Callable[[], object], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not what():  # noqa: ASYNC110 - the stand-in lives in other threads
            await asyncio.sleep(0.02)


class DeadWire:
    """A TCP proxy before the broker. `go_dead` swallows what passes now; new links pass again."""

    def __init__(self, port: int) -> None:
        self._broker_port = port
        self._dead: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.links = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def go_dead(self) -> None:
        """From now on both sides of every open link hear nothing, not even its end."""
        self._dead |= self._writers

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if writer not in self._dead:
                    writer.write(data)
            if writer not in self._dead:
                writer.close()
