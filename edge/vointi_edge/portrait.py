"""How the edge is, as it tells the gateway and its keeper: birth, state, vital signs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vointi_contract.codec import decode
from vointi_contract.status import Birth, EdgeStatus

from vointi_edge import __version__
from vointi_edge.clock import Clock
from vointi_edge.config import EdgeConfig
from vointi_edge.keeper import PolicyKeeper
from vointi_edge.outbox.store import OutboxStore, Row
from vointi_edge.outbox.writer import OutboxWriter
from vointi_edge.state import DeviceStates
from vointi_edge.vitals import DeviceVitals, Vitals, free_bytes, processor_temperature


class Portrait:
    """Looks at everything and changes nothing; `counts` are those of the last `count`."""

    def __init__(
        self,
        config: EdgeConfig,
        clock: Clock,
        writer: OutboxWriter,
        states: DeviceStates,
        keeper: PolicyKeeper,
        *,
        connected: Callable[[], bool],
        jumps: Callable[[], int],
    ) -> None:
        self.counts = writer.opened_with
        self._config = config
        self._clock = clock
        self._writer = writer
        self._states = states
        self._keeper = keeper
        self._connected = connected
        self._jumps = jumps
        self._started_us = clock.boottime_us()

    async def count(self) -> None:
        """Ask the outbox for its counters."""
        self.counts = await self._writer.call(OutboxStore.counts)

    def status(self, online: bool) -> EdgeStatus:
        """What the state topic says."""
        return EdgeStatus(
            edge=self._config.edge,
            boot=self._writer.boot,
            online=online,
            mono_us=self._clock.boottime_us(),
            wall_us=self._clock.wall_us(),
            outbox=self.counts,
            devices=self._states.statuses(),
        )

    def birth(self) -> Birth:
        """What the birth certificate says; who was erased is not named, whatever is configured."""
        policy, forgets = self._keeper.policy, self._keeper.forgets
        infos = self._states.infos(policy.unit_key if policy else None)
        return Birth(
            edge=self._config.edge,
            boot=self._writer.boot,
            version=__version__,
            site=self._config.site,
            role="home" if self._config.role == "home" else "service_point",
            devices=tuple(
                replace(one, person=None) if one.person and forgets(one.person) else one
                for one in infos
            ),
        )

    async def vitals(self) -> Vitals:
        """One look at everything. Raises sqlite3.Error, OSError."""
        pulse = await self._writer.call(OutboxStore.pulse)
        policy = self._keeper.policy
        return Vitals(
            edge=self._config.edge,
            version=__version__,
            mono_us=self._clock.boottime_us(),
            wall_us=self._clock.wall_us(),
            uptime_s=(self._clock.boottime_us() - self._started_us) / 1e6,
            clock=self._clock.state.name.lower(),
            clock_uncertainty_us=self._clock.uncertainty_us,
            clock_jumps=self._jumps(),
            connected=self._connected(),
            policy_version=policy.version if policy else None,
            policy_required=self._keeper.required,
            outbox=self.counts,
            outbox_bytes=pulse.size,
            outbox_max_bytes=self._config.max_bytes,
            queue_age_s=_age_s(pulse.oldest, self._writer.boot, self._clock),
            disk_free_bytes=free_bytes(self._config.data_dir),
            temperature_c=processor_temperature(),
            devices=self._devices(),
        )

    def _devices(self) -> tuple[DeviceVitals, ...]:
        return tuple(
            DeviceVitals(
                *(one.device, one.link, one.rssi_dbm, one.battery_pct, one.note),
                bad_messages=self._states.bad_messages(one.device),
            )
            for one in self._states.statuses()
        )


def _age_s(oldest: Row | None, boot: int, clock: Clock) -> float | None:
    """How long the oldest row has waited; None when none does, or its time is not known."""
    if oldest is None:
        return None
    frame = decode(oldest.payload, oldest.device).frames[0]
    wall_us = clock.wall_us()
    if frame.boot == boot:
        return (clock.boottime_us() - frame.mono_us) / 1e6
    return (wall_us - frame.wall_us) / 1e6 if wall_us and frame.wall_us else None
