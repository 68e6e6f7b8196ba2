"""The door of the embedded broker: reads CONNECT, checks it, only then lets it in.

amqtt 0.12 takes a session over before it has checked the password, and a malformed first packet
leaves its connection behind; so neither reaches it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from amqtt.adapters import ReaderAdapter, StreamReaderAdapter, StreamWriterAdapter, WriterAdapter
from amqtt.mqtt.connect import ConnectPacket

from ..errors import GatewayError
from .users import User

log = logging.getLogger(__name__)

#: As for mosquitto: larger than any payload of the contract with its topic.
MAX_PACKET = 262_144
#: A CONNECT holds an id, a name, a password and a will; the will is a state document.
MAX_CONNECT = 65_536
CONNECT_S = 5.0

#: CONNACK return codes (MQTT 3.1.1, 3.2.2.3): unacceptable protocol version, not authorized.
_BAD_VERSION = b"\x20\x02\x00\x01"
_NOT_AUTHORIZED = b"\x20\x02\x00\x05"
_LEVEL_311 = 4

Enter = Callable[[ReaderAdapter, WriterAdapter], Awaitable[None]]


class RefusedError(GatewayError):
    """A peer sent what this broker does not take; its connection ends."""


class _BoundedReader(ReaderAdapter):  # type: ignore[misc]
    """The checked CONNECT again, then the stream; a packet that is too large ends it."""

    def __init__(self, first: bytes, stream: asyncio.StreamReader) -> None:
        self._first = first
        self._rest = StreamReaderAdapter(stream)

    async def read(self, n: int = -1) -> bytes:
        if n > MAX_PACKET:
            raise RefusedError(f"packet: {n} bytes; send at most {MAX_PACKET}")
        if self._first:
            part, self._first = self._first[:n], self._first[n:]
            return part
        return bytes(await self._rest.read(n))

    def feed_eof(self) -> None:
        self._rest.feed_eof()


class Front:
    """Accepts TCP connections for the broker.

    Args:
        users: accounts; an edge's client id must be its name, and no other may use it.
        enter: hands a checked connection to the broker; returns when it ends.

    """

    def __init__(self, users: Mapping[str, User], enter: Enter) -> None:
        self._users, self._enter = users, enter
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from CONNECT to its end; never raises."""
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            first = await asyncio.wait_for(self._admit(reader, writer), CONNECT_S)
            await self._enter(_BoundedReader(first, reader), StreamWriterAdapter(writer))
        except asyncio.CancelledError:
            log.debug("connection ended by the stop")
        except Exception as exc:
            log.info("connection ended: %s", exc or type(exc).__name__)
        finally:
            writer.close()

    async def stop(self) -> None:
        """End every connection."""
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The bytes of an acceptable CONNECT. Raises RefusedError after the fitting CONNACK."""
        raw = await _first_packet(reader)
        level = _protocol_level(raw)
        if level != _LEVEL_311:
            writer.write(_BAD_VERSION)
            await writer.drain()
            raise RefusedError(f"protocol level {level}; this broker speaks 3.1.1 only")
        stream = asyncio.StreamReader()
        stream.feed_data(raw)
        stream.feed_eof()
        connect = await ConnectPacket.from_stream(StreamReaderAdapter(stream))
        user = self._users.get(connect.username or "")
        name = connect.client_id or ""
        if user is None or not user.accepts(connect.password) or not self._may_use(user, name):
            writer.write(_NOT_AUTHORIZED)
            await writer.drain()
            raise RefusedError("user, password or client id is not known")
        return raw

    def _may_use(self, user: User, client_id: str) -> bool:
        if user.role == "edge":
            return client_id == user.name
        return bool(client_id) and (client_id == user.name or client_id not in self._users)


async def _first_packet(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(2)
    if head[0] != 0x10:
        raise RefusedError("the first packet is no CONNECT")
    length, shift = head[1] & 0x7F, 7
    while head[-1] & 0x80:
        if shift > 21:
            raise RefusedError("the length of CONNECT is malformed")
        head += await reader.readexactly(1)
        length |= (head[-1] & 0x7F) << shift
        shift += 7
    if not 10 <= length <= MAX_CONNECT:
        raise RefusedError(f"CONNECT of {length} bytes; send 10 to {MAX_CONNECT}")
    return head + await reader.readexactly(length)


def _protocol_level(raw: bytes) -> int:
    """The level byte after the protocol name MQTT; 0 when the name is another."""
    at = raw.find(b"\x00\x04MQTT", 2, 12)
    return raw[at + 6] if at >= 2 else 0
