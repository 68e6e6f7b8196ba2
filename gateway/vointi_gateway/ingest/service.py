"""Ingest as one thing: the sessions, the inbox and the writer."""

from __future__ import annotations

from collections.abc import Callable

from ..fleet import Fleet
from ..live import LiveHub
from ..settings import Settings
from ..store.port import Store
from .inbox import Inbox
from .sessions import ALL, Sessions
from .share import Share
from .writer import Agreements, Writer


class Ingest:
    """Everything between the broker and the store.

    Args:
        settings: broker and grouping.
        store: opened.
        fleet: who is who.
        hub: gets every committed reading.
        agreements: what may be kept of whom.
        wall_us: UTC now, µs.
        share: what is ours when several gateways share the shards; sessions are opened by whoever
            keeps it. Without one, everything is ours from the start.

    """

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        fleet: Fleet,
        hub: LiveHub,
        agreements: Agreements,
        wall_us: Callable[[], int],
        share: Share | None = None,
    ) -> None:
        self._alone = share is None
        chosen = settings.ingest
        self.inbox = Inbox(chosen.queue, chosen.edge_rate_hz, chosen.edge_burst)
        self.session = Sessions(settings.mqtt, self.inbox, wall_us)
        self.writer = Writer(
            store=store,
            inbox=self.inbox,
            session=self.session,
            fleet=fleet,
            hub=hub,
            agreements=agreements,
            settings=settings.ingest,
            wall_us=wall_us,
            share=share,
        )

    def start(self) -> None:
        """The writer first: deliveries may come with the first packet."""
        self.writer.start()
        if self._alone:
            self.session.open("", ALL)

    def stop(self) -> None:
        """The writer first: what it has committed is still acknowledged."""
        self.writer.stop()
        self.session.stop()
