"""A TCP port that hangs up on everybody when it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod

from vointi_sim.errors import ListenError


class Listener(ABC):
    """Serves each caller in `converse` until one of both ends it.

    `limit` is the longest line or head that is read, in bytes.
    """

    limit: int

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, host: str, port: int, field: str) -> tuple[str, int]:
        """Listen; returns the actual address. Raises ListenError."""
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=self.limit)
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

    @abstractmethod
    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one caller. What is raised for nonsense or a reset ends this talk alone."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError):
                await self.converse(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()
