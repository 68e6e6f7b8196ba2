"""Finding ports on the loopback interface."""

from __future__ import annotations

import contextlib
import socket

from .errors import OptionError, PortInUseError


def check_port(text: str) -> int:
    """Return the port that ``text`` names, 1024 to 65535; raise `OptionError` otherwise."""
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise OptionError("PORT", f"{text!r} is no port", "give a number from 1024 to 65535")
    return int(text)


def require_free(host: str, port: int) -> None:
    """Raise `PortInUseError` when ``host:port`` cannot be bound."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUseError(host, port) from error


def free_ports(count: int) -> list[int]:
    """Return ``count`` distinct ports that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(contextlib.closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
