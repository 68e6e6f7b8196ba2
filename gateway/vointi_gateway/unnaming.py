"""Births that name somebody who was erased: the name goes no further, and leaves the broker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from vointi_contract.status import Birth
from vointi_contract.topics import EdgeTopics

from .fleet import Fleet

log = logging.getLogger(__name__)

# An edge that knows what a policy says replaces its birth by itself, in a fraction of this.
_PATIENCE_S: Final = 2.0


class Unnaming:
    """Looks for erased people in births.

    The broker keeps an edge's last birth for ever. Where the edge does not replace one that names
    somebody, it is taken away: of what it said, the store has all but the people.

    Args:
        fleet: holds births.
        erased: (pilot, person) of everybody who was.
        mine: whether an edge is ours to answer.
        now_s: a monotonic clock.

    """

    def __init__(
        self,
        fleet: Fleet,
        erased: Callable[[], Collection[tuple[str, str]]],
        mine: Callable[[str], bool],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fleet, self._erased, self._mine, self._now_s = fleet, erased, mine, now_s
        self._lock = threading.Lock()
        self._naming: dict[str, float] = {}
        self._told: set[str] = set()

    def took(self, pilot: str, birth: Birth) -> None:
        """A birth came: it replaces the one that the broker kept."""
        if self._unname(pilot, birth):
            return
        with self._lock:
            self._naming.pop(birth.edge, None)

    def look(self) -> None:
        """Look at the births that are held: somebody may have been erased since they came."""
        for view in self._fleet.edges():
            if view.birth is not None:
                self._unname(view.pilot, view.birth)

    def step(self, clear: Callable[[str], bool]) -> None:
        """Take away what an edge has not replaced; `clear(topic)` is False when it could not."""
        due_s = self._now_s() - _PATIENCE_S
        with self._lock:
            due = [edge for edge, since_s in self._naming.items() if since_s <= due_s]
        for edge in due:
            pilot = self._fleet.pilot_of(edge)
            ours = pilot is not None and self._mine(edge)
            if pilot is None or not ours or clear(EdgeTopics(pilot, edge).meta):
                with self._lock:
                    self._naming.pop(edge, None)

    def _unname(self, pilot: str, birth: Birth) -> bool:
        """Hold a birth without the people who were erased; whether it named one."""
        gone = self._erased()
        devices = tuple(
            replace(one, person=None) if (pilot, one.person) in gone else one
            for one in birth.devices
        )
        if devices == birth.devices:
            return False
        with self._lock:
            self._naming.setdefault(birth.edge, self._now_s())
        self._fleet.born(replace(birth, devices=devices))
        if birth.edge not in self._told:
            self._told.add(birth.edge)
            log.warning("%s names somebody who was erased; take it out of edge.toml", birth.edge)
        return True
