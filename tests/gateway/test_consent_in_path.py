"""Consent in the data path: ingest, queries, live events and the edge's policy, on a real store."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gateway_kit import DEVICE as NAME
from gateway_kit import ecg_frame, hr_frame, payload
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_kit import DEVICE, EDGE, NOW_US, PILOT, Clock, birth, document, opened, wearing
from vointi_contract.command import CommandResult
from vointi_contract.frame import Frame
from vointi_contract.policy import verify_policy
from vointi_contract.topics import EdgeTopics
from vointi_gateway.errors import UnknownSeriesError
from vointi_gateway.events import reading_event
from vointi_gateway.ingest.ledger import Ledger
from vointi_gateway.ingest.stage import Delivery, Stager
from vointi_gateway.live import Client
from vointi_gateway.pilots.consent.state import ConsentEvent, Kind, replay
from vointi_gateway.pilots.consented import ConsentedStore
from vointi_gateway.pilots.gate import Gate, Loan, Rules
from vointi_gateway.pilots.registry import Registry
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import Commit, Counts, Refused, SeriesQuery

S = 1_000_000
TOPICS = EdgeTopics(PILOT, EDGE)


@dataclass
class DataPath:
    """A registry, a stager on it, and a store."""

    registry: Registry
    clock: Clock
    store: EmbeddedStore
    stager: Stager

    def take(self, *frames: Frame) -> Commit:
        """What ingest makes of frames that arrive now."""
        topic = TOPICS.live(frames[0].device)
        delivery = Delivery(topic, payload(*frames), 1, 1, 1, False, self.clock.us)
        commit = self.stager.stage([delivery], {}).commit
        self.store.commit(commit)
        return commit

    def say(self, person: str, kind: Kind, purpose: str = "care", **options: Any) -> None:
        self.registry.consents.record(PILOT, person, purpose, kind, actor="test", **options)

    def seen(self, purpose: str, metric: str = "heart_rate") -> list[int]:
        store = ConsentedStore(self.store, self.registry.gate(), purpose, self.clock.now)
        query = SeriesQuery(DEVICE, metric, 0, 2**62)
        return store.samples(query).t_us.tolist()

    def counts(self) -> Counts:
        counts = self.store.counts()[EDGE]
        assert counts.balanced
        return counts

    def streams(self) -> dict[str, tuple[tuple[str, ...], bool]]:
        """Device → (streams, paused) of the policy that the edge would get now."""
        _, signed, _ = self.registry.policies.current(PILOT, birth(), self.registry.gate())
        policy = verify_policy(signed, [self.registry.key.private.public_key()])
        return {e.device: (e.streams, e.paused) for e in policy.entries}


@contextmanager
def _path(folder: Path) -> Iterator[DataPath]:
    store = EmbeddedStore(folder / "x.duckdb")
    store.open()
    with opened(folder) as (registry, clock):
        stager = Stager(Ledger(), set(), {EDGE: PILOT}.get, clock.now, registry.gate)
        yield DataPath(registry, clock, store, stager)
    store.close()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[DataPath]:
    with _path(tmp_path) as path:
        yield path


def _hr(seq: int, wall_us: int) -> Frame:
    return hr_frame(seq, wall_us=wall_us)


def test_agreed_is_kept_and_after_the_withdrawal_nothing_is_late_or_not(path: DataPath) -> None:
    person = wearing(path.registry, "care")
    path.clock.us += 10 * S
    path.take(_hr(1, NOW_US + 5 * S))
    assert path.counts() == Counts(accepted=1, stored=1)
    path.say(person, Kind.WITHDRAWN)
    path.clock.us += 60 * S
    commit = path.take(_hr(2, NOW_US + 6 * S), _hr(3, NOW_US + 65 * S))
    assert commit.readings == commit.quarantined == ()
    assert path.store.refused() == (Refused(EDGE, DEVICE, "withdrawn", 2),)
    assert path.counts() == Counts(accepted=3, stored=1, quarantined=2)
    # They are settled: the edge may let them go, and sending them again changes nothing.
    assert path.stager.ledger.watermark((EDGE, NAME, 7)).upto == 3
    path.take(_hr(2, NOW_US + 6 * S))
    assert path.counts() == Counts(accepted=4, stored=1, duplicates=1, quarantined=2)
    path.store.compact()
    assert path.store.refused() == (Refused(EDGE, DEVICE, "withdrawn", 2),)


def test_a_pause_refuses_its_own_time_only(path: DataPath) -> None:
    person = wearing(path.registry, "care")
    path.clock.us = NOW_US + 10 * S
    path.say(person, Kind.PAUSED)
    path.clock.us = NOW_US + 20 * S
    path.say(person, Kind.RESUMED)
    path.clock.us = NOW_US + 30 * S
    path.take(_hr(1, NOW_US + 9 * S), _hr(2, NOW_US + 10 * S), _hr(3, NOW_US + 20 * S))
    assert path.store.refused() == (Refused(EDGE, DEVICE, "paused", 1),)
    assert path.seen("care") == [NOW_US + 9 * S, NOW_US + 20 * S]


def test_a_reading_is_of_who_wore_the_device_when_it_was_made(path: DataPath) -> None:
    first = wearing(path.registry, "care")
    lending, people = path.registry.lending, path.registry.people
    path.clock.us = NOW_US + 100 * S
    lending.give_back(DEVICE, actor="test")
    for kind in ("cleaned", "charged"):
        lending.care(DEVICE, kind, actor="test")
    second = people.invite(PILOT, actor="test")[0].person
    path.clock.us = NOW_US + 200 * S
    lending.lend(DEVICE, PILOT, second, actor="test")
    path.say(second, Kind.GIVEN)
    path.clock.us = NOW_US + 300 * S
    # An edge that was offline sends all of it at once, the newest first.
    commit = path.take(_hr(3, NOW_US + 250 * S), _hr(2, NOW_US + 150 * S), _hr(1, NOW_US + 50 * S))
    assert [r.person for r in commit.readings] == [second, first]
    assert commit.refused == (Refused(EDGE, DEVICE, "not-lent", 1),)
    path.say(first, Kind.WITHDRAWN)
    assert path.seen("care") == [NOW_US + 250 * S]


def test_what_is_not_on_the_list_is_stripped_or_refused(path: DataPath) -> None:
    wearing(path.registry, "care")
    hr = _hr(1, NOW_US)
    rest = dataclasses.replace(ecg_frame(2, wall_us=NOW_US), stream="ecg")
    both = dataclasses.replace(_hr(3, NOW_US), channels=(*hr.channels, *rest.channels[:1]))
    commit = path.take(hr, rest, both)
    assert [len(r.frame.channels) for r in commit.readings] == [2, 2]
    assert commit.refused == (Refused(EDGE, DEVICE, "not-collected", 1),)
    assert path.counts() == Counts(accepted=3, stored=2, quarantined=1)


def test_a_faulty_frame_of_a_person_who_withdrew_is_not_kept_in_quarantine(path: DataPath) -> None:
    person = wearing(path.registry, "care")
    path.take(hr_frame(1, 999, wall_us=NOW_US))
    path.say(person, Kind.WITHDRAWN)
    commit = path.take(hr_frame(2, 999, wall_us=NOW_US))
    assert commit.quarantined == ()
    assert path.counts() == Counts(accepted=2, quarantined=2)
    assert len(path.store.digests()) == 1


def test_one_purpose_is_withdrawn_and_the_other_goes_on(path: DataPath) -> None:
    person = wearing(path.registry, "care", "evaluation")
    path.take(_hr(1, NOW_US))
    assert path.seen("care") == path.seen("evaluation") == [NOW_US]
    path.say(person, Kind.WITHDRAWN, "evaluation")
    path.clock.us += S
    commit = path.take(_hr(2, NOW_US + 1))
    assert commit.readings[0].purposes == {"care"}
    assert path.seen("care") == [NOW_US, NOW_US + 1]
    with pytest.raises(UnknownSeriesError):
        path.seen("evaluation")
    event = reading_event(commit.readings[0])
    assert Client(None, None, "care").wants(event)
    assert not Client(None, None, "evaluation").wants(event)


def test_windows_join_what_a_pause_cut(path: DataPath) -> None:
    person = wearing(path.registry, "care")
    for seq, kind in ((1, Kind.PAUSED), (2, Kind.RESUMED)):
        path.take(_hr(seq, path.clock.us))
        path.clock.us += S
        path.say(person, kind)
    path.take(_hr(3, path.clock.us))
    store = ConsentedStore(path.store, path.registry.gate(), "care", path.clock.now)
    query = SeriesQuery(DEVICE, "heart_rate", NOW_US, NOW_US + 60 * S)
    found = store.windows(query, 60 * S)
    assert (found.t_us.tolist(), found.n.tolist()) == ([NOW_US], [2])
    assert found.mean.tolist() == [62.0]


def test_the_policy_follows_consent(path: DataPath) -> None:
    assert wearing(path.registry)
    person = path.registry.people.all()[0].person
    assert path.streams() == {"air-1": (("*",), False)}
    path.say(person, Kind.GIVEN)
    assert path.streams()["strap-1"] == (("hr",), False)
    path.say(person, Kind.PAUSED)
    assert path.streams()["strap-1"] == (("hr",), True)
    path.say(person, Kind.RESUMED)
    path.registry.lending.give_back(DEVICE, actor="test", to_us=NOW_US + 1)
    path.clock.us += S
    assert path.streams()["strap-1"] == (("hr",), True)
    path.say(person, Kind.WITHDRAWN)
    assert "strap-1" not in path.streams()


def test_a_policy_has_a_new_version_when_it_changes_and_is_confirmed(path: DataPath) -> None:
    person = wearing(path.registry, "care")
    policies, gate = path.registry.policies, path.registry.gate
    topic, first, new = policies.current(PILOT, birth(), gate())
    assert (topic, new) == (TOPICS.policy, True)
    path.clock.us += S
    assert policies.current(PILOT, birth(), gate()) == (topic, first, False)
    path.say(person, Kind.WITHDRAWN)
    assert policies.current(PILOT, birth(), gate())[2]
    policies.answered(CommandResult(EDGE, 2, "policy", "done", "", {"erased": 3}))
    (sent,) = policies.sent()
    assert (sent.version, sent.confirmed) == (2, 2)


def test_a_simulated_resident_has_agreed_in_so_many_words(path: DataPath) -> None:
    registry = path.registry
    registry.pilots.put(document(people="simulated", collect=(), dpia=""), actor="test")
    registry.observe(PILOT, birth())
    registry.observe(PILOT, birth())
    (participant,) = registry.people.all()
    assert participant.person == "p-7f3a"
    events = registry.consents.events(PILOT, "p-7f3a")
    assert {e.method for e in events} == {"simulated"}
    assert len(events) == 3
    commit = path.take(_hr(1, NOW_US - 10**14))
    assert commit.readings[0].person == "p-7f3a"
    path.say("p-7f3a", Kind.WITHDRAWN)
    path.say("p-7f3a", Kind.WITHDRAWN, "evaluation")
    path.say("p-7f3a", Kind.WITHDRAWN, "open_data")
    registry.observe(PILOT, birth())
    assert path.take(_hr(2, NOW_US)).refused == (Refused(EDGE, DEVICE, "withdrawn", 1),)


LOANS = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 30), st.sampled_from(["p-1", "p-2"])), max_size=6
)


@settings(max_examples=50, deadline=None)
@given(LOANS, st.integers(0, 300))
def test_a_device_has_one_wearer_or_none_at_any_time(
    parts: list[tuple[int, int, str]], t_us: int
) -> None:
    loans, at = [], 0
    for gap, length, person in parts:
        loans.append(Loan(DEVICE, PILOT, person, at + gap, at + gap + length))
        at += gap + length
    gate = Gate({PILOT: Rules({"care": None})}, {DEVICE: loans})
    inside = [loan.person for loan in loans if loan.from_us <= t_us < loan.to_us]
    assert gate.person(DEVICE, t_us) == (inside[0] if inside else None)


@settings(max_examples=60, deadline=None)
@given(LOANS, st.lists(st.integers(-5, 320), min_size=1, max_size=12), st.integers(0, 200))
def test_what_is_remembered_is_what_would_be_worked_out(
    parts: list[tuple[int, int, str]], times: list[int], pause_us: int
) -> None:
    loans, at = [], 0
    for gap, length, person in parts:
        loans.append(Loan(DEVICE, PILOT, person, at + gap, at + gap + length))
        at += gap + length
    given_ = ConsentEvent(PILOT, "p-1", "care", Kind.GIVEN, 10, 10, 250)
    state = replay(
        [given_, dataclasses.replace(given_, kind=Kind.PAUSED, effective_us=10 + pause_us)]
    )
    consents = {(PILOT, "p-1"): {"care": state}, (PILOT, "p-2"): {"care": replay([given_])}}
    gate = Gate({PILOT: Rules({"care": None})}, {DEVICE: loans}, consents)
    metrics = frozenset({"heart_rate"})
    for t_us in times:
        fresh = dataclasses.replace(gate)
        expected = fresh.decide(PILOT, DEVICE, metrics, t_us=t_us, now_us=400)
        assert gate.decide(PILOT, DEVICE, metrics, t_us=t_us, now_us=400) == expected
