"""A tty as lines, without a thread: opened raw and non-blocking, read by the event loop."""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path

_CHUNK = 4096


class LineReader:
    """Calls `take(line)` for every complete line; `ended` gets the reason when the tty is gone.

    A line longer than `limit` bytes is noise and dropped whole.
    """

    def __init__(self, path: Path, take: Callable[[bytes], None], limit: int) -> None:
        self._path = path
        self._take = take
        self._limit = limit
        self._rest = b""
        self._skipping = False
        self._fd = -1
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = self._loop.create_future()

    def open(self) -> None:
        """Open the tty at 115200 baud, 8N1; raises OSError."""
        self._fd = os.open(self._path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            tty.setraw(self._fd)
            settings = termios.tcgetattr(self._fd)
            settings[4] = settings[5] = termios.B115200
            termios.tcsetattr(self._fd, termios.TCSANOW, settings)
        except termios.error as error:
            os.close(self._fd)
            self._fd = -1
            raise OSError(f"no serial line ({error.args[-1]})") from None
        self._loop.add_reader(self._fd, self._readable)

    def close(self) -> None:
        """Close the tty."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error.strerror or str(error))
            return
        if not data:
            self._end("hung up")
            return
        self._split(data)

    def _end(self, reason: str) -> None:
        self._loop.remove_reader(self._fd)
        if not self.ended.done():
            self.ended.set_result(reason)

    def _split(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not self._skipping and line:
                self._take(line)
            self._skipping = False
        if len(self._rest) > self._limit:
            self._rest, self._skipping = b"", True
