"""One MQTT connection, from CONNECT to its end. A new connection is a new Session.

A fresh paho client each time has three reasons: paho resends its whole queue after a reconnect
and ignores its window while doing so; late callbacks of an old connection cannot be told from new
ones; and the outbox, not paho, knows what must be sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from vointi_edge.errors import EdgeError
from vointi_edge.uplink.dial import DialledClient, LastAddress, leads_to
from vointi_edge.uplink.pump import Pump

log = logging.getLogger(__name__)

KEEPALIVE_S = 30
# Brokers allow 20 unacknowledged messages by default (mosquitto's max_inflight_messages) and may
# drop a client that sends more.
WINDOW = 20
# Little waits in the kernel, so that a live frame is never far behind the backlog (measured).
SEND_BUFFER_BYTES = 16 * 1024
_CONNECT_S = 5.0
_GOODBYE_S = 2.0


class WindowError(EdgeError):
    """The broker allows fewer unacknowledged messages: connect again with `allowed`."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        super().__init__(f"the broker allows {allowed} messages in flight")


class SessionError(EdgeError):
    """The broker cannot be reached or says no; `reason` is fit for a log line."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Broker:
    """Whom to talk to, and as whom; `last` is tried when the name does not lead there."""

    host: str
    port: int
    protocol: str
    client_id: str
    username: str | None
    password: str | None
    tls: Callable[[], ssl.SSLContext] | None = None
    last: LastAddress | None = None


class Session:
    """One connection. Callbacks come from the event loop, never from within paho.

    `on_message(topic, payload)` hears subscriptions, `on_acked(mid, reason)` each PUBACK (reason
    None = taken). `ended` gets the reason when the connection is over.
    """

    def __init__(
        self,
        broker: Broker,
        will: tuple[str, bytes],
        on_message: Callable[[str, bytes], None],
        on_acked: Callable[[int, str | None], None],
        window: int = WINDOW,
    ) -> None:
        self._broker = broker
        self._window = window
        self._on_message = on_message
        self._on_acked = on_acked
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self._client = self._make_client(will)
        self._pump = Pump(self._client, self._loop)
        self._connecting: asyncio.Future[None] | None = None

    async def open(self, subscribe: Sequence[str]) -> None:
        """Connect and subscribe; raises SessionError or WindowError."""
        try:
            self._connecting = self._loop.run_in_executor(None, self._connect)
            await asyncio.shield(self._connecting)
        except OSError as error:
            self._connected.cancel()
            raise SessionError(f"{error.strerror or error}") from None
        self._pump.start()
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._connected
        except TimeoutError:
            await self.abort()
            raise SessionError("no answer to CONNECT") from None
        except EdgeError:
            await self.abort()
            raise
        await self._remember()
        self._client.subscribe([(topic, 1) for topic in subscribe])
        self._pump.flush()

    async def _remember(self) -> None:
        """Note where the broker is that has just taken us."""
        sock, last = self._client.socket(), self._broker.last
        if last is not None and isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                address = sock.getpeername()[0]
                if last.of(self._broker.host) == address:
                    return
                await self._loop.run_in_executor(None, last.keep, self._broker.host, address)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Send at QoS 1; return the message id, or None when the connection is gone."""
        if self.ended.done():
            return None
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        self._pump.flush()
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    async def close(self) -> None:
        """Say good-bye (the broker then keeps the will to itself) and stop."""
        self._client.disconnect()
        self._pump.flush()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await asyncio.shield(self.ended)
        await self.abort()

    async def abort(self) -> None:
        """Drop the connection without a word."""
        if self._connecting is not None:  # cancelled meanwhile, it would leave an open socket
            await asyncio.wait((self._connecting,))
        self._pump.stop()
        self._end("closed")

    def _make_client(self, will: tuple[str, bytes]) -> DialledClient:
        version5 = self._broker.protocol == "5"
        client = DialledClient(
            callback_api_version=CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id,
            clean_session=None if version5 else True,
            protocol=mqtt.MQTTv5 if version5 else mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        # Else an exception in a callback ends in the middle of a packet.
        client.suppress_exceptions = True
        client.max_inflight_messages_set(self._window)
        client.connect_timeout = _CONNECT_S
        if self._broker.tls is not None:
            client.tls_set_context(_context(self._broker.tls))
        else:
            client.username_pw_set(self._broker.username, self._broker.password)
        client.will_set(will[0], will[1], qos=1, retain=True)
        client.on_connect = self._paho_connect
        client.on_disconnect = self._paho_disconnect
        client.on_message = self._paho_message
        client.on_publish = self._paho_publish
        client.on_socket_open = self._paho_socket_open
        return client

    def _connect(self) -> None:
        # Nothing is kept at the broker for an edge: acknowledgements are repeated, and what was
        # not acknowledged is offered again from the outbox.
        try:
            self._dial(None)
        except OSError as error:
            host, last = self._broker.host, self._broker.last
            address = last.of(host) if last is not None else None
            if address is None or leads_to(host, address):
                raise
            try:
                self._dial(address)
            except OSError:
                raise error from None
            log.warning("uplink: %s leads nowhere (%s); took its last address", host, error)

    def _dial(self, address: str | None) -> None:
        host, port = self._broker.host, self._broker.port
        self._client.address = address
        if self._broker.protocol == "5":
            self._client.connect(host, port, KEEPALIVE_S, clean_start=True)
        else:
            self._client.connect(host, port, KEEPALIVE_S)

    # Within paho, at the connect in another thread: only hand over, never call back.

    def _paho_connect(
        self,
        client: mqtt.Client,
        userdata: Any,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        # paho does not read the limit, and cannot change its window on an open connection.
        allowed = getattr(properties, "ReceiveMaximum", self._window)
        self._hand_over(self._connack, str(reason) if reason.is_failure else None, allowed)

    def _paho_disconnect(
        self,
        client: mqtt.Client,
        userdata: Any,
        flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._hand_over(self._end, str(reason))

    def _paho_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        self._loop.call_soon(self._on_message, message.topic, bytes(message.payload))

    def _paho_publish(
        self,
        client: mqtt.Client,
        userdata: Any,
        mid: int,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._loop.call_soon(self._on_acked, mid, str(reason) if reason.is_failure else None)

    def _paho_socket_open(self, client: mqtt.Client, userdata: Any, sock: Any) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _hand_over(self, call: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closing: nobody listens any more
            self._loop.call_soon_threadsafe(call, *args)

    # the event loop's thread

    def _connack(self, refusal: str | None, allowed: int) -> None:
        if self._connected.done():
            return
        if refusal is not None:
            self._connected.set_exception(SessionError(f"broker refuses: {refusal}"))
        elif allowed < self._window:
            self._connected.set_exception(WindowError(allowed))
        else:
            self._connected.set_result(None)

    def _end(self, reason: str) -> None:
        if not self._connected.done():
            self._connected.set_exception(SessionError(reason))
        if not self.ended.done():
            self.ended.set_result(reason)


def _context(make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    try:
        return make()
    except EdgeError as error:
        raise SessionError(str(error)) from None
