"""Sensors behind a Zigbee bridge: JSON at a broker, by the few bytes of MQTT that it takes.

Control packets after OASIS MQTT 3.1.1: CONNECT (3.1), CONNACK (3.2), PUBLISH with QoS 0 (3.3).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Mapping

from vointi_sim.errors import ListenError

_CONNECT, _CONNACK, _PUBLISH = 0x10, 0x20, 0x30
_CLEAN, _PASSWORD, _USERNAME = 0x02, 0x40, 0x80
_ANSWER_S = 5.0


class Bridge:
    """A bridge that publishes; it hears nothing."""

    def __init__(self, username: str = "", password: str = "") -> None:
        self._username = username
        self._password = password
        self._writer: asyncio.StreamWriter | None = None

    async def start(self, host: str, port: int, field: str) -> None:
        """Connect to a broker. Raises ListenError naming `field`."""
        await self.stop()
        try:
            async with asyncio.timeout(_ANSWER_S):
                reader, self._writer = await asyncio.open_connection(host, port)
                self._writer.write(self._connect())
                answer = await reader.readexactly(4)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            fix = "start a broker there first"
            raise ListenError(field, f"{host}:{port}", str(error) or "no answer", fix) from error
        if answer[0] != _CONNACK or answer[3]:
            reason, fix = f"refused with code {answer[3]}", "give user and password"
            raise ListenError(field, f"{host}:{port}", reason, fix)

    async def stop(self) -> None:
        """Hang up."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def publish(
        self, topic: str, message: Mapping[str, object] | bytes, *, retain: bool = False
    ) -> None:
        """Send a message, or bytes that are none."""
        if self._writer is None:
            return
        body = message if isinstance(message, bytes) else json.dumps(dict(message)).encode()
        self._writer.write(_packet(_PUBLISH | int(retain), _text(topic) + body))

    def _connect(self) -> bytes:
        flags = _CLEAN | (_USERNAME | _PASSWORD if self._username else 0)
        body = _text("MQTT") + bytes((4, flags)) + struct.pack(">H", 0) + _text("vointi-sim-bridge")
        if self._username:
            body += _text(self._username) + _text(self._password)
        return _packet(_CONNECT, body)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _packet(kind: int, body: bytes) -> bytes:
    """The fixed header's length has seven bits a byte, the lowest first (2.2.3)."""
    length, left = bytearray(), len(body)
    while True:
        left, low = divmod(left, 128)
        length.append(low | (0x80 if left else 0))
        if not left:
            return bytes([kind]) + bytes(length) + body
