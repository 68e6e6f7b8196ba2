"""Many MQTT clients on one thread: paho's own, driven by a selector."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from vointi_contract.ack import decode_ack
from vointi_contract.errors import ContractError

from vointi_sim.fleet.home import FleetHome

KEEPALIVE_S: Final = 30
_STATE_S: Final = 10.0
_SILENT_S: Final = 5.0
_AGAIN_S: Final = (1.0, 10.0)
# What has waited is told again when the gateway has said nothing of it for so long.
_RESEND_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Where:
    """The broker, and the password that all edges share (None: none is asked for)."""

    host: str
    port: int
    password: str | None = None


class Client:
    """One home's connection. Every method returns at once but `connect`.

    `now` and `measured` are seconds since the fleet began; the home has measured until the latter.
    """

    def __init__(
        self,
        home: FleetHome,
        where: Where,
        now: Callable[[], float],
        measured: Callable[[], float],
    ) -> None:
        self.home = home
        self._where, self._now, self._measured = where, now, measured
        self._mqtt: mqtt.Client | None = None
        self._serves = False
        self._retry_s = 0.0
        self._state_s = self._resend_s = 0.0
        self._chance = random.Random(home.edge)  # noqa: S311 - jitter

    @property
    def serves(self) -> bool:
        """Whether the broker has taken the session."""
        return self._serves

    @property
    def socket(self) -> socket.socket | None:
        """The connection's socket, while there is one."""
        found = self._mqtt.socket() if self._mqtt is not None else None
        return found if isinstance(found, socket.socket) else None

    def connect(self) -> None:
        """Connect unless it is too soon; a refusal is tried again later."""
        if self._now() < self._retry_s:
            return
        low, high = _AGAIN_S
        self._retry_s = self._now() + self._chance.uniform(low, high)
        self._mqtt = self._made()
        with contextlib.suppress(OSError):
            self._mqtt.connect(self._where.host, self._where.port, KEEPALIVE_S)

    def read(self) -> None:
        """Take what has come."""
        if self._mqtt is not None:
            self._mqtt.loop_read()

    def tick(self) -> None:
        """Tell what is due, flush, keep alive."""
        for said in self.home.due(self._measured()):
            if self._serves:
                self._publish(self.home.topics.live(said.device), said.payload)
        if self._serves:
            self._tell_state()
            self._tell_again()
        if self._mqtt is not None and self.socket is not None:
            if self._mqtt.want_write():
                self._mqtt.loop_write()
            self._mqtt.loop_misc()

    def close(self) -> None:
        """Say good-bye."""
        if self._mqtt is not None and self._serves:
            self._publish(self.home.topics.state, self._state(online=False), retain=True)
            self._mqtt.loop_write()
            self._mqtt.disconnect()

    def _made(self) -> mqtt.Client:
        made = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.home.edge,
            clean_session=True,
            reconnect_on_failure=False,
        )
        # Else paho queues in silence what the broker's window does not take.
        made.max_inflight_messages_set(100)
        made.connect_timeout = _SILENT_S
        if self._where.password is not None:
            made.username_pw_set(self.home.edge, self._where.password)
        made.will_set(self.home.topics.state, self._state(online=False), qos=1, retain=True)
        made.on_connect = self._connected
        made.on_disconnect = self._lost
        made.on_message = self._message
        return made

    def _connected(self, client: mqtt.Client, *rest: Any) -> None:
        reason = rest[2]
        if reason.is_failure:
            return
        self._serves = True
        client.subscribe(self.home.topics.ack, qos=1)
        self._publish(self.home.topics.meta, self.home.birth(), retain=True)
        self._state_s = 0.0
        self._resend_s = self._now()

    def _lost(self, *_: Any) -> None:
        self._serves = False

    def _message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        with contextlib.suppress(ContractError):
            before = self.home.committed
            self.home.acknowledged(decode_ack(bytes(message.payload)))
            if self.home.committed > before:
                self._resend_s = self._now() + _RESEND_S

    def _tell_state(self) -> None:
        if self._now() >= self._state_s:
            self._state_s = self._now() + _STATE_S
            self._publish(self.home.topics.state, self._state(), retain=True)

    def _tell_again(self) -> None:
        """After a new connection, and when acknowledgements stay away."""
        if self._now() < self._resend_s:
            return
        self._resend_s = self._now() + _RESEND_S
        for said in self.home.kept():
            self._publish(self.home.topics.backlog(said.device), said.payload)
        lost = self.home.lost_payload()
        if lost is not None:
            self._publish(self.home.topics.backlog(self.home.losses[0].device), lost)

    def _state(self, *, online: bool = True) -> bytes:
        return self.home.state(self._now(), online=online)

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if self._mqtt is not None:
            self._mqtt.publish(topic, payload, qos=1, retain=retain)


def turn(clients: list[Client], selector: selectors.BaseSelector, limit_s: float) -> None:
    """One round: connect who has no connection, read what came within `limit_s`, tell."""
    wanted = {one.socket: one for one in clients if one.socket is not None}
    for key in list(selector.get_map().values()):
        if key.fileobj not in wanted or wanted[key.fileobj] is not key.data:
            selector.unregister(key.fileobj)
    known = {key.fileobj for key in selector.get_map().values()}
    for sock, client in wanted.items():
        if sock not in known:
            selector.register(sock, selectors.EVENT_READ, client)
    for key, _ in selector.select(limit_s):
        key.data.read()
    for client in clients:
        if client.socket is None:
            client.connect()
        client.tick()
