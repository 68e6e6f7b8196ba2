"""A fleet at work: every home's clock, one thread, counts once a second."""

from __future__ import annotations

import json
import random
import selectors
import threading
import time
from collections.abc import Callable, Sequence

from vointi_sim.fleet.home import FleetHome
from vointi_sim.fleet.wire import Client, Where, turn
from vointi_sim.physiology import Person

# What the last acknowledgement may take: a slow store, and two times of telling again.
_DRAIN_S = 90.0


class Fleet:
    """Homes named `edges` of a pilot; `people` hearts are shared among them."""

    def __init__(
        self,
        edges: Sequence[str],
        pilot: str,
        where: Where,
        chance: random.Random,
        people: int,
        *,
        say: Callable[[str], None],
        seconds: float | None = None,
    ) -> None:
        self._began_s = time.monotonic()
        self._seconds = seconds
        self._say = say
        wall_us = round(time.time() * 1e6)
        hearts = [Person(chance.randrange(1 << 31)) for _ in range(min(people, len(edges)))]
        homes = [
            FleetHome(pilot, edge, chance.getrandbits(63) | 1, hearts[at % len(hearts)], wall_us)
            for at, edge in enumerate(edges)
        ]
        self.clients = [Client(home, where, self._now, self._measured) for home in homes]

    def run(self, round_s: float, tell_s: float, stop: threading.Event) -> int:
        """Measure and tell until `stop`, or for `seconds` and until the gateway has it all.

        Returns 1 when something is still pending after that, else 0.
        """
        told_s = 0.0
        for client in self.clients:
            client.home.begin(self._now())
        with selectors.DefaultSelector() as selector:
            while not stop.is_set() and not self._over():
                turn(self.clients, selector, round_s)
                if self._now() - told_s >= tell_s:
                    told_s = self._now()
                    self._say(json.dumps(self.counts()))
        for client in self.clients:
            client.close()
        counts = self.counts()
        self._say(json.dumps(counts | {"done": True}))
        return int(self._seconds is not None and counts["pending"] > 0)

    def counts(self) -> dict[str, int]:
        """Sums over all homes; accepted = pending + committed + lost."""
        homes = [client.home for client in self.clients]
        return {
            "homes": len(homes),
            "connected": sum(client.serves for client in self.clients),
            "accepted": sum(home.accepted for home in homes),
            "pending": sum(home.pending for home in homes),
            "committed": sum(home.committed for home in homes),
            "lost": sum(home.lost for home in homes),
        }

    def _now(self) -> float:
        return time.monotonic() - self._began_s

    def _measured(self) -> float:
        return self._now() if self._seconds is None else min(self._now(), self._seconds)

    def _over(self) -> bool:
        if self._seconds is None or self._now() < self._seconds:
            return False
        return self.counts()["pending"] == 0 or self._now() >= self._seconds + _DRAIN_S
