"""A slow line between two programs: a TCP relay with a rate and a delay, which can be cut.

In user space, because it then needs no privilege and no kernel module: it is the same line for
everybody who measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import Self

_SEGMENT_BYTES = 1448
# IPv4 and TCP with timestamps: what a segment takes of the line beside its payload.
_HEADER_BYTES = 52
# A router keeps half a second of traffic; what comes then waits at the sender.
_QUEUE_S = 0.5
# Else the kernel hides a quarter of a megabyte in front of the line.
_RECEIVE_BYTES = 16 * 1024


@dataclass
class SlowLink:
    """`bytes_per_s` and one-way `delay_s` in each direction, to 127.0.0.1:`target`; starts cut.

    `up_bytes` is what TCP carried to the target, without headers.
    """

    target: int
    bytes_per_s: float
    delay_s: float
    up_bytes: int = 0
    joined_s: float | None = None
    _up: bool = False
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self._listening.bind(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def now_s(self) -> float:
        return self._loop.time()

    def mend(self) -> None:
        """Let connections through; `joined_s` becomes the time of the next one."""
        self.joined_s, self._up = None, True

    def cut(self) -> None:
        """End every connection and take no new one."""
        self._up = False
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._join, sock=self._listening)
        )
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end_all())
        self._loop.close()

    async def _end_all(self) -> None:
        await self._drop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drop(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _join(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        ends = [back]
        try:
            if self._up:
                far, forth = await asyncio.open_connection("127.0.0.1", self.target)
                ends.append(forth)
                self._open.update(ends)
                self.joined_s = self.joined_s or self.now_s()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._carry(near, forth, counted=True))
                    group.create_task(self._carry(far, back, counted=False))
        except* OSError:
            pass  # the broker is away, or an end is gone: so is the other
        finally:
            self._open.difference_update(ends)
            for end in ends:
                end.transport.abort()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        """Each segment leaves when the line is free, and arrives `delay_s` later."""
        free_s = 0.0
        while data := await source.read(_SEGMENT_BYTES):
            now_s = self._loop.time()
            free_s = max(free_s, now_s) + (len(data) + _HEADER_BYTES) / self.bytes_per_s
            self._loop.call_at(free_s + self.delay_s, self._deliver, sink, data, counted)
            if free_s - now_s > _QUEUE_S:
                await asyncio.sleep(free_s - now_s - _QUEUE_S)
        raise ConnectionResetError

    def _deliver(self, sink: asyncio.StreamWriter, data: bytes, counted: bool) -> None:
        if sink.transport.is_closing():
            return
        with contextlib.suppress(OSError):
            sink.write(data)
        if counted:
            self.up_bytes += len(data)
