"""Sockets that are bound before anything else starts, so that a port in use is said at once."""

from __future__ import annotations

import socket

from .errors import PortInUseError


def bind(host: str, port: int) -> socket.socket:
    """A listening-ready TCP socket; port 0 takes a free one. Raises PortInUseError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(128)
    except OSError as exc:
        sock.close()
        raise PortInUseError(host, port, "port") from exc
    return sock
