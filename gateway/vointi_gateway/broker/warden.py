"""Ends the session of an edge by taking it over: a client id may be connected only once.

Only the warden, on a socket file that no edge reaches, may choose its client id freely.
"""

from __future__ import annotations

import socket
from pathlib import Path

NAME = "warden"
_ANSWER_S = 2.0
_DISCONNECT = b"\xe0\x00"


def take_over(path: Path, edge: str, password: str) -> bool:
    """Push whoever is connected as `edge` off the broker; False when it did not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_ANSWER_S)
        try:
            sock.connect(str(path))
            sock.sendall(_connect(edge, password))
            answer = sock.recv(4)
            sock.sendall(_DISCONNECT)
        except OSError:
            return False
    return answer[:1] == b"\x20" and answer[3:4] == b"\x00"


def _connect(client_id: str, password: str) -> bytes:
    """CONNECT of MQTT 3.1.1 (3.1): clean session, user name and password."""
    body = b"\x00\x04MQTT\x04\xc2\x00\x0a"
    for part in (client_id, NAME, password):
        data = part.encode()
        body += len(data).to_bytes(2, "big") + data
    length, rest = divmod(len(body), 128)[::-1]
    head = bytes([0x10, length | 0x80, rest]) if rest else bytes([0x10, length])
    return head + body
