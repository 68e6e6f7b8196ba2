"""What the uplink is given: the broker to talk to, and the outbox as something to await."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ssl import SSLContext
from typing import Final

from vointi_contract.ack import Watermark
from vointi_contract.frame import Loss

from vointi_edge.config import EdgeConfig, TlsConfig
from vointi_edge.outbox.store import OutboxStore, Row
from vointi_edge.outbox.writer import OutboxWriter
from vointi_edge.tls import client_context
from vointi_edge.uplink.dial import ADDRESS_FILE, LastAddress
from vointi_edge.uplink.session import Broker

#: What a Pi deletes in 10 ms: after an outage a watermark covers thousands of rows a second.
PIECE_ROWS: Final = 500


class AwaitableStore:
    """The outbox as the uplink wants it."""

    def __init__(self, writer: OutboxWriter) -> None:
        self._writer = writer

    async def read(self, after: int, upto: int, max_bytes: int) -> Sequence[Row]:
        """As OutboxStore.read."""
        return await self._writer.call(lambda store: store.read(after, upto, max_bytes))

    async def newest(self) -> int:
        """As OutboxStore.newest."""
        return await self._writer.call(OutboxStore.newest)

    async def losses(self) -> Sequence[Loss]:
        """As OutboxStore.losses."""
        return await self._writer.call(OutboxStore.losses)

    async def commit(self, marks: Sequence[Watermark]) -> int:
        """As OutboxStore.commit, in pieces: readings that came meanwhile are kept in between."""
        deleted = 0
        while True:
            piece = await self._writer.call(lambda store: store.commit(marks, PIECE_ROWS))
            deleted += piece
            if piece < PIECE_ROWS:
                return deleted

    async def gap(self, marks: Sequence[Watermark]) -> tuple[int, int] | None:
        """As OutboxStore.gap."""
        return await self._writer.call(lambda store: store.gap(marks))


def broker_of(config: EdgeConfig, password: str | None) -> Broker:
    """The broker of a configuration."""
    return Broker(
        host=config.mqtt.host,
        port=config.mqtt.port,
        protocol=config.mqtt.protocol,
        client_id=config.edge,
        username=config.mqtt.username,
        password=password,
        tls=context_of(config.mqtt.tls),
        last=LastAddress(config.data_dir / ADDRESS_FILE),
    )


def context_of(tls: TlsConfig | None) -> Callable[[], SSLContext] | None:
    """Read anew for each connection, because the certificate is renewed while we run."""
    if tls is None:
        return None
    return lambda: client_context(tls.ca_file, tls.cert_file, tls.key_file)
