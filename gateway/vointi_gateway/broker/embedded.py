"""amqtt in this process: MQTT 3.1.1, enough for a demo and a pilot of some hundred messages/s.

Sessions and retained messages live in memory: after a restart the edges announce themselves again
and send again what the gateway has not confirmed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from .front import Front
from .users import User, matches

log = logging.getLogger(__name__)

#: As for mosquitto.
SESSION_EXPIRY_S = 2 * 86_400


@dataclass
class UserTable:
    """What both plugins are told."""

    users: dict[str, Any] = field(default_factory=dict)


class UserPlugin(BaseAuthPlugin):  # type: ignore[misc]
    """Authenticates by the users' passwords (checked at the door already)."""

    Config = UserTable

    async def authenticate(self, *, session: Session) -> bool:
        """Whether name and password fit."""
        user = self.context.config.users.get(session.username)
        return user is not None and user.accepts(session.password)


class TopicPlugin(BaseTopicPlugin):  # type: ignore[misc]
    """Each edge has its own topics and no others."""

    Config = UserTable

    async def topic_filtering(
        self,
        *,
        session: Session | None = None,
        topic: str | None = None,
        action: Action | None = None,
    ) -> bool:
        """Whether the session's user may do this with the topic."""
        user = self.context.config.users.get(session.username if session else None)
        if user is None or topic is None:
            return False
        patterns = user.writes if action == Action.PUBLISH else user.reads
        return any(matches(topic, pattern) for pattern in patterns)


class _Table(dict[str, Any]):
    """Iterates over a snapshot: amqtt waits within its loops while others subscribe."""

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().__iter__()))

    def items(self) -> Any:
        return list(super().items())


class _Broker(Broker):  # type: ignore[misc]
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._subscriptions = _Table()
        self._retained_messages = _Table()

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """On reconnect amqtt offers every retained message that anybody subscribed to."""
        if await self._topic_filtering(session, subscription[0], Action.SUBSCRIBE):
            await super()._publish_retained_messages_for_subscription(subscription, session)


class EmbeddedBroker:
    """The broker on an already bound socket.

    Args:
        sock: bound TCP socket.
        users: accounts.

    """

    def __init__(self, sock: socket.socket, users: Mapping[str, User]) -> None:
        self._sock = sock
        self._users = users
        self._broker: Any = None
        self._server: asyncio.Server | None = None
        self._front: Front | None = None

    async def start(self) -> None:
        """Begin to accept connections."""
        self._broker = _Broker(
            {
                "listeners": {"default": {"type": "external", "bind": "external"}},
                "session_expiry_interval": SESSION_EXPIRY_S,
                "plugins": {
                    f"{__name__}.{plugin.__name__}": {"users": dict(self._users)}
                    for plugin in (UserPlugin, TopicPlugin)
                },
            }
        )
        await self._broker.start()
        self._front = Front(self._users, self._enter)
        self._server = await asyncio.start_server(self._front.serve, sock=self._sock)

    async def stop(self) -> None:
        """End every connection and the broker."""
        if self._server is not None:
            self._server.close()
        if self._front is not None:
            await self._front.stop()
        await self._broker.shutdown()

    async def _enter(self, reader: Any, writer: Any) -> None:
        await self._broker.external_connected(reader, writer, "default")
