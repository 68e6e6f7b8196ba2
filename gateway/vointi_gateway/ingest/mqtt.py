"""One broker session: paho, MQTT 3.1.1 or 5 by configuration, one code path."""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ..errors import ConfigError
from ..settings import MqttSettings
from . import tls
from .client import Client
from .inbox import Inbox, Lane
from .outage import Outage
from .stage import Delivery

log = logging.getLogger(__name__)

#: A day: longer outages are the edges' outboxes' business.
SESSION_EXPIRY_S = 86_400
#: First wait before a new attempt, and the longest: a page should recover while one looks at it.
BACKOFF_S = (0.2, 5.0)
#: Topics that a warning names; a hostile edge may invent any number of devices.
MAX_SAID = 1000
#: How long the network thread waits for room before it looks whether it should stop.
FULL_S = 0.2


class MqttSession:
    """Receives into a bounded queue and acknowledges when told to.

    Args:
        settings: broker, user, protocol; the client id is fixed, so the session survives us.
        suffix: of user and client id: a broker gives each user one session.
        topics: what is subscribed to.
        former: what an earlier version of this session subscribed to, and another has now.
        lane: where deliveries wait; when it is full the broker keeps the rest.
        inbox: has the lanes.
        outage: told when the broker does not answer, and when it does again.
        next_epoch: numbers connections; no two of any session have the same number.
        wall_us: UTC now, µs.

    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        suffix: str,
        topics: Sequence[str],
        former: Sequence[str],
        lane: Lane,
        inbox: Inbox,
        next_epoch: Callable[[], int],
        outage: Outage,
        wall_us: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._name, self._user = settings.client_id + suffix, settings.username + suffix
        self._topics, self._former, self._lane = tuple(topics), list(former), lane
        self._inbox, self._next_epoch, self._wall_us = inbox, next_epoch, wall_us
        self._outage = outage
        self._epoch = 0
        self._attempts = 0
        self._connected = threading.Event()
        self._fresh = threading.Event()
        self._stopping = threading.Event()
        self._said: set[str] = set()
        self._client = self._make()

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and our subscriptions were sent."""
        return self._connected.is_set()

    def take_fresh(self) -> bool:
        """Whether a connection was made since the last call."""
        fresh = self._fresh.is_set()
        self._fresh.clear()
        return fresh

    def start(self) -> None:
        """Connect, now or as soon as there is a broker, in a thread of its own."""
        s = self._settings
        options: dict[str, Any] = {}
        if s.protocol == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            options = {"clean_start": False, "properties": properties}
        self._client.connect_async(s.host, s.port, keepalive=s.keepalive_s, **options)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect; the session and what is not acknowledged stay at the broker."""
        self._stopping.set()
        if self._connected.is_set():
            self._connected.clear()
            self._client.disconnect()
        self._client.loop_stop()

    def ack(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledge to the broker what came on this connection, of whatever there is.

        A packet id means nothing on another connection; the broker delivers such a message again.
        """
        if self._connected.is_set():
            epoch = self._epoch
            self._client.ack_all(d.mid for d in deliveries if d.qos and d.epoch == epoch)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send at QoS 1; False while there is no connection."""
        if not self._connected.is_set():
            return False
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        return sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _make(self) -> Client:
        s = self._settings
        five = s.protocol == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._name,
            clean_session=None if five else False,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        client.suppress_exceptions = True
        # No logger of its own: it would say once a second what is said once below.
        secured = tls.context(s)
        if secured is not None:
            client.tls_set_context(secured)
        client.username_pw_set(self._user, s.password())
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._back_off(client)
        return client

    def _back_off(self, client: paho.Client) -> None:
        """Exponential with jitter: paho's own doubling brings every client back at once."""
        first, longest = BACKOFF_S
        cap = min(longest, first * 2**self._attempts)
        with suppress(ConfigError):  # while it is being replaced, the one before serves
            client.username_pw_set(self._user, self._settings.password())
        wait = random.uniform(first / 2, cap)  # noqa: S311 - spreads load, guards nothing
        self._attempts = min(self._attempts + 1, 16)
        client.reconnect_delay_set(wait, wait)  # type: ignore[arg-type]

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _props: Any
    ) -> None:
        if reason.is_failure:
            self._outage.begins(
                self._name,
                f"refused {self._user}: {reason}; check mqtt.username and mqtt.password_file",
            )
            return
        self._epoch = self._next_epoch()
        self._attempts = 0
        if self._former:
            client.unsubscribe(self._former)
        client.subscribe([(topic, 1) for topic in self._topics])
        self._connected.set()
        self._fresh.set()
        self._outage.ends(self._name)
        log.info("%s: broker connected", self._name)

    def _on_connect_fail(self, client: paho.Client, _data: Any) -> None:
        self._outage.begins(
            self._name,
            "does not answer; start it, or check mqtt.host and mqtt.port. It is tried again, and "
            "edges keep what they have until then",
        )
        self._back_off(client)

    def _on_disconnect(self, client: paho.Client, *_rest: Any) -> None:
        self._connected.clear()
        if not self._stopping.is_set():
            why = "hung up; it is tried again, and edges keep what they have until then"
            self._outage.begins(self._name, why)
        self._back_off(client)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        delivery = Delivery(
            message.topic,
            bytes(message.payload),
            message.mid,
            message.qos,
            self._epoch,
            message.retain,
            self._wall_us(),
        )
        while not self._stopping.is_set():
            try:
                if not self._inbox.put(delivery, self._lane, FULL_S):
                    # The broker may forget it: its edge has it until a watermark covers it.
                    self.ack([delivery])
                    self._say_held_back(delivery.topic)
            except queue.Full:
                # Reading on would need memory; not reading makes the broker hold the rest.
                continue
            return

    def _say_held_back(self, topic: str) -> None:
        """Once for each topic: a flood is long."""
        if topic not in self._said and len(self._said) < MAX_SAID:
            self._said.add(topic)
            log.warning(
                "%s is faster than ingest.edge_rate_hz: held back, counted in GET /api/v1/health; "
                "what has a sequence number comes again",
                topic,
            )
