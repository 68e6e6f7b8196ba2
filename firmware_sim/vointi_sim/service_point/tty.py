"""A serial line that is not there: a pseudo-terminal behind a path of the user's choice."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import tty
from pathlib import Path

from vointi_sim.errors import ListenError


class SerialLine:
    """The device's end of a serial cable.

    As on a real UART, what is written while nobody listens is lost, and so is what a reader that
    has stopped does not take; both are counted in `lost`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = 0
        self._device = -1

    def open(self, field: str) -> None:
        """Create the pseudo-terminal and its link. Raises ListenError naming `field`."""
        self._device, reader = os.openpty()
        try:
            tty.setraw(reader, termios.TCSANOW)
            os.set_blocking(self._device, False)
            self._link(Path(os.ttyname(reader)), field)
        finally:
            # Closed at once: only then can one see whether somebody else has it open.
            os.close(reader)

    def close(self) -> None:
        """Take the link and the pseudo-terminal away."""
        if self._device >= 0:
            os.close(self._device)
            self._device = -1
            with contextlib.suppress(OSError):
                self.path.unlink()

    def write(self, data: bytes) -> bool:
        """Send one line; False when nobody took it."""
        taken = self._listened() and self._put(data)
        self.lost += not taken
        return taken

    def _link(self, device: Path, field: str) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_symlink():
                # Left by a simulator that was killed.
                self.path.unlink()
            self.path.symlink_to(device)
        except OSError as error:
            os.close(self._device)
            self._device = -1
            reason, fix = error.strerror or str(error), "choose a path that is free"
            raise ListenError(field, str(self.path), reason, fix) from error

    def _listened(self) -> bool:
        poll = select.poll()
        poll.register(self._device, 0)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    def _put(self, data: bytes) -> bool:
        try:
            # Half a line is what a full UART gives too: the reader's checksum drops it.
            return os.write(self._device, data) == len(data)
        except BlockingIOError:
            return False
