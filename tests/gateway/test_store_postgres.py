"""PostgreSQL as a store: the port's promises, and leases that keep two gateways apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gateway_kit import EDGE, T0_US, ecg_frame, hr_frame, wait_for
from postgres_kit import running_postgres, wipe
from store_conformance import NAME, Factory, StoreConformance, commit_of, ecg_at, span
from vointi_gateway.errors import LeaseLostError, StoreError
from vointi_gateway.settings import PostgresSettings
from vointi_gateway.store.model import Commit, Counts, Quarantined, Refused, WornSpan
from vointi_gateway.store.postgres import PostgresStore
from vointi_gateway.store.postgres.connection import Link
from vointi_gateway.store.postgres.slots import Slots

pytestmark = pytest.mark.network

LONG_S = 1000.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresSettings]:
    with running_postgres() as settings:
        yield settings


@pytest.fixture
def database(server: PostgresSettings) -> PostgresSettings:
    wipe(server)
    return server


def _open(settings: PostgresSettings) -> PostgresStore:
    store = PostgresStore(settings)
    store.open()
    return store


@pytest.fixture
def store(database: PostgresSettings) -> Iterator[PostgresStore]:
    store = _open(database)
    yield store
    store.close()


class TestPostgres(StoreConformance):
    @pytest.fixture
    def factory(self, database: PostgresSettings) -> Factory:
        return lambda: _open(database)


def test_a_database_that_is_not_there_is_named_with_the_next_step(tmp_path: Path) -> None:
    pytest.importorskip("pg8000")
    settings = PostgresSettings(host=str(tmp_path), password_file=None)
    with pytest.raises(StoreError, match=r"vointi at .* cannot be opened.*check postgres\.host"):
        PostgresStore(settings).open()


def test_a_connection_that_is_cut_is_made_anew(store: PostgresStore) -> None:
    store.commit(commit_of(hr_frame(1)))
    other = Link(store._read._settings)
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    other.run(f"{kill} AND application_name = 'vointi-gateway'")
    other.close()
    with pytest.raises(StoreError):
        store.commit(commit_of(hr_frame(2)))
    store.reopen()
    store.commit(commit_of(hr_frame(2)))
    assert store.samples(span("heart_rate")).seq.tolist() == [1, 2]
    assert store.counts() == {EDGE: Counts(2, 2)}


def test_what_is_there_already_cannot_come_again(store: PostgresStore) -> None:
    """Even a writer that remembers nothing: the key is the last word."""
    store.commit(commit_of(hr_frame(1), ecg_at(2)))
    with pytest.raises(StoreError):
        store.commit(commit_of(ecg_at(2), ecg_at(3)))
    assert store.counts() == {EDGE: Counts(2, 2)}
    assert set(store.samples(span("ecg")).seq.tolist()) == {2}


def test_erasure_takes_the_span_its_quarantine_and_the_newest_value(store: PostgresStore) -> None:
    store.commit(commit_of(hr_frame(1, 61), hr_frame(2, 99, wall_us=T0_US + 10), ecg_at(3)))
    row = Quarantined(EDGE, f"vointi/1/p/1/{EDGE}/d/strap-1", b"x", "f", "y", b"1" * 16, T0_US + 10)
    store.commit(Commit(quarantined=(row, replace(row, topic="else", digest=b"2" * 16))))
    gone = store.erase([WornSpan(NAME, T0_US + 5, T0_US + 20)])
    assert (gone.segments, gone.scalars, gone.quarantined) == (0, 3, 1)
    assert store.latest()[NAME]["heart_rate"].value == 61
    assert store.counts()[EDGE].stored == 3
    assert store.digests() == {b"2" * 16}


def test_what_was_refused_adds_up(store: PostgresStore) -> None:
    refused = Refused(EDGE, NAME, "withdrawn", 2)
    for _ in range(2):
        store.commit(Commit(tally={EDGE: Counts(2, 0, 0, 2)}, refused=(refused,)))
    assert store.refused() == (replace(refused, n=4),)


def test_series_says_from_when_to_when(store: PostgresStore) -> None:
    store.commit(commit_of(hr_frame(1), ecg_frame(2)))
    assert [row[:2] for row in store.series(NAME)] == [
        ("ecg", "ecg"),
        ("hr", "heart_rate"),
        ("hr", "rr_interval"),
    ]
    assert store.series(NAME)[1] == ("hr", "heart_rate", T0_US, T0_US)


class _Pair:
    """Two gateways' leases."""

    def __init__(self, settings: PostgresSettings, lease_s: float) -> None:
        _open(settings).close()
        self.links = [Link(settings), Link(settings)]
        self.a, self.b = (
            Slots(link, name, 4, lease_s) for link, name in zip(self.links, "ab", strict=True)
        )
        self.a.prepare()
        self.b.prepare()

    def expire(self, who: str) -> None:
        """Time passes for this one, who says nothing."""
        self.links[0].run("UPDATE slot SET until = '-infinity' WHERE holder = :who", who=who)
        self.links[0].run("DELETE FROM worker WHERE name = :who", who=who)


@pytest.fixture
def pair(database: PostgresSettings) -> Iterator[_Pair]:
    pair = _Pair(database, LONG_S)
    yield pair
    for link in pair.links:
        link.close()


def test_one_takes_all_and_a_second_gets_its_half(pair: _Pair) -> None:
    assert set(pair.a.step().held) == {0, 1, 2, 3}
    assert pair.b.step().held == {}
    step = pair.a.step()
    assert step.surplus == {2, 3}
    for slot in step.surplus:
        pair.a.release(slot)
    assert set(pair.b.step().held) == {2, 3}
    assert set(pair.a.step().held) == {0, 1}
    pair.b.leave()
    assert set(pair.a.step().held) == {0, 1, 2, 3}


def test_the_slots_of_a_silent_one_go_over_and_it_hears_so(pair: _Pair) -> None:
    first = pair.a.step().held
    pair.expire("a")
    second = pair.b.step().held
    assert set(second) == set(first)
    assert all(second[slot] > first[slot] for slot in first)
    step = pair.a.step()
    assert step.lost == set(first)
    assert step.held == {}


def test_a_commit_after_the_lease_is_gone_keeps_nothing(
    pair: _Pair, database: PostgresSettings
) -> None:
    ours, theirs = _open(database), _open(database)
    ours.adopt({slot: ("a", epoch) for slot, epoch in pair.a.step().held.items()})
    ours.commit(commit_of(hr_frame(1)))
    pair.expire("a")
    theirs.adopt({slot: ("b", epoch) for slot, epoch in pair.b.step().held.items()})
    with pytest.raises(LeaseLostError):
        ours.commit(commit_of(hr_frame(2)))
    assert not any(ours.holds(slot) for slot in range(4))
    theirs.commit(commit_of(hr_frame(2)))
    assert theirs.counts() == {EDGE: Counts(2, 2)}
    ours.close()
    theirs.close()


def test_who_stands_still_within_a_commit_is_cut_off(
    pair: _Pair, database: PostgresSettings
) -> None:
    """A stopped process would hold the leases' rows for ever."""
    pair.a.step()
    still = Link(database)
    still.run("BEGIN")
    still.run("SELECT slot FROM slot FOR SHARE")
    pair.expire("a")
    wait_for(lambda: pair.b.step().held, timeout_s=60.0, step_s=0.2)
    with pytest.raises(StoreError):
        still.run("COMMIT")
    still.close()


def test_leases_never_overlap_whatever_happens_in_whatever_order(pair: _Pair) -> None:
    moves = {
        "a": pair.a.step,
        "b": pair.b.step,
        "x": lambda: pair.expire("a"),
        "y": lambda: pair.expire("b"),
    }
    best: dict[int, int] = {}
    for order in itertools.islice(itertools.product("abxy", repeat=4), 0, None, 7):
        for move in order:
            moves[move]()
        for slot, epoch in pair.links[0].run("SELECT slot, epoch FROM slot"):
            assert epoch >= best.get(slot, 0)
            best[slot] = epoch
        held = [{*slots.step().held.items()} for slots in (pair.a, pair.b)]
        rows = pair.links[0].run("SELECT slot, epoch, holder FROM slot")
        assert held[0].isdisjoint(held[1])
        for slots, mine in zip("ab", held, strict=True):
            assert mine == {(s, e) for s, e, holder in rows if holder == slots}
