"""What is known of pilots, edges and devices: the configuration, births and states."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import overload

from vointi_contract.status import Birth, DeviceInfo, DeviceStatus, EdgeStatus

from .settings import PilotSettings


@dataclass(frozen=True, slots=True)
class EdgeView:
    """One registered edge as it is known now; `last_seen_us` is UTC µs of its last message."""

    edge: str
    pilot: str
    online: bool = False
    last_seen_us: int | None = None
    birth: Birth | None = None
    status: EdgeStatus | None = None

    def device_status(self, device: str) -> DeviceStatus | None:
        """The link state of one of its devices."""
        if self.status is None:
            return None
        return next((d for d in self.status.devices if d.device == device), None)

    @property
    def devices(self) -> tuple[DeviceInfo, ...]:
        """The devices that its birth lists."""
        return self.birth.devices if self.birth else ()


class Fleet:
    """Edges by id. Any thread may ask; one thread tells.

    Args:
        pilots: who owns which edge; an edge that is in none is unknown.
        shut_out: why nothing is taken from an edge, or None.
        heard: told (edge, boot, µs of its own clock) of each online state.

    """

    def __init__(
        self,
        pilots: Sequence[PilotSettings],
        shut_out: Callable[[str], str | None] = lambda _edge: None,
        heard: Callable[[str, int, int], None] = lambda _edge, _boot, _mono_us: None,
    ) -> None:
        self._shut_out, self._heard = shut_out, heard
        self._lock = threading.Lock()
        self._edges: dict[str, EdgeView] = {}
        self.pilots: tuple[PilotSettings, ...] = ()
        self.assign(pilots)

    def assign(self, pilots: Sequence[PilotSettings]) -> None:
        """Who owns which edge from now on; what is known of edges that stay is kept."""
        with self._lock:
            known = self._edges
            views = (EdgeView(e, p.id) for p in pilots for e in p.edges)
            self._edges = {v.edge: _moved(known.get(v.edge, v), v.pilot) for v in views}
            self.pilots = tuple(pilots)

    def pilot_of(self, edge: str) -> str | None:
        """The pilot of an edge, or None; none of one that is shut out."""
        view = self._edges.get(edge)
        return view.pilot if view and self._shut_out(edge) is None else None

    def edges(self) -> tuple[EdgeView, ...]:
        """A snapshot of every registered edge."""
        with self._lock:
            views = tuple(self._edges.values())
        return tuple(self._as_heard(view) for view in views)

    def edge(self, edge: str) -> EdgeView | None:
        """One edge, or None."""
        view = self._edges.get(edge)
        return self._as_heard(view) if view else None

    def _as_heard(self, view: EdgeView) -> EdgeView:
        """Its last word cannot reach us when it is shut out: it is not online until it says so."""
        if not view.online or self._shut_out(view.edge) is None:
            return view
        gone = replace(view, online=False)
        with self._lock:
            if self._edges.get(view.edge) is view:
                self._edges[view.edge] = gone
        return gone

    def person_of(self, edge: str, device: str) -> str | None:
        """The pseudonym of who wears a device, or None."""
        view = self._edges.get(edge)
        found = (d.person for d in view.devices if d.device == device) if view else ()
        return next(iter(found), None)

    def seen(self, last_seen_us: Mapping[str, int]) -> None:
        """Edges that were heard, with when (UTC µs)."""
        with self._lock:
            for edge, at_us in last_seen_us.items():
                if edge in self._edges:
                    self._edges[edge] = replace(self._edges[edge], last_seen_us=at_us)

    def born(self, birth: Birth) -> None:
        """A birth document of a registered edge."""
        with self._lock:
            if birth.edge in self._edges:
                self._edges[birth.edge] = replace(self._edges[birth.edge], birth=birth)

    def state(self, status: EdgeStatus) -> None:
        """A state of a registered edge. A will keeps the counters that the edge last sent."""
        if status.online:
            self._heard(status.edge, status.boot, status.mono_us)
        with self._lock:
            view = self._edges.get(status.edge)
            if view is None:
                return
            if not status.online and view.status is not None:
                status = replace(view.status, online=False)
            self._edges[status.edge] = replace(view, online=status.online, status=status)


class PilotList(Sequence[PilotSettings]):
    """The pilots of a fleet, as they are at each look."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    @overload
    def __getitem__(self, at: int) -> PilotSettings: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[PilotSettings]: ...

    def __getitem__(self, at: int | slice) -> PilotSettings | Sequence[PilotSettings]:
        return self._fleet.pilots[at]

    def __len__(self) -> int:
        return len(self._fleet.pilots)


def _moved(view: EdgeView, pilot: str) -> EdgeView:
    return view if view.pilot == pilot else EdgeView(view.edge, pilot)
