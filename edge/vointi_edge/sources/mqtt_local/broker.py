"""The connection to the house's own broker, shared by all devices behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from vointi_edge.backoff import Backoff
from vointi_edge.config_wired import LocalMqtt
from vointi_edge.decoders.json_fields import MAX_JSON

log = logging.getLogger(__name__)

_KEEPALIVE_S = 30
_CONNECT_S = 5.0
# Sensors speak every few seconds; more than this waiting is a flood, and the newest come too late.
_WAITING = 256

Take = Callable[[bytes], None]
Told = Callable[[str], None]


class LocalBroker:
    """Subscribes to the topics of devices that are being read, and to nothing else.

    `run` keeps the connection from the first `watching` on. What is longer than MAX_JSON, retained
    (of unknown age) or above the bound of waiting messages is dropped and counted in `dropped`.
    """

    def __init__(self, config: LocalMqtt) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._takers: dict[str, list[Take]] = {}
        self._told: list[Told] = []
        self._wanted = asyncio.Event()
        self._up: _Connection | None = None
        self._trouble = ""
        self._waiting = 0
        self.dropped = 0

    @contextmanager
    def watching(self, takers: Mapping[str, Take], told: Told) -> Iterator[None]:
        """While within: each payload of exactly these topics goes to its taker, in the event loop.

        `told` hears why the broker cannot be reached, and "" when it can.
        """
        for topic, take in takers.items():
            self._takers.setdefault(topic, []).append(take)
            if self._up is not None:
                self._up.subscribe(topic)
        self._told.append(told)
        self._wanted.set()
        told(self._trouble)
        try:
            yield
        finally:
            self._told.remove(told)
            for topic, take in takers.items():
                self._forget(topic, take)

    async def run(self) -> None:
        """Connect, stay, and connect again, until cancelled."""
        backoff = Backoff(floor_s=0.2, first_s=1.0, cap_s=30.0)
        await self._wanted.wait()
        while True:
            connection = _Connection(self._config, self._arrived)
            try:
                reason = await connection.open()
                if not reason:
                    backoff.reset()
                    reason = await self._stay(connection)
            finally:
                self._up = None
                await connection.close()
            self._say(f"the local broker {reason}")
            await asyncio.sleep(backoff.next_s())

    async def _stay(self, connection: _Connection) -> str:
        self._up = connection
        self._say("")
        for topic in self._takers:
            connection.subscribe(topic)
        return await connection.over

    def _forget(self, topic: str, take: Take) -> None:
        left = self._takers[topic]
        left.remove(take)
        if not left:
            del self._takers[topic]
            if self._up is not None:
                self._up.unsubscribe(topic)

    def _say(self, trouble: str) -> None:
        self._trouble = trouble
        for told in self._told:
            told(trouble)

    def _arrived(self, topic: str, payload: bytes, retained: bool) -> None:
        """In paho's thread."""
        if retained:
            return
        if len(payload) > MAX_JSON or self._waiting >= _WAITING:
            self.dropped += 1
            return
        self._waiting += 1
        try:
            self._loop.call_soon_threadsafe(self._deliver, topic, payload)
        except RuntimeError:  # the loop is closed: nobody waits for it any more
            self._waiting -= 1

    def _deliver(self, topic: str, payload: bytes) -> None:
        self._waiting -= 1
        for take in self._takers.get(topic, ()):
            take(payload)


class _Connection:
    """One connection with its own paho client (see uplink.session for why).

    `over` gets the reason when it has ended.
    """

    def __init__(self, config: LocalMqtt, arrived: Callable[[str, bytes, bool], None]) -> None:
        self._config = config
        self._arrived = arrived
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[str] = self._loop.create_future()
        self.over: asyncio.Future[str] = self._loop.create_future()
        self._client = mqtt.Client(
            callback_api_version=CallbackAPIVersion.VERSION2,
            clean_session=True,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        # Else an exception in a callback kills paho's thread while is_connected() stays true.
        self._client.suppress_exceptions = True
        self._client.connect_timeout = _CONNECT_S
        self._client.on_connect = self._paho_connect
        self._client.on_disconnect = self._paho_disconnect
        self._client.on_message = self._paho_message

    async def open(self) -> str:
        """Connect; return why that failed, or nothing."""
        reason = await self._loop.run_in_executor(None, self._connect)
        if reason:
            return reason
        self._client.loop_start()
        try:
            async with asyncio.timeout(_CONNECT_S):
                return await self._answer
        except TimeoutError:
            return "does not answer"

    def subscribe(self, topic: str) -> None:
        """Hear a topic from now on."""
        self._client.subscribe(topic, qos=1)

    def unsubscribe(self, topic: str) -> None:
        """Hear it no more."""
        self._client.unsubscribe(topic)

    async def close(self) -> None:
        """End the connection and paho's thread."""
        self._client.disconnect()
        await self._loop.run_in_executor(None, self._client.loop_stop)

    def _connect(self) -> str:
        config = self._config
        password = None
        if config.password_file is not None:
            try:
                password = config.password_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                return f"needs a password, but {config.password_file.name} cannot be read"
        if config.username is not None:
            self._client.username_pw_set(config.username, password)
        try:
            self._client.connect(config.host, config.port, _KEEPALIVE_S)
        except OSError as error:
            return f"cannot be reached ({error.strerror or error})"
        except ValueError:  # the resolver's word for a name that cannot be one
            return f"cannot be reached ({config.host!r} is no host name)"
        return ""

    def _later(self, future: asyncio.Future[str], text: str) -> None:
        def settle() -> None:
            if not future.done():
                future.set_result(text)

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:
            log.debug("the event loop ended before the local connection")

    def _paho_connect(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._later(self._answer, f"refuses us ({reason})" if reason.is_failure else "")

    def _paho_disconnect(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._later(self._answer, f"hung up ({reason})")
        self._later(self.over, f"hung up ({reason})")

    def _paho_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self._arrived(message.topic, bytes(message.payload), message.retain)
