"""What the store's days ask for: summaries by the minute, old days away, too old days gone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .pilots.document import PilotDocument
from .pilots.registry import Registry
from .progress import Told, untold
from .store.model import Expired, Limit
from .store.port import Alone, ExpiringStore, KeepingStore, Store

log = logging.getLogger(__name__)

#: Questions by minute read what came since the last pass sample by sample.
SUMMARISE_S = 60.0
#: After a night that failed; the next try may find room on the disk again.
RETRY_S = 3600.0
_DAY_US = 86_400_000_000
#: In the data folder: the date of the last night.
_DONE = "tidied"


class House:
    """Looks after a store, once a minute and once a UTC day.

    Args:
        store: opened.
        registry: opened; says how long what is kept, and hears what was removed.
        alone: does something when nobody else writes to the store.
        hot_days: days that stay at hand.
        clock_s: monotonic seconds.

    """

    def __init__(
        self,
        *,
        store: ExpiringStore,
        registry: Registry,
        alone: Alone,
        hot_days: int,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._registry, self._alone = store, registry, alone
        self._hot_days, self._clock_s = hot_days, clock_s
        self._path: Path = registry.folder / _DONE
        self._summarise_s = self._tidy_s = -1e9

    def due(self) -> None:
        """Do what is due now."""
        now_s = self._clock_s()
        if now_s - self._summarise_s >= SUMMARISE_S and isinstance(self._store, KeepingStore):
            self._summarise_s = now_s
            self._store.summarise()
        if now_s - self._tidy_s >= RETRY_S and self._last() != self._today():
            self._tidy_s = now_s
            self.tidy("gateway")

    def tidy(self, actor: str, told: Told = untold) -> dict[str, Any]:
        """Move old days away and remove those that are too old; what was done, in rows."""
        today_us = self._registry.wall_us() // _DAY_US * _DAY_US
        limits = list(self._limits(today_us))
        told(0, 2, "removing what is too old")
        removed: tuple[Expired, ...] = self._alone(lambda _: self._store.expire(limits))
        facts = {}
        for limit, expired in zip(limits, removed, strict=True):
            if expired:
                rows = facts[limit.pilot] = asdict(expired)
                self._registry.audit.append("retention", actor, pilot=limit.pilot, **rows)
        moved = 0
        if isinstance(self._store, KeepingStore):
            told(1, 2, "moving old days to the lake")
            moved = self._store.archive(today_us - self._hot_days * _DAY_US, self._alone)
        self._path.write_text(self._today() + "\n", encoding="utf-8")
        log.info("%d rows moved to the lake; removed as too old: %s", moved, facts or "nothing")
        return {"moved": moved, "removed": facts}

    def _limits(self, today_us: int) -> Iterator[Limit]:
        for pilot in self._registry.pilots.all():
            yield _limit(pilot, today_us)

    def _last(self) -> str:
        """The date of the last night; a folder that is new has nothing to tidy today."""
        if not self._path.exists():
            self._path.write_text(self._today() + "\n", encoding="utf-8")
        return self._path.read_text(encoding="utf-8").strip()

    def _today(self) -> str:
        return datetime.fromtimestamp(self._registry.wall_us() // 1_000_000, UTC).date().isoformat()


def _limit(pilot: PilotDocument, today_us: int) -> Limit:
    days = pilot.retention
    return Limit(
        pilot.id,
        today_us - days.waveform_days * _DAY_US,
        today_us - days.scalar_days * _DAY_US,
        today_us - days.event_days * _DAY_US,
        today_us - days.summary_days * _DAY_US,
        pilot.edges,
    )


def house_of(store: Store, registry: Registry, alone: Alone, hot_days: int) -> House | None:
    """Who looks after the store; nobody where its server does that by itself."""
    if not isinstance(store, ExpiringStore):
        return None
    return House(store=store, registry=registry, alone=alone, hot_days=hot_days)
