"""Lines that tell their edges: a GPIO chip of the kernel, or a pipe that carries its events."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vointi_edge.sources.gpio import uapi

# The kernel queues 16 edges a line; four queues full are one read.
_CHUNK = 64 * uapi.EVENT_BYTES


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which lines, and how they are wired; the kernel debounces them."""

    offsets: tuple[int, ...]
    active_low: bool
    bias: str
    debounce_us: int


class Lines(Protocol):
    """Open lines. Reading never blocks."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable with an event."""

    def levels(self) -> Sequence[bool] | None:
        """Return which lines are active, as wired; None where the twin does not know."""

    def read(self) -> bytes:
        """Return whole events; b"" when the other side is gone. Raises OSError."""

    def close(self) -> None:
        """Give the lines back."""


def open_lines(path: Path, wiring: Wiring) -> Lines:
    """Open a chip (/dev/gpiochip0) or a pipe in its place; raises OSError."""
    kind = path.stat().st_mode
    if stat.S_ISFIFO(kind):
        return PipeLines(path)
    if not stat.S_ISCHR(kind):
        raise OSError(f"{path.name} is no GPIO chip")
    return ChipLines(path, wiring)


class ChipLines:
    """Lines of a GPIO chip, by the character device's second uAPI (Linux 5.10)."""

    def __init__(self, path: Path, wiring: Wiring) -> None:
        self._count = len(wiring.offsets)
        flags = uapi.INPUT | uapi.EDGE_RISING | uapi.EDGE_FALLING | uapi.BIAS[wiring.bias]
        flags |= uapi.ACTIVE_LOW if wiring.active_low else 0
        request = uapi.line_request(wiring.offsets, flags, wiring.debounce_us)
        chip = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(chip, uapi.GET_LINE, request)
        finally:
            os.close(chip)
        self._fd = uapi.line_descriptor(bytes(request))
        os.set_blocking(self._fd, False)

    def fileno(self) -> int:
        """Return the line request's descriptor."""
        return self._fd

    def levels(self) -> list[bool]:
        """Return which lines are active, as wired."""
        request = uapi.values_request(self._count)
        fcntl.ioctl(self._fd, uapi.GET_VALUES, request)
        return uapi.values_of(bytes(request), self._count)

    def read(self) -> bytes:
        """Return whole events."""
        return os.read(self._fd, _CHUNK)

    def close(self) -> None:
        """Give the lines back to the kernel."""
        os.close(self._fd)


class PipeLines:
    """The twin: a named pipe with the kernel's own event records, after its debouncing.

    What the request says of bias and polarity does not reach it.
    """

    def __init__(self, path: Path) -> None:
        self._rest = b""
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """Return the pipe's descriptor."""
        return self._fd

    def levels(self) -> None:
        """Know nothing: the writer tells the levels as its first events."""

    def read(self) -> bytes:
        """Return whole events; half of one waits for the rest."""
        data = os.read(self._fd, _CHUNK)
        if not data:
            return b""
        data = self._rest + data
        whole = len(data) - len(data) % uapi.EVENT_BYTES
        self._rest = data[whole:]
        if not whole:
            raise BlockingIOError
        return data[:whole]

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._fd)
