"""Live events from the writer thread to every open page, without anybody waiting for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

EventName = Literal["reading", "status", "health"]

#: Events that one page may be behind: about ten seconds of a pilot's demo; then it reloads.
CLIENT_EVENTS = 512
#: Pages at once; each costs a socket and a queue.
MAX_CLIENTS = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `data` is its JSON. Without pilot and device it is for everyone.

    `purposes` are those that it is agreed for; None: it is about nobody. `person` is whose it is.
    """

    name: EventName
    data: str
    pilot: str | None = None
    device: str | None = None
    purposes: frozenset[str] | None = None
    person: str | None = None


class Client:
    """One page's bounded queue.

    Args:
        pilot: only events of this pilot, or None for all.
        device: only events of this device (global id), or None for all.
        purpose: what the page is looked at for.
        allowed: whether the one behind the page may see an event.

    """

    def __init__(
        self,
        pilot: str | None,
        device: str | None,
        purpose: str = "care",
        allowed: Callable[[Event], bool] = lambda _event: True,
    ) -> None:
        self.pilot, self.device, self.purpose = pilot, device, purpose
        self._allowed = allowed
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(CLIENT_EVENTS)
        self.overflowed = False
        self.closed = False

    def wants(self, event: Event) -> bool:
        """Whether the event is for this page."""
        if self.pilot is not None and event.pilot not in (None, self.pilot):
            return False
        if event.purposes is not None and self.purpose not in event.purposes:
            return False
        if self.device is not None and event.device not in (None, self.device):
            return False
        return self._allowed(event)

    def offer(self, event: Event) -> None:
        """Queue an event; a full queue ends the page's stream."""
        if self.closed:
            return
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.overflowed = True
            self.end()

    def end(self) -> None:
        """End the stream now, dropping what waits."""
        self.closed = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def next(self, timeout_s: float) -> Event | None:
        """The next event, or None at the end. Raises TimeoutError when nothing came."""
        return await asyncio.wait_for(self._queue.get(), timeout_s)


class LiveHub:
    """Every open page. `push` may be called from any thread, the rest belongs to the loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: set[Client] = set()
        self._closed = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Deliver on this loop from now on."""
        self._loop = loop

    @property
    def listening(self) -> bool:
        """Whether any page is open (then events are worth their JSON)."""
        return bool(self._clients)

    def join(
        self,
        pilot: str | None,
        device: str | None,
        purpose: str = "care",
        allowed: Callable[[Event], bool] = lambda _event: True,
    ) -> Client | None:
        """A new page's queue, or None when too many are open or the gateway stops."""
        if self._closed or len(self._clients) >= MAX_CLIENTS:
            return None
        client = Client(pilot, device, purpose, allowed)
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """Forget a page."""
        self._clients.discard(client)

    def push(self, events: Iterable[Event]) -> None:
        """Hand events to the loop; dropped when it has stopped."""
        if self._loop is None or self._closed:
            return
        try:
            self._loop.call_soon_threadsafe(self._deliver, tuple(events))
        except RuntimeError:  # the loop closed between the check and the call
            return

    def close(self) -> None:
        """End every stream, so that open pages do not delay a stop."""
        self._closed = True
        for client in self._clients:
            client.end()

    def _deliver(self, events: tuple[Event, ...]) -> None:
        for event in events:
            for client in self._clients:
                if client.wants(event):
                    client.offer(event)
