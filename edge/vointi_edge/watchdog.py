"""Word to the service manager (sd_notify(3)): ready, alive, stopping."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

# sd_watchdog_enabled(3) asks for twice within the promised time: then one that is late ends a box
# that was only busy.
_SHARE: Final = 0.25
_NEVER_S: Final = 3600.0


class ServiceManager:
    """Tells `$NOTIFY_SOCKET`, four times within `$WATCHDOG_USEC`, as long as `alive()`."""

    def __init__(
        self, alive: Callable[[], bool], environment: Mapping[str, str] = os.environ
    ) -> None:
        self._alive = alive
        self._address = environment.get("NOTIFY_SOCKET", "")
        watchdog_us = environment.get("WATCHDOG_USEC", "")
        self.period_s = int(watchdog_us) / 1e6 * _SHARE if watchdog_us.isdecimal() else _NEVER_S

    async def run(self) -> None:
        """Say that the service is ready, then that it lives, for ever."""
        self._tell("READY=1")
        while True:
            if self._alive():
                self._tell("WATCHDOG=1")
            await asyncio.sleep(self.period_s)

    def stopping(self) -> None:
        """Say that the end is wanted."""
        self._tell("STOPPING=1")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        # A leading @ stands for the abstract namespace.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # Not waiting: a manager that is behind with reading must not hold the event loop up.
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with socket.socket(socket.AF_UNIX, kind) as manager:
            try:
                manager.connect(address)
                manager.sendall(message.encode("ascii"))
            except OSError:
                return  # nobody listens, or is behind: there is nobody to tell of it either
