"""Small commits that wait to become rows: every question sees them, no crash loses or doubles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from columns_kit import SmallCommits, in_columns, waiting
from committing import killed
from gateway_kit import EDGE, hr_frame
from keeping_conformance import KeepingConformance
from store_conformance import NAME, Factory, commit_of, ecg_at, span
from vointi_gateway.errors import StoreError
from vointi_gateway.store.embedded import EmbeddedStore, numbered, recent
from vointi_gateway.store.model import Counts, Outcome, Receipt


class TestSmallCommits(KeepingConformance):
    """The port's promises, of a store that keeps as it came whatever it can."""

    # The long ones: what they look at are rows, as in TestEmbedded, once somebody has asked.
    test_moving_days_away_changes_no_answer = None
    test_summaries_say_what_samples_say = None
    test_limits_reach_moved_days = None
    test_each_class_of_each_pilot_has_its_limit = None

    @pytest.fixture
    def factory(self, tmp_path: Path) -> Factory:
        def make() -> SmallCommits:
            store = SmallCommits(tmp_path / "new" / "store.duckdb")
            store.open()
            return store

        return make


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SmallCommits]:
    store = SmallCommits(tmp_path / "s.duckdb")
    store.open()
    yield store
    store.close()


def _again(store: EmbeddedStore) -> None:
    """As after a crash: what is in memory is forgotten."""
    store._recent.clear()
    store.close()
    store.open()


def test_every_question_sees_what_waits(store: SmallCommits) -> None:
    questions = (
        lambda: [store.samples(span("heart_rate")).seq.tolist()[-1]],
        lambda: [list(store.receipts())[-1].last],
        lambda: [store.counts()[EDGE].stored],
        lambda: [round(store.latest()[NAME]["heart_rate"].value)],
    )
    for seq, ask in enumerate(questions, 1):
        store.commit(commit_of(hr_frame(seq, bpm=seq + 60)))
        assert waiting(store) == 1
        assert ask() == [seq if seq < len(questions) else seq + 60]
        assert waiting(store) == 0
    assert store.kept == len(questions)


def test_a_crash_leaves_what_waits_in_the_file(store: SmallCommits) -> None:
    store.commit(commit_of(hr_frame(1), ecg_at(2)))
    store.commit(commit_of(ecg_at(3)))
    assert waiting(store) == 2
    _again(store)
    assert waiting(store) == 0
    assert store.samples(span("ecg")).seq.tolist() == [2] * 73 + [3] * 73
    assert store.counts() == {EDGE: Counts(3, 3)}
    assert list(store.receipts()) == [Receipt(EDGE, "strap-1", 7, 1, 3, Outcome.STORED)]
    _again(store)
    assert store.counts() == {EDGE: Counts(3, 3)}


def test_sigkill_keeps_every_commit_that_returned(tmp_path: Path) -> None:
    path = tmp_path / "k.duckdb"
    for _ in range(2):
        acknowledged = killed(path, SmallCommits, recent.MOST + 6)
        store = SmallCommits(path)
        store.open()
        seqs = store.samples(span("heart_rate")).seq.tolist()
        stored = store.counts()[EDGE].stored
        store.close()
        assert seqs == list(range(1, stored + 1))
        assert acknowledged <= stored <= acknowledged + 1


def test_a_commit_that_failed_leaves_nothing(
    store: SmallCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.commit(commit_of(hr_frame(1)))

    def refuse(*_: object) -> None:
        raise duckdb.IOException("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(store._inserter, "insert", refuse)
        with pytest.raises(StoreError, match="disk full"):
            store.commit(commit_of(hr_frame(2)))
    store.reopen()
    assert store.counts() == {EDGE: Counts(1, 1)}
    store.commit(commit_of(hr_frame(2)))
    assert store.samples(span("heart_rate")).seq.tolist() == [1, 2]


def test_who_asks_is_answered_while_nothing_can_be_written(
    store: SmallCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.commit(commit_of(hr_frame(1)))
    assert store.counts() == {EDGE: Counts(1, 1)}
    store.commit(commit_of(hr_frame(2)))

    def refuse() -> None:
        raise duckdb.IOException("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(store._inserter, "commit", refuse)
        assert store.samples(span("heart_rate")).seq.tolist() == [1]
    assert waiting(store) == 1
    assert store.samples(span("heart_rate")).seq.tolist() == [1, 2]


def test_rows_are_made_when_enough_waits(store: SmallCommits, monkeypatch) -> None:
    monkeypatch.setattr(recent, "MOST", 3)
    for seq in range(1, 6):
        store.commit(commit_of(hr_frame(seq)))
    assert (store.kept, waiting(store)) == (4, 1)
    now = [0.0]
    store._recent._clock_s = lambda: now[0]
    store.counts()
    store.commit(commit_of(hr_frame(6)))
    now[0] = recent.OLD_S
    store.commit(commit_of(hr_frame(7)))
    assert waiting(store) == 0
    monkeypatch.setattr(recent, "FULL", 2)
    store.commit(commit_of(hr_frame(8)))
    store.commit(commit_of(hr_frame(9)))
    assert waiting(store) == 2  # as many as are worth rows, but it is not long since the last
    now[0] += recent.WHILE_S
    store.commit(commit_of(hr_frame(10)))
    assert waiting(store) == 0
    monkeypatch.setattr(recent, "MOST_SAMPLES", 1)
    store.commit(commit_of(hr_frame(11)))
    store.commit(commit_of(hr_frame(12)))
    assert waiting(store) == 0
    assert store.samples(span("heart_rate")).seq.tolist() == [*range(1, 13)]


def test_what_is_not_small_is_rows_at_once(store: SmallCommits) -> None:
    small = in_columns(commit_of(hr_frame(1)))
    large = [ecg_at(n) for n in range(1, recent.SMALL // 73 + 2)]
    assert recent.is_small(small)
    assert recent.is_small(replace(small, readings=()))
    assert not recent.is_small(commit_of(hr_frame(1)))
    assert not recent.is_small(replace(small, births={EDGE: "{}"}))
    assert not recent.is_small(replace(small, released=(b"x",)))
    assert not recent.is_small(in_columns(commit_of(*large)))


def test_the_books_of_a_large_commit_wait_for_those_of_the_next(
    store: SmallCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "SMALL", 100)
    store.commit(commit_of(ecg_at(1), ecg_at(2)))
    store.commit(commit_of(ecg_at(3), ecg_at(4)))
    assert (store.kept, waiting(store)) == (0, 2)
    assert store._con.execute("SELECT count(*) FROM segment").fetchall() == [(4,)]
    assert store._con.execute("SELECT count(*) FROM receipt").fetchall() == [(0,)]
    _again(store)
    assert (waiting(store), store.counts()) == (0, {EDGE: Counts(4, 4)})
    assert list(store.receipts()) == [Receipt(EDGE, "strap-1", 7, 1, 4, Outcome.STORED)]
    store.commit(commit_of(ecg_at(5), ecg_at(6)))
    store.commit(commit_of(ecg_at(7)))  # small: its samples are to become rows with the next
    assert (store.kept, waiting(store)) == (1, 2)
    store.commit(commit_of(ecg_at(8), ecg_at(9)))
    assert waiting(store) == 0
    assert store.counts() == {EDGE: Counts(9, 9)}
    assert store.samples(span("ecg")).seq.tolist() == [n for n in range(1, 10) for _ in range(73)]
    assert [(r.first, r.last) for r in store.receipts()] == [(1, 4), (5, 9)]


def test_bytes_of_another_format_are_refused(store: SmallCommits) -> None:
    store.commit(commit_of(hr_frame(1)))
    ((data,),) = store._con.execute("SELECT data FROM recent").fetchall()
    found = recent.unpack(data)
    assert recent.pack(found) == data
    assert found.numbered is not None and found.numbered.points.tolist()[0] == 62
    with pytest.raises(StoreError, match="format 9; start and stop the version that wrote it"):
        recent.unpack(b"\x09" + data[1:])


def test_joined_columns_are_those_of_one_commit(store: SmallCommits) -> None:
    frames = [ecg_at(1), hr_frame(2), hr_frame(3), ecg_at(4)]
    series = {key: n for n, key in enumerate(("ecg", "heart_rate", "rr_interval"))}

    def columns(*chosen: int) -> numbered.Numbered:
        block = in_columns(commit_of(*(frames[i] for i in chosen))).readings.block
        return numbered.number(block, lambda *_: None, lambda _o, _s, metric: series[metric])

    whole = columns(0, 1, 2, 3)
    joined = numbered.join([columns(0, 1), columns(2), columns(3)])
    for name, one, other in zip(whole._fields, whole, joined, strict=True):
        if one.dtype.names is None:
            assert np.array_equal(one, other), name
            continue
        for field in set(one.dtype.names) - {"layout", "spare"}:
            assert np.array_equal(one[field], other[field]), (name, field)
