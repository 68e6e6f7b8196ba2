"""What waits for the writer: two lanes, the edges in turn, and none faster than its share."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal

from .stage import Delivery

Lane = Literal["live", "backlog"]

#: While both lanes hold something, one in so many comes from the backlog: never first, never never.
BACKLOG_EVERY = 8
#: So many of the backlog are worth a transaction by themselves; fewer wait for company, or for
#: something live. Less than half of what brokers have under way to one session (20).
COMPANY = 8
#: What is stored alone is stored so much later at most.
COMPANY_S = 0.05
#: Edges whose share is remembered; a city has hundreds, and forgetting one only refills its share.
MAX_EDGES = 20_000


class _Turns:
    """Deliveries of one lane, one edge after the other."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Delivery]] = {}
        self._turn: deque[str] = deque()
        self.size = 0

    def put(self, edge: str, delivery: Delivery) -> None:
        held = self._waiting.get(edge)
        if held is None:
            held = self._waiting[edge] = deque()
            self._turn.append(edge)
        held.append(delivery)
        self.size += 1

    def get(self) -> Delivery:
        edge = self._turn.popleft()
        held = self._waiting[edge]
        delivery = held.popleft()
        if held:
            self._turn.append(edge)
        else:
            del self._waiting[edge]
        self.size -= 1
        return delivery


class Inbox:
    """Bounded; any thread puts, one gets.

    The order of one edge's deliveries in one lane is kept. An edge that is faster than `rate_hz`
    after its `burst` is held back: its delivery is not taken, and counted.

    Args:
        size: deliveries that each lane holds.
        rate_hz: deliveries a second that one edge may send for long.
        burst: deliveries that one edge may send at once.
        clock_s: monotonic seconds.

    """

    def __init__(
        self,
        size: int,
        rate_hz: float,
        burst: int,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._size, self._rate_hz, self._burst, self._clock_s = size, rate_hz, burst, clock_s
        self._company = min(COMPANY, size)
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._emptied = threading.Condition(self._lock)
        self._lanes: dict[Lane, _Turns] = {"live": _Turns(), "backlog": _Turns()}
        self._shares: dict[str, tuple[float, float]] = {}
        self._held_back: dict[str, int] = {}
        self._since_backlog = 0

    @property
    def held_back(self) -> Mapping[str, int]:
        """Deliveries that were not taken since the start, per edge; their edges send them again."""
        with self._lock:
            return dict(self._held_back)

    def put(self, delivery: Delivery, lane: Lane, timeout: float) -> bool:
        """Take one; False when its edge is too fast. Raises queue.Full: the lane stayed full."""
        edge = _edge_of(delivery.topic)
        with self._lock:
            turns = self._lanes[lane]
            if not self._within_share(edge):
                self._held_back[edge] = self._held_back.get(edge, 0) + 1
                return False
            if not self._emptied.wait_for(lambda: turns.size < self._size, timeout):
                left, since_s = self._shares[edge]
                self._shares[edge] = (left + 1.0, since_s)
                raise queue.Full
            turns.put(edge, delivery)
            self._filled.notify()
        return True

    def get(self, timeout: float = 0.0) -> Delivery:
        """The next one. Raises queue.Empty when none came in time (seconds)."""
        (delivery,) = self.take(1, 0, timeout) or (None,)
        if delivery is None:
            raise queue.Empty
        return delivery

    def take(self, most: int, most_bytes: int, timeout: float = 0.0) -> list[Delivery]:
        """What waits, as soon as anything live does; empty when nothing came in time (seconds).

        A little of the backlog alone waits a moment for company: a transaction has a fixed price,
        and what is live would wait for its end. At most so many deliveries are taken, and no more
        once their payloads have so many bytes.
        """
        live, backlog = self._lanes["live"], self._lanes["backlog"]
        taken: list[Delivery] = []
        with self._lock:
            self._filled.wait_for(lambda: live.size or backlog.size, timeout)
            enough_s = min(timeout, COMPANY_S)
            self._filled.wait_for(lambda: live.size or backlog.size >= self._company, enough_s)
            size = 0
            while (
                (live.size or backlog.size)
                and len(taken) < most
                and (not taken or size < most_bytes)
            ):
                taken.append(self._next(live, backlog))
                size += len(taken[-1].payload)
            self._emptied.notify_all()
        return taken

    def _next(self, live: _Turns, backlog: _Turns) -> Delivery:
        due = not live.size or self._since_backlog >= BACKLOG_EVERY - 1
        chosen = backlog if backlog.size and due else live
        self._since_backlog = 0 if chosen is backlog else self._since_backlog + 1
        return chosen.get()

    def _within_share(self, edge: str) -> bool:
        """Take one from the edge's share, a bucket that fills at `rate_hz` up to `burst`."""
        now_s = self._clock_s()
        if len(self._shares) > MAX_EDGES:
            self._shares.clear()
        left, since_s = self._shares.get(edge, (float(self._burst), now_s))
        left = min(float(self._burst), left + (now_s - since_s) * self._rate_hz)
        within = left >= 1.0
        self._shares[edge] = (left - 1.0 if within else left, now_s)
        return within


def _edge_of(topic: str) -> str:
    parts = topic.split("/", 5)
    return parts[4] if len(parts) > 5 else ""
