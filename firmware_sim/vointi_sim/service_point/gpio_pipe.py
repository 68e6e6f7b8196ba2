"""Lines of a GPIO chip as a named pipe with the kernel's event records.

It enters where the kernel hands events to a program, after its debouncing: what a request asks of
bias and polarity has no effect. The real interface is simulated by the kernel's gpio-sim.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path

from vointi_sim.errors import ListenError

# struct gpio_v2_line_event of linux/gpio.h: time, id, offset, seqno, line_seqno, padding.
EVENT = struct.Struct("=QIIII24x")
RISING, FALLING = 1, 2


class GpioPipe:
    """The lines of one device, for one reader.

    As with the kernel, an edge while nobody listens is lost; a reader that comes is told the lines
    that are active as rising edges, since it cannot ask for levels.
    """

    def __init__(self, path: Path, offsets: Sequence[int]) -> None:
        self.path = path
        self.lost = 0
        self._levels = dict.fromkeys(offsets, False)
        self._line_seqnos = dict.fromkeys(offsets, 0)
        self._seqno = 0
        self._fd = -1

    def open(self, field: str) -> None:
        """Make the pipe. Raises ListenError naming `field`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_fifo():
                # Left by a simulator that was killed.
                self.path.unlink()
            os.mkfifo(self.path)
        except OSError as error:
            reason, fix = error.strerror or str(error), "choose a path that is free"
            raise ListenError(field, str(self.path), reason, fix) from error

    def close(self) -> None:
        """Take the pipe away; a reader sees its end."""
        self._hang_up()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def edge(self, offset: int, active: bool, age_ns: int = 0) -> None:
        """Set a line, `age_ns` ago; nothing happens when it is so already."""
        self.listen()
        if self._levels[offset] == active:
            return
        self._levels[offset] = active
        if self._fd < 0 or not self._send(offset, active, age_ns):
            self.lost += 1

    def listen(self) -> None:
        """See whether a reader has come."""
        if self._fd >= 0:
            return
        try:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return
        for offset, active in self._levels.items():
            if active:
                self._send(offset, active, 0)

    def skip(self, offset: int, count: int) -> None:
        """Let the kernel's queue overflow: `count` edges of a line are never told."""
        self._line_seqnos[offset] += count
        self._seqno += count

    def noise(self, data: bytes) -> None:
        """Write bytes that are no event."""
        self.listen()
        if self._fd >= 0:
            os.write(self._fd, data)

    def _send(self, offset: int, active: bool, age_ns: int) -> bool:
        self.skip(offset, 1)
        event = EVENT.pack(
            time.monotonic_ns() - age_ns,
            RISING if active else FALLING,
            offset,
            self._seqno & 0xFFFFFFFF,
            self._line_seqnos[offset] & 0xFFFFFFFF,
        )
        try:
            os.write(self._fd, event)
        except BrokenPipeError:
            self._hang_up()
            return False
        except BlockingIOError:
            return False
        return True

    def _hang_up(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
