"""The writer against a failing store: what is acknowledged when, without a broker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    PILOT,
    T0_US,
    birth,
    ecg_frame,
    hr_frame,
    payload,
    state,
    wait_for,
)
from store_conformance import span
from vointi_contract.ack import decode_ack
from vointi_contract.frame import Loss
from vointi_contract.topics import EdgeTopics
from vointi_gateway.courier import Courier
from vointi_gateway.errors import StoreError, UnstorableError
from vointi_gateway.fleet import Fleet
from vointi_gateway.ingest.inbox import Inbox
from vointi_gateway.ingest.stage import Delivery
from vointi_gateway.ingest.writer import Writer
from vointi_gateway.leasing import Leasing
from vointi_gateway.live import Event, LiveHub
from vointi_gateway.pilots.registry import Registry
from vointi_gateway.settings import IngestSettings, PilotSettings
from vointi_gateway.steward import Steward
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import Commit

TOPICS = EdgeTopics(PILOT, EDGE)


class _Session:
    def __init__(self) -> None:
        self.acked: list[int] = []
        self.sent: list[tuple[str, bytes]] = []
        self.fresh = True

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self.acked += [delivery.mid for delivery in deliveries]

    def publish(self, topic: str, data: bytes) -> bool:
        self.sent.append((topic, data))
        return True

    def take_fresh(self) -> bool:
        fresh, self.fresh = self.fresh, False
        return fresh


def _everything(_edge: str) -> bool:
    return True


def _steward(registry: Registry, fleet: Fleet) -> Steward:
    leasing = Leasing(registry.leases, fleet, _everything)
    courier = Courier(registry, fleet, _everything)
    return Steward(registry, fleet, _everything, leasing, courier)


class _Failing(EmbeddedStore):
    """Refuses the first `failures` commits; `after` fails after the commit was durable."""

    failures = 0
    after = False
    unstorable_seq: int | None = None
    commits = 0

    def commit(self, commit: Commit) -> None:
        self.commits += 1
        if any(r.frame.seq == self.unstorable_seq for r in commit.readings):
            raise UnstorableError("the store cannot hold a value: test")
        if self.failures:
            self.failures -= 1
            if self.after:
                super().commit(commit)
            raise StoreError("disk full")
        super().commit(commit)


class _Pages(LiveHub):
    """Remembers what open pages would be shown."""

    listening = True

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[int] = []

    def push(self, events: Iterable[Event]) -> None:
        self.shown += [json.loads(e.data)["seq"] for e in events if e.name == "reading"]


class _Bench:
    def __init__(self, path: Path) -> None:
        self.pages = _Pages()
        self.store = _Failing(path)
        self.store.open()
        self.inbox = Inbox(1000, 1e9, 10**9)
        self.session = _Session()
        self.registry = Registry(path.parent / "data", lambda: T0_US)
        self.registry.open()
        pilot = PilotSettings(PILOT, "A", "home", edges=(EDGE,), people="simulated")
        self.registry.seed([pilot])
        self.fleet = Fleet(())
        self.writer = Writer(
            store=self.store,
            inbox=self.inbox,
            session=self.session,
            fleet=self.fleet,
            hub=self.pages,
            agreements=_steward(self.registry, self.fleet),
            settings=IngestSettings(),
            wall_us=lambda: T0_US,
        )
        self.mid = 0

    def put(self, data: bytes, topic: str = TOPICS.live(DEVICE)) -> int:
        self.mid += 1
        self.inbox.put(Delivery(topic, data, self.mid, 1, 1, False, T0_US), "live", 60)
        return self.mid

    def total(self) -> tuple[int, int, int, int, int]:
        c = self.writer.counts[EDGE]
        assert c.balanced
        return (c.accepted, c.stored, c.duplicates, c.quarantined, c.lost)

    def mark(self) -> int:
        marks = [decode_ack(data)[0] for topic, data in self.session.sent if topic == TOPICS.ack]
        return marks[-1].upto if marks else 0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[_Bench]:
    bench = _Bench(tmp_path / "w.duckdb")
    yield bench
    bench.writer.stop()
    bench.store.close()
    bench.registry.close()


def test_acknowledged_after_the_commit_and_marked_soon(bench: _Bench) -> None:
    bench.put(payload(ecg_frame(1), losses=(Loss(DEVICE, 7, 2, 3, "full"),)))
    bench.put(b"\x01junk")
    bench.writer.start()
    wait_for(lambda: len(bench.session.acked) == 2)
    assert bench.total() == (4, 1, 0, 1, 2)
    wait_for(lambda: bench.mark() == 3, timeout_s=2)


@pytest.mark.parametrize("after", [False, True])
def test_a_refusing_store_delays_and_loses_nothing(bench: _Bench, after: bool) -> None:
    bench.store.failures, bench.store.after = 2, after
    bench.put(payload(ecg_frame(1)))
    bench.put(payload(ecg_frame(2)))
    bench.writer.start()
    wait_for(lambda: not bench.writer.store_ok)
    wait_for(lambda: len(bench.session.acked) == 2)
    assert bench.writer.store_ok
    assert sorted(bench.store.samples(span("ecg")).seq.tolist()) == [1] * 73 + [2] * 73
    accepted, stored, duplicates, *_ = bench.total()
    assert stored == 2
    assert accepted == stored + duplicates


def test_stopped_while_the_store_refuses_acknowledges_nothing(bench: _Bench) -> None:
    bench.store.failures = 10_000
    bench.put(payload(ecg_frame(1)))
    bench.writer.start()
    wait_for(lambda: not bench.writer.store_ok)
    bench.writer.stop()
    assert bench.session.acked == []


def test_what_no_store_can_hold_is_isolated(bench: _Bench) -> None:
    bench.store.unstorable_seq = 2
    for seq in (1, 2, 3):
        bench.put(payload(ecg_frame(seq)))
    bench.writer.start()
    wait_for(lambda: sorted(bench.session.acked) == [1, 2, 3])
    assert bench.total() == (3, 2, 0, 1, 0)
    assert set(bench.store.samples(span("ecg")).seq.tolist()) == {1, 3}


def test_births_and_states_reach_the_fleet_and_survive(bench: _Bench, tmp_path: Path) -> None:
    bench.put(birth().to_json(), TOPICS.meta)
    bench.put(state().to_json(), TOPICS.state)
    bench.put(b"{}", TOPICS.state)
    bench.put(state("edge-2").to_json(), TOPICS.state)
    bench.put(b"{}", EdgeTopics("pilot-b", EDGE).state)
    bench.writer.start()
    wait_for(lambda: len(bench.session.acked) == 5)
    view = bench.fleet.edge(EDGE)
    assert view is not None
    assert view.online
    assert bench.fleet.person_of(EDGE, DEVICE) == "p-7f3a"
    bench.put(state(online=False).to_json(), TOPICS.state)
    wait_for(lambda: not bench.fleet.edge(EDGE).online)
    assert bench.fleet.edge(EDGE).status.outbox.accepted == 3
    bench.writer.stop()
    bench.store.close()
    again = _Bench(tmp_path / "w.duckdb")
    assert [d.device for d in again.fleet.edge(EDGE).devices] == [DEVICE]
    again.store.close()
    again.registry.close()


def test_a_birth_that_the_registry_has_no_room_for_is_written_down_once_it_has(
    bench: _Bench, caplog: pytest.LogCaptureFixture
) -> None:
    said = birth()
    names = [f"strap-{number}-{'x' * 40}" for number in range(60)]
    devices = tuple(replace(said.devices[0], device=name, person=None) for name in names)
    bench.registry.database.rows("PRAGMA max_page_count = 1")  # no more than it has
    bench.put(replace(said, devices=devices).to_json(), TOPICS.meta)
    bench.put(payload(hr_frame(1)))
    bench.writer.start()
    wait_for(lambda: not bench.writer.store_ok, timeout_s=60)
    assert bench.session.acked == []
    assert "disk is full; make room on its disk" in caplog.text
    bench.registry.database.rows("PRAGMA max_page_count = 1000000")
    wait_for(lambda: len(bench.session.acked) == 2, timeout_s=60)
    assert bench.writer.store_ok
    assert len(bench.registry.lending.devices()) == len(names)
    assert bench.total() == (1, 1, 0, 0, 0)


def test_a_duplicate_is_marked_again(bench: _Bench) -> None:
    bench.put(payload(hr_frame(1)))
    bench.writer.start()
    wait_for(lambda: bench.mark() == 1)
    sent = len(bench.session.sent)
    bench.put(payload(hr_frame(1)))
    wait_for(lambda: len(bench.session.sent) > sent)
    assert bench.total() == (2, 1, 1, 0, 0)


def test_pages_are_shown_what_is_recent_and_read_the_rest_from_the_series(bench: _Bench) -> None:
    old, unset = hr_frame(1, wall_us=T0_US - 61_000_000), hr_frame(2, wall_us=None)
    bench.put(payload(old, unset, hr_frame(3, wall_us=T0_US - 1_000_000)))
    bench.writer.start()
    wait_for(lambda: bench.session.acked)
    assert bench.total() == (3, 3, 0, 0, 0)
    wait_for(lambda: bench.pages.shown)
    assert bench.pages.shown == [2, 3]


def test_a_group_too_large_for_one_transaction_takes_several(
    bench: _Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vointi_gateway.ingest.stage.MAX_SAMPLES", 73)
    wanted = [bench.put(birth().to_json(), TOPICS.meta)]
    wanted += [bench.put(payload(ecg_frame(seq))) for seq in range(1, 6)]
    bench.writer.start()
    wait_for(lambda: sorted(bench.session.acked) == sorted(wanted), 60)
    assert bench.total() == (5, 5, 0, 0, 0)
    assert bench.store.commits >= 5
