"""Ingest as one thing: the session, the inbox and the writer."""

from __future__ import annotations

import queue
from collections.abc import Callable

from ..config import Settings
from ..fleet import Fleet
from ..live import LiveHub
from ..store.port import Store
from .mqtt import MqttSession
from .stage import Delivery
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
    ) -> None:
        inbox: queue.Queue[Delivery] = queue.Queue(settings.ingest.queue)
        self.session = MqttSession(settings.mqtt, inbox, wall_us)
        self.writer = Writer(
            store=store,
            inbox=inbox,
            session=self.session,
            fleet=fleet,
            hub=hub,
            agreements=agreements,
            settings=settings.ingest,
            wall_us=wall_us,
        )

    def start(self) -> None:
        """The writer first: deliveries may come with the first packet."""
        self.writer.start()
        self.session.start()

    def stop(self) -> None:
        """The writer first: what it has committed is still acknowledged."""
        self.writer.stop()
        self.session.stop()
