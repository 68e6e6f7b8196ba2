"""Drives a paho client from the event loop, in place of paho's own thread.

With a thread each reading costs four more wake-ups: the thread's for the publish and for its
acknowledgement, and one of either side to tell the other. A wake-up costs more than the message.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any, Final

import paho.mqtt.client as mqtt

# How late a keep-alive may go out, or its answer be missed.
_TEND_S: Final = 5.0


class Pump:
    """Reads, writes and tends one connected client; every method belongs to the loop's thread.

    `flush` follows everything that makes paho send: what a full socket did not take waits for it.
    """

    def __init__(self, client: mqtt.Client, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop
        self._sock: socket.socket | None = None
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        client.on_socket_close = self._closing

    def start(self) -> None:
        """Begin, with a client whose socket is open."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            self._sock = sock
            self._loop.add_reader(sock, self._read)
            self._timer = self._loop.call_later(_TEND_S, self._tend)
            self.flush()

    def flush(self) -> None:
        """Wait for room in the socket exactly while paho has something left to send."""
        wants = self._client.want_write()
        if self._sock is None or wants == self._writing:
            return
        self._writing = wants
        if wants:
            self._loop.add_writer(self._sock, self._write)
        else:
            self._loop.remove_writer(self._sock)

    def stop(self) -> None:
        """Drop the connection, whatever is under way."""
        sock = self._client.socket()
        self._forget()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _read(self) -> None:
        self._client.loop_read()
        # What TLS has decrypted already wakes nobody.
        while isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            self._client.loop_read()
        self.flush()

    def _write(self) -> None:
        self._client.loop_write()
        self.flush()

    def _tend(self) -> None:
        self._timer = self._loop.call_later(_TEND_S, self._tend)
        self._client.loop_misc()
        self.flush()

    def _closing(self, client: mqtt.Client, userdata: Any, sock: Any) -> None:
        """Let go of the socket that paho is about to close; before `start` it is not ours."""
        if sock is self._sock:
            self._forget()

    def _forget(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
