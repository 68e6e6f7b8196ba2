"""A tty as lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vointi_edge.sources.serial.port import SerialPort


class LineReader(SerialPort):
    """Calls `take(line)` for every complete line; `ended` gets the reason when the tty is gone.

    A line longer than `limit` bytes is noise and dropped whole.
    """

    def __init__(self, path: Path, take: Callable[[bytes], None], limit: int) -> None:
        super().__init__(path, self._split)
        self._take_line = take
        self._limit = limit
        self._rest = b""
        self._skipping = False

    def _split(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not self._skipping and line:
                self._take_line(line)
            self._skipping = False
        if len(self._rest) > self._limit:
            self._rest, self._skipping = b"", True
