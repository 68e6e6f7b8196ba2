"""The gateway's parts, constructed and started in order."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

from .alarms import LOOK_S, Alarms, Sources
from .chores import Chores, ChoreThread
from .courier import Courier
from .errors import StoreError
from .fleet import Fleet
from .house import house_of
from .identity.audit import ChainedAudit
from .identity.service import WATCH_S, Identity
from .ingest.meter import Histogram
from .ingest.replay import Replay
from .ingest.service import Ingest
from .ingest.share import Share
from .leasing import Leasing
from .live import Event, LiveHub
from .making import beside, erase_person, make_store
from .pilots.gate import Gate
from .pilots.registry import Registry
from .quarantine import QuarantineRoom
from .releases import releases_of
from .second_look import SecondLook
from .settings import Settings
from .steward import Steward
from .store.embedded import EmbeddedStore
from .store.influx.forwarder import InfluxForwarder, InfluxTarget
from .store.model import Counts
from .store.port import Store
from .store.reading import ReadOnly

if TYPE_CHECKING:
    from .crew import Crew

log = logging.getLogger(__name__)

#: The five counts go to every open page this often.
HEALTH_S = 1.0


class Gateway:
    """Store, fleet, live hub and ingest.

    Args:
        settings: everything.
        wall_us: UTC now, µs.

    """

    def __init__(
        self, settings: Settings, wall_us: Callable[[], int] = lambda: time.time_ns() // 1000
    ) -> None:
        self.settings = settings
        self.version = metadata.version("vointi-gateway")
        self.fleet = Fleet((), self._why_shut_out, self._heard)
        self.registry = Registry(settings.data_dir, wall_us)
        self.releases = releases_of(settings, self.registry)
        self.hub = LiveHub()
        self.store = make_store(settings)
        self.readings = cast(Store, ReadOnly(self.store))
        self._wall_us = wall_us
        self._started_s = time.monotonic()
        self._identity: Identity | None = None
        self._ingest: Ingest | None = None
        self._quarantine: QuarantineRoom | None = None
        self._crew: Crew | None = None
        self._steward: Steward | None = None
        self._chores: ChoreThread | None = None
        self._copies: InfluxForwarder | None = None
        self._alarms: Alarms | None = None
        self._jobs: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Open store and registry and read what they hold. Raises StoreError, ConfigError.

        The store first: it is what two gateways cannot have open at once.
        """
        self.store.open()
        self.registry.open()
        self.registry.seed(self.settings.pilot)
        share = self._join()
        audit = ChainedAudit(self.registry.audit)
        self._identity = Identity(self.settings, audit, lambda: self._wall_us() / 1e6)
        house = house_of(self.store, self.registry, self._in_turn, self.settings.hot_days)
        replay = Replay(self.fleet.pilot_of, self._gate_now, self._wall_us)
        room = QuarantineRoom(self.store, self._in_turn, replay, self.registry.audit)
        self._quarantine = room
        chores = Chores(
            registry=self.registry,
            store=self.store,
            quarantine=room,
            in_turn=self._in_turn,
            erase_copies=self._erase_copies,
            changed=self._erased,
            house=house,
            beside=beside(self.settings),
            export_days=self.settings.export_days,
        )
        chores.erasures.again()
        mine = share or Share()
        silent_s = self.settings.lease_silent_s
        leasing = Leasing(self.registry.leases, self.fleet, mine.has_edge, silent_s=silent_s)
        courier = Courier(self.registry, self.fleet, mine.has_edge)
        self._steward = Steward(self.registry, self.fleet, mine.has_edge, leasing, courier)
        again = SecondLook(self.settings.data_dir / "looked", self.version, room)
        works: list[Callable[[], None]] = [chores, again, *([house.due] if house else [])]
        self._chores = ChoreThread(*(_if_leading(mine, work) for work in works))
        if self.settings.influx is not None and isinstance(self.store, EmbeddedStore):
            target = InfluxTarget(self.settings.influx)
            self._copies = InfluxForwarder(self.store, target, self._person_of)
        self._ingest = Ingest(
            settings=replace(self.settings, mqtt=self._identity.mqtt()),
            store=self.store,
            fleet=self.fleet,
            hub=self.hub,
            agreements=self._steward,
            wall_us=self._wall_us,
            share=share,
        )
        if share is not None:
            self._crew = self._make_crew(share)
        self._alarms = self._make_alarms(self._identity)

    def _make_alarms(self, identity: Identity) -> Alarms:
        sources = Sources(
            identity=identity.alarms,
            locked_out=identity.throttle.refusing,
            broker_connected=lambda: self.broker_connected,
            store_ok=lambda: self.store_ok,
            fleet=self.fleet,
            folder=self.settings.data_dir,
            wall_us=self._wall_us,
        )
        return Alarms(sources, self.settings.alarms.command)

    def _join(self) -> Share | None:
        """What part of the shards is ours on a database that others use, too; None when alone."""
        if self.settings.store != "postgres":
            return None
        from .crew import join

        return join(self.store, self.settings.shards, self.registry.key.public_text)

    def _make_crew(self, share: Share) -> Crew:
        from .crew import Crew

        return Crew(
            self.settings,
            store=self.store,
            share=share,
            sessions=self.ingest.session,
            writer=self.ingest.writer,
            welcome=self.steward.announced_all,
        )

    def start(self) -> None:
        """Begin to receive; live events go to the running loop."""
        loop = asyncio.get_running_loop()
        self.hub.start(loop)
        self.ingest.start()
        self.steward.start(self.ingest.session.publish)
        if self._crew is not None:
            self._crew.start()
        if self._chores is not None:
            self._chores.start()
        if self._copies is not None:
            self._copies.start()
        self._jobs = [
            loop.create_task(self._tick(), name="health"),
            loop.create_task(self._watch(), name="identity"),
            loop.create_task(self._alarm(), name="alarms"),
        ]

    async def stop(self) -> None:
        """Stop receiving, end the live streams, close the store."""
        self.hub.close()
        for job in self._jobs:
            job.cancel()
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """What `stop` does outside the loop; also for a gateway that was opened only."""
        if self._crew is not None:
            self._crew.stop()
        if self._chores is not None:
            self._chores.stop()
        if self._steward is not None:
            self._steward.stop()
        if self._ingest is not None:
            self._ingest.stop()
        if self._crew is not None:
            self._crew.close()
            self._crew = None
        if self._copies is not None:
            self._copies.stop()
            self._copies = None
        self.store.close()
        self.registry.close()
        if self._identity is not None:
            self._identity.close()
            self._identity = None

    @property
    def steward(self) -> Steward:
        """The steward of an opened gateway."""
        if self._steward is None:
            raise RuntimeError("the gateway is not open")
        return self._steward

    @property
    def quarantine(self) -> QuarantineRoom:
        """The quarantine of an opened gateway."""
        if self._quarantine is None:
            raise RuntimeError("the gateway is not open")
        return self._quarantine

    @property
    def identity(self) -> Identity:
        """The identities of an opened gateway."""
        if self._identity is None:
            raise RuntimeError("the gateway is not open")
        return self._identity

    @property
    def alarms(self) -> Alarms:
        """What somebody has to look at, of an opened gateway."""
        if self._alarms is None:
            raise RuntimeError("the gateway is not open")
        return self._alarms

    @property
    def mqtt_address(self) -> tuple[str, int]:
        """Host and port by which edges reach the broker."""
        chosen = self.settings.identity
        return (chosen.names[0], chosen.mqtt_port) if chosen else ("", 0)

    @property
    def ingest(self) -> Ingest:
        """The ingest of an opened gateway."""
        if self._ingest is None:
            raise RuntimeError("the gateway is not open")
        return self._ingest

    @property
    def uptime_s(self) -> float:
        """Seconds since the process made this gateway."""
        return time.monotonic() - self._started_s

    def _in_turn(self, work: Callable[[Store], Any]) -> Any:
        return self.ingest.writer.submit(work).result()

    def _erased(self) -> None:
        self.steward.refresh()

    def _gate_now(self) -> Gate:
        return self.steward.gate()

    def _erase_copies(self, person: str) -> str:
        self.identity.forget(person)
        if self._copies is not None:
            return self._copies.erase(person)
        return str(self._in_turn(lambda store: erase_person(store, person)))

    def _person_of(self, device: str, t_us: int) -> str | None:
        return self.steward.gate().person(device, t_us)

    def now_us(self) -> int:
        """UTC now, µs."""
        return self._wall_us()

    @property
    def broker_connected(self) -> bool:
        """Whether the MQTT session stands."""
        return self.ingest.session.connected

    @property
    def store_ok(self) -> bool:
        """Whether the store took the last commit."""
        return self.ingest.writer.store_ok

    def latency_ms(self) -> tuple[float | None, float | None]:
        """p50 and p99 from last sample to live event."""
        return self.ingest.writer.latency.percentiles()

    def delays(self) -> Histogram:
        """From last sample to live event, of every live reading since the start."""
        return self.ingest.writer.latency.histogram()

    def commit_ms(self) -> tuple[float | None, float | None]:
        """p50 and p99 of a transaction."""
        return self.ingest.writer.commit_ms.percentiles()

    def counts(self) -> Counts:
        """Counts of all edges together."""
        return sum(self._counts().values(), Counts())

    def counts_of(self, edges: Sequence[str]) -> dict[str, Any]:
        """The five counts of these edges alone."""
        counts = self._counts()
        return asdict(sum((counts[e] for e in edges if e in counts), Counts()))

    def held_back(self) -> Mapping[str, int]:
        """Deliveries per edge that were too many at once, since the start."""
        return self.ingest.inbox.held_back

    def _counts(self) -> Mapping[str, Counts]:
        """Counts per edge; what other gateways counted is in the store alone."""
        if self._crew is not None:
            try:
                return self.store.counts()
            except StoreError as exc:
                log.debug("counts as they were last read: %s", exc)
        return self.ingest.writer.counts

    def counts_document(self) -> dict[str, Any]:
        """The five counts by name."""
        return asdict(self.counts())

    def _why_shut_out(self, edge: str) -> str | None:
        return self._identity.why_shut_out(edge) if self._identity is not None else None

    def _heard(self, edge: str, boot: int, mono_us: int) -> None:
        if self._identity is not None:
            self._identity.clones.heard(edge, boot, mono_us)

    async def _watch(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.identity.watch)
            except Exception:
                log.exception("identity: what is due could not be done; it is tried again")
            await asyncio.sleep(WATCH_S)

    async def _alarm(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await asyncio.to_thread(self.alarms.look)
            except Exception:
                log.exception("alarms could not be looked for; it is tried again")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_S)
            if self.hub.listening:
                counts = await asyncio.to_thread(self.counts_document)
                self.hub.push([Event("health", json.dumps(counts))])


def _if_leading(share: Share, work: Callable[[], None]) -> Callable[[], None]:
    """What only one of several gateways may do."""
    return lambda: work() if share.leads else None
