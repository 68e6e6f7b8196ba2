"""Says each trouble of one device once: a log line and a note in its status, until it is over."""

from __future__ import annotations

import logging

from vointi_edge.beat import now_s
from vointi_edge.sources.ports import Hub

log = logging.getLogger(__name__)


class Journal:
    """The state of one device's link, in words.

    An episode of trouble begins when a link is lost and ends with `well`; within it each kind of
    trouble is logged once, however often it comes back. Remarks leave the link as it is and last
    until they are `settled`.
    """

    def __init__(self, device: str, hub: Hub) -> None:
        self._device = device
        self._hub = hub
        self._told: set[str] = set()
        self._remarks: dict[str, float] = {}
        self._began_s: float | None = None
        self._note = ""
        self._linked: str | None = None

    def lost(self, kind: str, text: str) -> None:
        """Note that there is no link, and why."""
        self._linked = None
        self._note = text
        if self._began_s is None:
            self._began_s = now_s()
        if kind not in self._told:
            self._told.add(kind)
            log.warning("%s: %s", self._device, text)
        self._hub.link(self._device, "lost", text)

    def connecting(self) -> None:
        """Note that a link is being made."""
        self._hub.link(self._device, "connecting", self._note)

    def connected(self, description: str) -> None:
        """Note a link; after trouble it is logged only once it has proved itself (`well`)."""
        if self._began_s is None:
            log.info("%s: connected %s", self._device, description)
        self._linked = description
        self._hub.link(self._device, "connected", description)

    def well(self) -> None:
        """Note that everything arrives: the episode is over."""
        if self._began_s is not None:
            log.info("%s: well again after %.0f s", self._device, now_s() - self._began_s)
            self._told.clear()
            self._began_s = None
            self._note = ""

    def remark(self, kind: str, text: str) -> None:
        """Note something amiss."""
        if kind not in self._remarks:
            log.warning("%s: %s", self._device, text)
        self._remarks[kind] = now_s()
        if self._linked is not None:
            self._hub.link(self._device, "connected", text)

    def settled(self, kind: str, after_s: float = 0.0) -> None:
        """Note that a remark does not hold any more, once it was not made for `after_s`."""
        if kind in self._remarks and now_s() - self._remarks[kind] >= after_s:
            del self._remarks[kind]
            log.info("%s: %s is well again", self._device, kind)
            if self._linked is not None and not self._remarks:
                self._hub.link(self._device, "connected", self._linked)
