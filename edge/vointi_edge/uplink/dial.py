"""Reaching the broker by its name; on a day without DNS, by the address that it last had there."""

from __future__ import annotations

import json
import logging
import socket
from pathlib import Path
from typing import Final

import paho.mqtt.client as mqtt

from vointi_edge.files import read_if_there, write_atomically

log = logging.getLogger(__name__)

ADDRESS_FILE: Final = "broker.address"


class LastAddress:
    """The address at which a name's broker last took us, in a file; outlives restarts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _load(path)

    def of(self, host: str) -> str | None:
        """The address, or None: none is known of this name."""
        return self._known[1] if self._known[0] == host else None

    def keep(self, host: str, address: str) -> None:
        """Remember an address; a disk that takes no notes costs no more than that."""
        if self._known == (host, address):
            return
        self._known = (host, address)
        try:
            text = json.dumps({"host": host, "address": address})
            write_atomically(self._path, text.encode())
        except OSError as error:
            log.debug("%s: not written (%s)", self._path.name, error.strerror)


class DialledClient(mqtt.Client):
    """A client that may be told an address; TLS asks for the name all the same."""

    address: str | None = None

    def _create_socket_connection(self) -> socket.socket:
        where = (self.address or self.host, self.port)
        return socket.create_connection(where, timeout=self.connect_timeout)


def leads_to(host: str, address: str) -> bool:
    """Whether a name is known now, and its addresses include this one."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return address in {place[0] for *_, place in found}


def _load(path: Path) -> tuple[str, str]:
    try:
        kept = json.loads(read_if_there(path) or b"{}")
        return str(kept["host"]), str(kept["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", ""
