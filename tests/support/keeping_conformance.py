"""`KeepingStore` as tests: summaries, days moved away, retention; on top of `StoreConformance`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    OTHER_EDGE,
    OTHER_PILOT,
    PILOT,
    T0_US,
    channel,
    ecg_frame,
    hr_frame,
)
from store_conformance import NAME, Factory, StoreConformance, commit_of
from vointi_contract.frame import Frame
from vointi_gateway.errors import StoreError
from vointi_gateway.store.model import (
    Anchor,
    Commit,
    Counts,
    Expired,
    Latest,
    Limit,
    Quarantined,
    SeriesQuery,
    WornSpan,
)
from vointi_gateway.store.port import ExpiringStore, KeepingStore, Store

MIN, DAY = 60_000_000, 86_400_000_000
METRICS = ("ecg", "heart_rate", "rr_interval", "feedback")
#: T0 is the start of a UTC day; frames 1.. follow each other by 7 minutes and a bit.
STEP = 427_300_017


class ExpiringBoth(Store, ExpiringStore):
    """What the tests of retention are given."""


class BothStore(Store, KeepingStore):
    """What the tests are given."""


def feedback(seq: int, t_us: int) -> Frame:
    frame = ecg_frame(seq, wall_us=t_us)
    return replace(frame, stream="box", rate_hz=0.0, channels=(channel("feedback", [seq % 4 + 1]),))


def frames(first: int, n: int, from_us: int) -> list[Frame]:
    """Of each kind `n`, spread over time; many ECG frames lie across two minutes."""
    made: list[Frame] = []
    for i in range(n):
        at, seq = from_us + i * STEP, first + 3 * i
        made.append(ecg_frame(seq, wall_us=at // MIN * MIN + MIN - 300_000 - i))
        made.append(hr_frame(seq + 1, 60 + i, wall_us=at + 5))
        made.append(feedback(seq + 2, at + 11))
    return made


def ask(metric: str, from_us: int = 0, to_us: int = T0_US + 400 * DAY) -> SeriesQuery:
    return SeriesQuery(NAME, metric, from_us, to_us)


def plainly(store: Store, query: SeriesQuery, window_us: int) -> list[tuple[Any, ...]]:
    """Windows as anybody would make them from the samples."""
    raw = store.samples(query)
    keys = raw.t_us // window_us * window_us
    rows = []
    for key in np.unique(keys):
        v = raw.value[keys == key]
        rows.append((int(key), len(v), pytest.approx(v.mean(), abs=1e-9), v.min(), v.max()))
    return rows


def windowed(store: Store, query: SeriesQuery, window_us: int) -> list[tuple[Any, ...]]:
    w = store.windows(query, window_us)
    return list(zip(*(c.tolist() for c in (w.t_us, w.n, w.mean, w.low, w.high)), strict=True))


def alone_with(store: Store) -> Callable[[Callable[[Store], Any]], Any]:
    return lambda work: work(store)


def answers(store: BothStore) -> dict[str, Any]:
    """Everything that `archive` must not change."""
    # Two intervals of one moment: either is the newest.
    latest = {m: v for m, v in store.latest()[NAME].items() if m != "rr_interval"}
    found: dict[str, Any] = {"series": store.series(NAME), "latest": latest}
    for metric in METRICS:
        s = store.samples(ask(metric))
        found[metric] = [c.tolist() for c in (s.t_us, s.value, s.quality, s.seq)]
        part = store.samples(ask(metric, T0_US + DAY - MIN, T0_US + DAY + 30 * MIN))
        found[f"{metric} part"] = part.t_us.tolist()
    found["daily"] = [
        (d.pilot, d.metric, d.day_us, d.series, d.n, d.low, d.high)
        for d in store.daily(T0_US - DAY, T0_US + 400 * DAY)
    ]
    found["counts"] = store.counts()
    return found


class ExpiringConformance(StoreConformance):
    """What a store promises that removes what is too old, by pilot and class."""

    @pytest.fixture
    def store(self, factory: Factory):
        store = factory()
        assert isinstance(store, ExpiringStore)
        yield store
        store.close()

    def settle(self, store: Any) -> None:
        """Whatever the store does with days that are over, as at night."""
        store.compact()

    def test_each_class_of_each_pilot_has_its_limit(self, store: ExpiringBoth) -> None:
        self.check_limits(store, lambda: None)

    def check_limits(self, store: ExpiringBoth, settle: Callable[[], object]) -> None:
        """Commit four days, settle them, and remove what is too old."""
        days = [frames(1 + 100 * d, 2, T0_US + d * DAY) for d in range(4)]
        store.commit(commit_of(*(f for day in days for f in day)))
        other = commit_of(hr_frame(1), edge=OTHER_EDGE)
        readings = tuple(replace(r, pilot=OTHER_PILOT) for r in other.readings)
        row = Quarantined(EDGE, "t", b"x", "f", "fix", b"d" * 16, T0_US)
        store.commit(replace(other, readings=readings, quarantined=(row,)))
        settle()
        wave, scalar, event, summary = (T0_US + d * DAY for d in (3, 2, 1, 1))
        limit = Limit(PILOT, wave, scalar, event, summary, (EDGE,))
        (gone,) = store.expire([limit])
        assert (gone.waveform, gone.scalar, gone.event, gone.quarantined) == (6, 12, 2, 1)
        assert gone.summary > 0
        firsts = {metric: a for _, metric, a, _ in store.series(NAME)}
        assert [(firsts[m] - T0_US) // DAY for m in METRICS] == [3, 2, 2, 1]
        assert store.samples(ask("ecg", to_us=wave)).t_us.tolist() == []
        # Summaries of what is gone stay until their own limit.
        assert store.windows(ask("ecg"), MIN).n.sum() == 6 * 73
        assert windowed(store, ask("ecg"), DAY)[0][0] == T0_US + DAY
        assert store.digests() == set()
        spared = SeriesQuery(f"{OTHER_EDGE}.strap-1", "heart_rate", 0, 2 * T0_US)
        assert store.samples(spared).seq.tolist() == [1]
        assert store.counts()[EDGE] == Counts(24, 24)
        assert store.expire([limit]) == (Expired(),)

    def test_the_newest_value_goes_with_its_sample(self, factory: Factory) -> None:
        store: Any = factory()
        store.commit(commit_of(hr_frame(1, 61)))
        self.settle(store)
        assert store.latest()[NAME]["heart_rate"] == Latest(T0_US, 61.0)
        late = T0_US + DAY
        store.expire([Limit(PILOT, late, late, late, late)])
        store.close()
        store = factory()
        assert store.latest() == {}
        assert store.series(NAME) == ()
        store.close()

    def test_what_has_no_time_ages_from_its_arrival(self, store: ExpiringBoth) -> None:
        store.commit(commit_of(ecg_frame(1, wall_us=None), hr_frame(2, wall_us=None, boot=8)))
        never, always = (Limit(PILOT, t, t, t, t) for t in (0, 2**62))
        assert store.expire([never]) == (Expired(),)
        assert store.expire([always]) == (Expired(waveform=1, scalar=3),)
        store.commit(Commit(anchors=(Anchor(EDGE, 7, T0_US),)))
        assert store.samples(ask("ecg")).t_us.tolist() == []


class KeepingConformance(ExpiringConformance):
    """What a store that keeps house promises."""

    def settle(self, store: Any) -> None:
        store.archive(T0_US + DAY, alone_with(store))

    def test_each_class_of_each_pilot_has_its_limit(self, store: BothStore) -> None:
        super().test_each_class_of_each_pilot_has_its_limit(store)
        assert all(check.ok for check in store.check())

    def test_limits_reach_moved_days(self, store: BothStore) -> None:
        self.check_limits(store, lambda: store.archive(T0_US + 3 * DAY, alone_with(store)))
        assert all(check.ok for check in store.check())

    @pytest.fixture
    def store(self, factory: Factory):
        store = factory()
        assert isinstance(store, KeepingStore)
        yield store
        store.close()

    def check_windows(self, store: Store) -> None:
        ends = (T0_US - DAY, T0_US + 400 * DAY)
        for metric in ("ecg", "heart_rate"):
            for window_us in (MIN, 5 * MIN, DAY):
                for from_us, to_us in (ends, (T0_US + 17 * MIN + 29_717_111, T0_US + 2 * DAY + 5)):
                    query = ask(metric, from_us, to_us)
                    plain = plainly(store, query, window_us)
                    assert plain
                    assert windowed(store, query, window_us) == plain, (metric, window_us, from_us)

    def test_summaries_say_what_samples_say(self, store: BothStore) -> None:
        every = frames(1, 30, T0_US + DAY - 20 * STEP)
        store.commit(commit_of(*every[:40]))
        self.check_windows(store)
        assert store.summarise() > 0
        assert store.summarise() == 0
        self.check_windows(store)
        assert store.windows(ask("ecg"), MIN).source == "1m"
        assert store.windows(ask("ecg"), 1_000_000).source == "raw"
        # What comes later, and earlier, is in the answer at once, and after the next pass.
        store.commit(commit_of(*every[40:]))
        self.check_windows(store)
        store.summarise()
        self.check_windows(store)

    def test_what_gets_its_time_late_is_summarised_once(self, store: BothStore) -> None:
        store.commit(commit_of(ecg_frame(1, wall_us=None), hr_frame(2, wall_us=None)))
        store.summarise()
        assert store.windows(ask("ecg"), MIN).n.sum() == 0
        store.commit(commit_of(ecg_frame(3, wall_us=None)))
        store.commit(Commit(anchors=(Anchor(EDGE, 7, T0_US),)))
        assert store.windows(ask("ecg"), MIN).n.sum() == 146
        store.summarise()
        assert windowed(store, ask("ecg"), MIN) == plainly(store, ask("ecg"), MIN)
        assert windowed(store, ask("heart_rate"), MIN) == plainly(store, ask("heart_rate"), MIN)

    def test_moving_days_away_changes_no_answer(self, factory: Factory) -> None:
        store: Any = factory()
        store.commit(commit_of(*frames(1, 12, T0_US + DAY - 6 * STEP)))
        store.commit(commit_of(*frames(100, 3, T0_US + 2 * DAY), ecg_frame(200, wall_us=None)))
        before = answers(store)
        assert store.archive(T0_US + 2 * DAY, alone_with(store)) > 0
        assert answers(store) == before
        assert store.archive(T0_US + 2 * DAY, alone_with(store)) == 0
        # Late for a day that is away; then the store is opened anew and everything goes.
        store.commit(commit_of(*frames(300, 2, T0_US + DAY - STEP)))
        before = answers(store)
        self.check_windows(store)
        store.close()
        store = factory()
        assert store.archive(T0_US + 9 * DAY, alone_with(store)) > 0
        assert answers(store) == before
        assert store.windows(ask("ecg", T0_US - DAY), DAY).source == "1d"
        store.close()
        store = factory()
        assert answers(store) == before
        store.commit(Commit(anchors=(Anchor(EDGE, 7, T0_US + 3 * DAY),)))
        assert store.samples(ask("ecg", T0_US + 3 * DAY)).seq.tolist() == [200] * 73
        self.check_windows(store)
        assert all(check.ok for check in store.check())
        store.close()

    def test_what_comes_during_the_move_stays(self, store: BothStore) -> None:
        store.commit(commit_of(hr_frame(1)))

        def alone(work: Callable[[Store], Any]) -> Any:
            store.commit(commit_of(hr_frame(2), ecg_frame(3)))
            return work(store)

        store.archive(T0_US + DAY, alone)
        assert store.samples(ask("heart_rate")).seq.tolist() == [1, 2]
        assert store.windows(ask("ecg"), DAY).n.tolist() == [73]

    def test_a_move_that_meets_a_change_moves_nothing(self, store: BothStore) -> None:
        store.commit(commit_of(hr_frame(1), hr_frame(2, wall_us=None)))

        def alone(work: Callable[[Store], Any]) -> Any:
            store.commit(Commit(anchors=(Anchor(EDGE, 7, T0_US),)))
            return work(store)

        with pytest.raises(StoreError, match="tried again"):
            store.archive(T0_US + DAY, alone)
        assert store.samples(ask("heart_rate")).seq.tolist() == [1, 2]
        assert store.archive(T0_US + DAY, alone_with(store)) > 0
        assert store.samples(ask("heart_rate")).seq.tolist() == [1, 2]
        assert all(check.ok for check in store.check())

    @pytest.mark.parametrize("moved", [False, True])
    def test_erasure_reaches_summaries_and_moved_days(self, store: BothStore, moved: bool) -> None:
        store.commit(commit_of(*frames(1, 9, T0_US + DAY - 5 * STEP)))
        store.summarise()
        if moved:
            store.archive(T0_US + 9 * DAY, alone_with(store))
        times = store.samples(ask("ecg")).t_us.tolist()
        # From within a minute of the day before to within a segment that lies across minutes.
        span = WornSpan(NAME, times[2 * 73] + 100, times[6 * 73 + 30])
        kept = {m: list(store.samples(ask(m)).t_us.tolist()) for m in METRICS}
        rows = store.erase([span])
        assert rows.segments == 4
        assert rows.summaries > 0
        for metric in METRICS[1:]:
            wanted = [t for t in kept[metric] if not span.from_us <= t < span.to_us]
            assert store.samples(ask(metric)).t_us.tolist() == wanted
        starts = [0, 1, 2, 7, 8]
        assert store.samples(ask("ecg")).t_us.tolist() == [
            t for i in starts for t in times[i * 73 : (i + 1) * 73]
        ]
        self.check_windows(store)
        assert all(check.ok for check in store.check())
        everything = WornSpan(NAME, 0, 2**62)
        store.erase([everything])
        assert store.series(NAME) == store.summarised(NAME) == ()
        assert store.latest() == {}
        assert store.daily(0, 2 * T0_US) == ()

    def test_days_of_all_pilots(self, store: BothStore) -> None:
        store.commit(commit_of(*frames(1, 8, T0_US + DAY - 4 * STEP)))
        store.commit(commit_of(hr_frame(1, 100, wall_us=T0_US + DAY), edge=OTHER_EDGE))
        store.summarise()
        store.archive(T0_US + DAY, alone_with(store))
        found = {(d.metric, (d.day_us - T0_US) // DAY): d for d in store.daily(0, 2 * T0_US)}
        today = found["heart_rate", 1]
        assert (today.pilot, today.series, today.n, today.high) == (PILOT, 2, 5, 100.0)
        assert today.mean == pytest.approx((64 + 65 + 66 + 67 + 100) / 5)
        assert found["ecg", 0].n == 4 * 73
        days = store.device_days("heart_rate", T0_US, T0_US + 2 * DAY)
        assert [(d.device, d.n, d.mean) for d in days if d.day_us > T0_US] == [
            (NAME, 4, pytest.approx(65.5)), (f"{OTHER_EDGE}.{DEVICE}", 1, 100.0),
        ]  # fmt: skip
        assert [d.n for d in days if d.day_us == T0_US] == [4]
        assert store.daily(T0_US + 5 * DAY, T0_US + 9 * DAY) == ()

    def test_a_copy_has_the_moved_days(self, store: BothStore, tmp_path: Path) -> None:
        store.commit(commit_of(*frames(1, 3, T0_US)))
        store.archive(T0_US + DAY, alone_with(store))
        (tmp_path / "copy").mkdir()
        store.copy_to(tmp_path / "copy" / "vointi.duckdb")
        store.copy_archive(tmp_path / "copy")
        names = {p.name.split("-")[0] for p in (tmp_path / "copy").rglob("*.parquet")}
        assert names == {"waveform", "scalar", "event", "minute"}
