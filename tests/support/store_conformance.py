"""The store's port as tests: a backend passes them all, or it is no backend.

A test module of a backend derives a class from `StoreConformance` and gives it a `factory` fixture
that opens the same store anew at each call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from gateway_kit import DEVICE, EDGE, PILOT, T0_US, channel, ecg_frame, hr_frame
from vointi_contract.frame import Frame, Quality
from vointi_gateway.errors import StoreError, UnknownSeriesError, UnstorableError
from vointi_gateway.store.model import (
    Anchor,
    Commit,
    Counts,
    Latest,
    Outcome,
    Quarantined,
    Receipt,
    SeriesQuery,
    StoredReading,
)
from vointi_gateway.store.port import Store

Factory = Callable[[], Store]
NAME = f"{EDGE}.{DEVICE}"
STEP_US = 1e6 / 130


def commit_of(*frames: Frame, edge: str = EDGE) -> Commit:
    readings = tuple(StoredReading(PILOT, edge, frame, T0_US) for frame in frames)
    receipts = tuple(Receipt(edge, f.device, f.boot, f.seq, f.seq, Outcome.STORED) for f in frames)
    return Commit(readings, (), receipts, {edge: Counts(len(frames), len(frames))})


def span(metric: str, from_us: int = 0, to_us: int = 2 * T0_US, stream: str | None = None):
    return SeriesQuery(NAME, metric, from_us, to_us, stream)


def ecg_at(seq: int) -> Frame:
    """Frames that follow each other without a gap."""
    return ecg_frame(seq, wall_us=T0_US + round((seq - 1) * 73 * STEP_US))


class StoreConformance:
    """What every backend promises."""

    @pytest.fixture
    def factory(self) -> Factory:
        raise NotImplementedError

    @pytest.fixture
    def store(self, factory: Factory):
        store = factory()
        yield store
        store.close()

    def test_an_empty_store_is_empty(self, store: Store) -> None:
        assert list(store.receipts()) == []
        assert store.counts() == store.births() == store.latest() == {}
        assert store.digests() == set()
        with pytest.raises(UnknownSeriesError, match=r"edge-1\.strap-1 has no ecg"):
            store.samples(span("ecg"))

    def test_samples_come_back_bit_for_bit(self, store: Store) -> None:
        frames = [
            replace(
                ecg_at(s), channels=(channel("ecg", ecg_at(s).channels[0].values, 2.28272, 0.5),)
            )
            for s in (1, 2, 3)
        ]
        store.commit(commit_of(*frames))
        found = store.samples(span("ecg"))
        assert (
            found.value.tolist()
            == np.concatenate([f.channels[0].physical() for f in frames]).tolist()
        )
        assert found.seq.tolist() == [s for s in (1, 2, 3) for _ in range(73)]
        expected = [
            f.wall_us + o for f in frames for o in f.sample_offsets_us(f.channels[0]).tolist()
        ]
        assert found.t_us.tolist() == expected
        assert set(found.quality.tolist()) == {0}

    def test_scalars_and_irregular_events_keep_their_times(self, store: Store) -> None:
        beats = replace(
            ecg_frame(2),
            stream="beats",
            rate_hz=0.0,
            offsets_us=(0, 800_000, 1_650_000),
            channels=(channel("beat", [900, 910, 905]), channel("rr_interval", [800, 850])),
            quality=Quality.NOISY | Quality.LATE,
        )
        store.commit(commit_of(hr_frame(1, 61), beats))
        assert store.samples(span("heart_rate")).value.tolist() == [61.0]
        found = store.samples(span("rr_interval", stream="beats"))
        assert found.t_us.tolist() == [T0_US + 800_000, T0_US + 1_650_000]
        assert found.quality.tolist() == [36, 36]
        both = store.samples(span("rr_interval"))
        assert sorted(both.value.tolist()) == [800.0, 850.0, 900.0, 950.0]
        with pytest.raises(UnknownSeriesError):
            store.samples(span("rr_interval", stream="ecg"))

    def test_a_span_is_half_open_and_cuts_within_frames(self, store: Store) -> None:
        store.commit(commit_of(ecg_at(1), ecg_at(2)))
        every = store.samples(span("ecg")).t_us
        part = store.samples(span("ecg", int(every[10]), int(every[100])))
        assert part.t_us.tolist() == every[10:100].tolist()
        assert store.count_samples(span("ecg", int(every[10]), int(every[100]))) >= 90
        assert store.samples(span("ecg", 0, T0_US)).t_us.tolist() == []

    def test_late_frames_take_their_place(self, store: Store) -> None:
        store.commit(commit_of(ecg_at(3)))
        store.commit(commit_of(ecg_at(1), ecg_at(2)))
        assert store.samples(span("ecg")).seq.tolist() == [s for s in (1, 2, 3) for _ in range(73)]

    @pytest.mark.parametrize("window_us", [100_000, 1_000_000, 60_000_000])
    def test_windows_equal_a_plain_summary_of_the_samples(
        self, store: Store, window_us: int
    ) -> None:
        store.commit(commit_of(*(ecg_at(s) for s in range(1, 40))))
        query = span("ecg", T0_US + 333_333, T0_US + 17_777_777)
        raw, found = store.samples(query), store.windows(query, window_us)
        keys = raw.t_us // window_us * window_us
        assert found.t_us.tolist() == sorted(set(keys.tolist()))
        for i, key in enumerate(found.t_us):
            values = raw.value[keys == key]
            assert found.n[i] == len(values)
            assert found.mean[i] == pytest.approx(values.mean(), abs=1e-9)
            assert (found.low[i], found.high[i]) == (values.min(), values.max())

    def test_windows_of_nothing_are_none(self, store: Store) -> None:
        store.commit(commit_of(ecg_at(1)))
        assert store.windows(span("ecg", 0, 1000), 1_000_000).t_us.tolist() == []

    def test_everything_is_there_after_opening_again(self, factory: Factory) -> None:
        store = factory()
        row = Quarantined(EDGE, "a/topic", b"\x00raw", "seq", "send it", b"d" * 16, T0_US)
        full = replace(commit_of(ecg_at(1), hr_frame(2)), quarantined=(row,), births={EDGE: "{}"})
        store.commit(full)
        store.commit(Commit(births={EDGE: '{"newer":1}'}))
        before = store.samples(span("ecg")).value.tolist()
        store.close()
        store.close()
        again = factory()
        assert again.samples(span("ecg")).value.tolist() == before
        assert again.counts() == {EDGE: Counts(2, 2)}
        assert again.digests() == {b"d" * 16}
        assert again.births() == {EDGE: '{"newer":1}'}
        assert again.latest()[NAME]["heart_rate"] == Latest(T0_US, 62.0)
        ecg = ecg_at(1)
        last = ecg.wall_us + int(ecg.sample_offsets_us(ecg.channels[0])[-1])
        assert again.latest()[NAME]["ecg"] == Latest(last, float(ecg.channels[0].values[-1]))
        again.close()

    def test_latest_is_the_newest_by_time_not_by_arrival(self, store: Store) -> None:
        store.commit(commit_of(hr_frame(2, 70, wall_us=T0_US + 10)))
        store.commit(commit_of(hr_frame(1, 50)))
        assert store.latest()[NAME]["heart_rate"] == Latest(T0_US + 10, 70.0)

    def test_counts_add_up_per_edge(self, store: Store) -> None:
        store.commit(commit_of(hr_frame(1)))
        store.commit(commit_of(hr_frame(1), edge="edge-9"))
        store.commit(Commit(tally={EDGE: Counts(accepted=3, duplicates=1, lost=2)}))
        store.commit(Commit(tally={EDGE: Counts(stored=1, lost=-1)}))
        assert store.counts() == {EDGE: Counts(4, 2, 1, 0, 1), "edge-9": Counts(1, 1)}

    def test_compaction_changes_no_answer(self, store: Store) -> None:
        for seq in (1, 2, 3, 5, 6):
            store.commit(commit_of(hr_frame(seq)))
        store.commit(Commit(receipts=(Receipt(EDGE, DEVICE, 7, 4, 9, Outcome.LOST),)))
        counts, samples = store.counts(), store.samples(span("heart_rate")).seq.tolist()
        store.compact()
        assert store.counts() == counts
        assert store.samples(span("heart_rate")).seq.tolist() == samples
        found = {(r.first, r.last, r.outcome) for r in store.receipts()}
        assert found == {(1, 3, Outcome.STORED), (5, 6, Outcome.STORED), (4, 9, Outcome.LOST)}

    def test_a_reading_without_a_clock_waits_for_its_anchor(self, store: Store) -> None:
        store.commit(commit_of(ecg_frame(1, wall_us=None), hr_frame(2, wall_us=None)))
        assert store.samples(span("ecg")).t_us.tolist() == []
        other = ecg_frame(3, wall_us=None, boot=8)
        store.commit(commit_of(other))
        store.commit(Commit(anchors=(Anchor("edge-9", 7, 5), Anchor(EDGE, 7, T0_US))))
        found = store.samples(span("ecg"))
        assert found.seq.tolist() == [1] * 73
        assert found.t_us[0] == T0_US + ecg_frame(1).mono_us
        assert store.windows(span("ecg"), 60_000_000).n.sum() == 73
        assert store.samples(span("heart_rate")).t_us.tolist() == [T0_US + hr_frame(2).mono_us]

    def test_a_reading_that_comes_after_its_anchor_is_placed(self, factory: Factory) -> None:
        store = factory()
        store.open()
        anchors = (Anchor(EDGE, 7, T0_US + 9_000), Anchor(EDGE, 7, T0_US))
        store.commit(replace(commit_of(hr_frame(1, wall_us=None)), anchors=anchors))
        store.commit(commit_of(ecg_frame(2, wall_us=None)))
        store.close()
        store.open()
        store.commit(commit_of(hr_frame(3, wall_us=None), hr_frame(4, wall_us=None, boot=8)))
        assert store.samples(span("heart_rate")).seq.tolist() == [1, 3]
        assert store.samples(span("heart_rate")).t_us[0] == T0_US + hr_frame(1).mono_us
        assert store.samples(span("ecg")).t_us[0] == T0_US + ecg_frame(2).mono_us
        store.close()

    def test_an_anchor_that_comes_late_shows_in_the_newest_values(self, store: Store) -> None:
        store.commit(commit_of(hr_frame(1, 61, wall_us=None)))
        assert not store.latest().get(f"{EDGE}.{DEVICE}")
        store.commit(Commit(anchors=(Anchor(EDGE, 7, T0_US),)))
        assert store.latest()[f"{EDGE}.{DEVICE}"]["heart_rate"].value == 61

    def test_the_full_range_of_integers_survives(self, store: Store) -> None:
        extreme = channel("ecg", [-(2**31), 2**31 - 1, 0])
        frame = ecg_frame(
            2**63 - 1, wall_us=T0_US, boot=2**64 - 1, mono_us=0, channels=(extreme,), dev_ts_ns=None
        )
        store.commit(commit_of(frame))
        found = store.samples(span("ecg"))
        assert found.value.tolist() == [-(2.0**31), 2.0**31 - 1, 0.0]
        assert found.seq.tolist() == [2**63 - 1] * 3
        assert next(iter(store.receipts())).boot == 2**64 - 1

    def test_what_leaves_quarantine_leaves_with_the_commit_that_says_so(self, store: Store) -> None:
        rows = [
            Quarantined(EDGE, "a/topic", b"\x00raw", "seq", "send it", bytes([n]) * 16, T0_US + n)
            for n in (2, 1, 3)
        ]
        store.commit(Commit(quarantined=tuple(rows), tally={EDGE: Counts(3, 0, 0, 3)}))
        assert [row.received_us - T0_US for row in store.quarantined()] == [1, 2, 3]
        assert rows[0] in store.quarantined()
        gone = replace(
            commit_of(hr_frame(1)),
            released=(rows[0].digest, b"never" * 3),
            quarantined=(replace(rows[0], field="other"),),
            tally={EDGE: Counts(0, 1, 0, -1)},
        )
        store.commit(gone)
        assert [row.field for row in store.quarantined()] == ["seq", "other", "seq"]
        store.commit(Commit(released=tuple(row.digest for row in rows)))
        assert store.quarantined() == ()
        assert store.counts() == {EDGE: Counts(3, 1, 0, 2)}
        assert store.samples(span("heart_rate")).seq.tolist() == [1]

    def test_reopen_shows_what_is_durable(self, store: Store) -> None:
        store.commit(commit_of(hr_frame(1)))
        store.reopen()
        assert store.counts() == {EDGE: Counts(1, 1)}
        store.commit(commit_of(hr_frame(2)))
        assert store.samples(span("heart_rate")).seq.tolist() == [1, 2]

    def test_a_closed_store_says_so(self, factory: Factory) -> None:
        store = factory()
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.commit(commit_of(hr_frame(1)))
        with pytest.raises(StoreError, match="closed"):
            store.counts()

    def test_a_value_that_fits_nowhere_is_named_and_nothing_is_kept(self, store: Store) -> None:
        store.commit(commit_of(hr_frame(1)))
        with pytest.raises(UnstorableError, match="cannot hold"):
            store.commit(commit_of(hr_frame(2), ecg_frame(3, mono_us=2**70)))
        assert store.counts() == {EDGE: Counts(1, 1)}
        store.commit(commit_of(hr_frame(2), ecg_at(3)))
        assert store.samples(span("ecg")).seq.tolist() == [3] * 73
