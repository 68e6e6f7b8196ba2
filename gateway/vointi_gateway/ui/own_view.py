"""What a resident's own page shows, as data: measurements, consents, who looked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from ..api.deps import GatewayView
from ..api.purpose import store_for
from ..api.sight import Sight
from ..errors import UnknownSeriesError
from ..pilots.consent.state import ConsentEvent, Status, replay
from ..pilots.consented import ConsentedStore
from ..pilots.document import PURPOSES
from ..store.model import SeriesQuery
from .own_words import Words

#: What is shown, and of which metrics it is made; the rest is in the person's file.
MEASURES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("heart_rate", ("heart_rate",)),
    ("spo2", ("spo2",)),
    ("pulse_rate", ("pulse_rate",)),
    ("respiratory_rate", ("respiratory_rate",)),
    ("body_temperature", ("body_temperature",)),
    ("bp", ("bp_systolic", "bp_diastolic")),
    ("body_weight", ("body_weight",)),
    ("steps", ("steps",)),
    ("room_temperature", ("room_temperature",)),
    ("room_humidity", ("room_humidity",)),
    ("co2", ("co2",)),
)
#: Steps are added up, everything else is averaged.
SUMMED = "steps"
PURPOSE = "care"
_HOUR_US = 3_600_000_000
_DAYS_US = 7 * 24 * _HOUR_US
#: Looks listed on the page.
LOOKS = 20
_OFFERED: Mapping[Status, tuple[str, ...]] = {
    Status.NONE: ("given", "refused"),
    Status.REQUESTED: ("given", "refused"),
    Status.GIVEN: ("paused", "withdrawn"),
    Status.PAUSED: ("resumed", "withdrawn"),
    Status.TERMINATED: (),
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is measured: its newest value in words, and rows (day, figures…)."""

    key: str
    value: str
    when: str
    days: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """One purpose: what is asked, where the consent stands, what can be said now."""

    purpose: str
    title: str
    body: str
    status: str
    offered: tuple[str, ...]
    since: str


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody's looks within an hour."""

    who: str
    when: str
    why: str


class OwnView:
    """Builds what one resident sees.

    Args:
        gateway: the running one.
        sight: the resident's.
        words: their language.

    """

    def __init__(self, gateway: GatewayView, sight: Sight, words: Words) -> None:
        self._gateway, self._sight, self._words = gateway, sight, words
        self.person = sight.principal.person
        self.pilot = next(iter(sorted(sight.principal.pilots)), "")
        self._now_us = gateway.now_us()

    @property
    def exists(self) -> bool:
        """Whether the person takes part (still)."""
        return self._gateway.registry.people.find(self.pilot, self.person) is not None

    def wishes(self) -> list[Wish]:
        """Every purpose that the pilot collects for, and what was ever agreed beside."""
        consents = self._gateway.registry.consents
        events = consents.events(self.pilot, self.person)
        collect = self._gateway.registry.pilots.get(self.pilot).collect
        meant = {purpose for each in collect for purpose in each.purposes} or {*PURPOSES}
        meant |= {event.purpose for event in events}
        return [
            self._wish(purpose, [e for e in events if e.purpose == purpose])
            for purpose in PURPOSES
            if purpose in meant
        ]

    def _wish(self, purpose: str, events: Sequence[ConsentEvent]) -> Wish:
        texts = self._gateway.registry.consents.texts
        text = texts.newest(purpose, self._words.language)
        status = replay(events).status_at(self._now_us)
        # A simulator's residents have agreed since ever.
        at_us = (events[-1].effective_us or events[-1].at_us) if events else 0
        since = self._words.moment(at_us, self._now_us) if at_us else ""
        offered = _OFFERED.get(status, ("given",))
        return Wish(purpose, text.title, text.body, status.value, offered, since)

    def measures(self) -> list[Measure]:
        """What was measured of the person: newest values, and the last seven days."""
        store = store_for(self._gateway, PURPOSE, self._sight)
        latest = store.latest()
        made = []
        for key, metrics in MEASURES:
            devices = [d for d in self._devices() if all(m in latest.get(d, {}) for m in metrics)]
            if not devices:
                continue
            device = max(devices, key=lambda d: latest[d][metrics[0]].t_us)
            newest = [latest[device][metric] for metric in metrics]
            value = "/".join(
                self._words.number(metric, sample.value)
                for metric, sample in zip(metrics, newest, strict=True)
            )
            when = self._words.moment(newest[0].t_us, self._now_us)
            made.append(Measure(key, value, when, self._days(store, key, device, metrics)))
        return made

    def _devices(self) -> Iterator[str]:
        for view in self._sight.edges():
            for info in view.devices:
                if self._sight.device(view, info):
                    yield f"{view.edge}.{info.device}"

    def _days(
        self, store: ConsentedStore, key: str, device: str, metrics: Sequence[str]
    ) -> tuple[tuple[str, ...], ...]:
        """Rows of day, lowest, average, highest (of steps: day, sum), the newest day first."""
        tables = [self._by_day(store, key, device, metric) for metric in metrics]
        return tuple(
            (self._words.day(day), *("/".join(cell) for cell in cells))
            for day in sorted(set(tables[0]).intersection(*tables), reverse=True)
            for cells in [zip(*(table[day] for table in tables), strict=True)]
        )

    def _by_day(
        self, store: ConsentedStore, key: str, device: str, metric: str
    ) -> dict[date, list[str]]:
        query = SeriesQuery(device, metric, self._now_us - _DAYS_US, self._now_us)
        try:
            found = store.windows(query, _HOUR_US)
        except UnknownSeriesError:
            return {}
        dates = [self._words.local(int(t_us)).date() for t_us in found.t_us]
        table = {}
        for day in dict.fromkeys(dates):
            here = np.array([one == day for one in dates])
            total, n = float(np.sum((found.mean * found.n)[here])), int(np.sum(found.n[here]))
            low, high = float(found.low[here].min()), float(found.high[here].max())
            figures = [total] if key == SUMMED else [low, total / n, high]
            table[day] = [self._words.number(metric, figure) for figure in figures]
        return table

    def looks(self) -> tuple[list[Look], bool]:
        """Who else looked, the newest first; whether there are more than are listed."""
        views = self._gateway.registry.views.of(self.pilot, self.person)
        others = [v for v in reversed(views) if v.who != self._sight.principal.name]
        texts = self._gateway.registry.consents.texts
        return [
            Look(
                v.who,
                self._words.moment(v.hour_us, self._now_us),
                texts.newest(v.purpose, self._words.language).title,
            )
            for v in others[:LOOKS]
        ], len(others) > LOOKS
