"""A tty as bytes, without a thread: opened raw and non-blocking, read by the event loop."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Callable
from pathlib import Path

_CHUNK = 4096
# Rates beyond the named ones need the kernel's second termios (asm-generic/termbits.h):
# four flag words, line discipline and 19 control characters, input and output speed.
_TERMIOS2 = struct.Struct("=4I20s2I")
_TCGETS2, _TCSETS2 = 0x802C542A, 0x402C542B
_CBAUD, _BOTHER = 0o010017, 0o010000


class SerialPort:
    """Calls `take(data)` for what arrives; `ended` gets the reason when the tty is gone."""

    def __init__(self, path: Path, take: Callable[[bytes], None], baud: int = 115_200) -> None:
        self._path = path
        self._take = take
        self._baud = baud
        self._fd = -1
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = self._loop.create_future()

    def open(self) -> None:
        """Open the tty, 8N1; raises OSError."""
        self._fd = os.open(self._path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            tty.setraw(self._fd)
            self._set_speed()
        except (termios.error, OSError) as error:
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

    def _set_speed(self) -> None:
        settings = bytearray(_TERMIOS2.size)
        fcntl.ioctl(self._fd, _TCGETS2, settings)
        iflag, oflag, cflag, lflag, rest, _, _ = _TERMIOS2.unpack(settings)
        cflag = cflag & ~_CBAUD | _BOTHER
        _TERMIOS2.pack_into(settings, 0, iflag, oflag, cflag, lflag, rest, self._baud, self._baud)
        fcntl.ioctl(self._fd, _TCSETS2, settings)

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
        self._take(data)

    def _end(self, reason: str) -> None:
        self._loop.remove_reader(self._fd)
        if not self.ended.done():
            self.ended.set_result(reason)
