"""What was quarantined is tried again: once it is right it is stored, once, and the counts hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from gateway_kit import DEVICE, EDGE, PILOT, T0_US, channel, ecg_frame, hr_frame, payload
from hypothesis import given, settings
from hypothesis import strategies as st
from store_conformance import span
from vointi_contract.topics import EdgeTopics
from vointi_gateway.cli import main
from vointi_gateway.errors import UnknownRecordError
from vointi_gateway.ingest import validate
from vointi_gateway.ingest.ledger import Ledger
from vointi_gateway.ingest.replay import Replay, Replayed
from vointi_gateway.ingest.stage import Delivery, Stager
from vointi_gateway.pilots.audit import AuditLog
from vointi_gateway.pilots.gate import Gate, Rules
from vointi_gateway.pilots.keys import SigningKey
from vointi_gateway.quarantine import QuarantineRoom
from vointi_gateway.second_look import SecondLook
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import Counts

LIVE = EdgeTopics(PILOT, EDGE).live(DEVICE)
OPEN = Gate({PILOT: Rules({"care": None}, simulated=True)})


@dataclass
class Bench:
    """A store, and what ingest and an operator do to it."""

    store: EmbeddedStore
    audit: AuditLog
    pilots: dict[str, str]
    gate: Gate = OPEN

    def take(self, *data: bytes, topic: str = LIVE) -> None:
        ledger = Ledger.from_receipts(self.store.receipts())
        stager = self._stager(ledger)
        deliveries = [Delivery(topic, d, 1, 1, 1, False, T0_US) for d in data]
        self.store.commit(stager.stage(deliveries, {}).commit)

    def _stager(self, ledger: Ledger) -> Stager:
        digests = self.store.digests()
        return Stager(ledger, digests, self.pilots.get, lambda: T0_US, lambda: self.gate)

    @property
    def room(self) -> QuarantineRoom:
        replay = Replay(self.pilots.get, lambda: self.gate, lambda: T0_US)
        return QuarantineRoom(self.store, lambda work: work(self.store), replay, self.audit)

    def replay(self, *ids: str) -> dict[str, int]:
        found = self.room.replay(ids, actor="test")
        return {name: n for name, n in found.items() if n}

    def counts(self) -> Counts:
        counts = sum(self.store.counts().values(), Counts())
        assert counts.balanced
        return counts

    def stored(self, metric: str = "heart_rate") -> list[int]:
        return sorted(self.store.samples(span(metric)).seq.tolist())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    key = SigningKey(tmp_path / "keys")
    key.open()
    store = EmbeddedStore(tmp_path / "q.duckdb")
    store.open()
    yield Bench(store, AuditLog(tmp_path / "audit.log", key, lambda: T0_US), {EDGE: PILOT})
    store.close()


def _widen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping is added: what was outside the range is within it now."""
    monkeypatch.setattr(validate, "_check_channels", lambda _frame: None)


def test_a_reading_that_has_become_right_is_stored_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.take(payload(hr_frame(1), hr_frame(2, bpm=999), hr_frame(3)))
    assert bench.counts() == Counts(accepted=3, stored=2, quarantined=1)
    assert bench.replay() == {"still_wrong": 1}
    assert bench.counts() == Counts(accepted=3, stored=2, quarantined=1)
    _widen(monkeypatch)
    (row,) = bench.room.rows()
    assert (row["field"], row["edge"]) == ("heart_rate", EDGE)
    assert bench.replay(row["id"]) == {"stored": 1}
    assert bench.counts() == Counts(accepted=3, stored=3)
    assert bench.stored() == [1, 2, 3]
    assert bench.room.rows() == []
    # Its edge sends it again: it is there.
    bench.take(payload(hr_frame(2, bpm=999)))
    assert bench.counts() == Counts(accepted=4, stored=3, duplicates=1)


def test_a_pilot_that_is_added_lets_its_edge_in(bench: Bench) -> None:
    bench.pilots.clear()
    bench.take(payload(hr_frame(1), hr_frame(2)), payload(hr_frame(3)))
    assert bench.counts() == Counts(accepted=2, quarantined=2)
    bench.pilots[EDGE] = PILOT
    # Meanwhile the edge has sent one of them again.
    bench.take(payload(hr_frame(3)))
    assert bench.replay() == {"stored": 2, "duplicates": 1}
    assert bench.counts() == Counts(accepted=4, stored=3, duplicates=1)
    assert bench.stored() == [1, 2, 3]


def test_a_bundle_that_is_half_right_leaves_its_other_half(bench: Bench) -> None:
    bench.pilots.clear()
    bench.take(payload(hr_frame(1), hr_frame(2, bpm=999)))
    bench.pilots[EDGE] = PILOT
    assert bench.replay() == {"stored": 1, "still_wrong": 1}
    assert bench.counts() == Counts(accepted=2, stored=1, quarantined=1)
    (row,) = bench.room.rows()
    assert row["field"] == "heart_rate"


def test_what_is_not_agreed_to_by_now_leaves_without_a_trace(bench: Bench) -> None:
    bench.take(payload(hr_frame(1, bpm=999)))
    bench.gate = Gate({PILOT: Rules({"care": None})})
    assert bench.replay() == {"refused": 1}
    assert bench.counts() == Counts(accepted=1, quarantined=1)
    assert bench.store.quarantined() == ()
    assert sum(r.n for r in bench.store.refused()) == 1


def test_poison_stays_and_may_be_dropped_and_stays_counted(bench: Bench) -> None:
    bench.take(b"\x01junk", b"\x01other")
    assert bench.replay() == {"still_wrong": 2}
    (first, _second) = bench.room.rows()
    assert bench.room.row(first["id"])["payload"] in (b"\x01junk".hex(), b"\x01other".hex())
    assert bench.room.drop([first["id"]], actor="test") == {"dropped": 1}
    assert len(bench.room.rows()) == 1
    assert bench.counts() == Counts(accepted=2, quarantined=2)
    with pytest.raises(UnknownRecordError, match="not in quarantine"):
        bench.room.drop([first["id"]], actor="test")
    kinds = [row.kind for row in bench.audit.rows()]
    assert kinds == ["quarantine-replayed", "quarantine-dropped"]
    assert "junk" not in json.dumps([row.facts for row in bench.audit.rows()])


def test_a_metric_that_a_newer_firmware_sends_waits_for_its_code(bench: Bench) -> None:
    strange = replace(channel("ecg", [1]), metric=999)
    bench.take(payload(ecg_frame(1, channels=(strange,))))
    (row,) = bench.room.rows()
    assert row["field"] == "metric"
    assert bench.replay() == {"still_wrong": 1}


_STEP = st.one_of(
    st.tuples(st.just("good"), st.integers(1, 5)),
    st.tuples(st.just("odd"), st.integers(1, 5)),
    st.tuples(st.just("away"), st.integers(1, 5)),
    st.tuples(st.just("replay"), st.just(0)),
)


@settings(max_examples=6, deadline=None)
@given(steps=st.lists(_STEP, max_size=8))
def test_whatever_is_tried_when_each_reading_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("q")
    key = SigningKey(folder / "keys")
    key.open()
    store = EmbeddedStore(folder / "q.duckdb")
    store.open()
    bench = Bench(store, AuditLog(folder / "audit.log", key, lambda: T0_US), {EDGE: PILOT})
    seen: set[int] = set()
    for what, seq in [*steps, ("replay", 0)]:
        if what == "replay":
            with pytest.MonkeyPatch.context() as patch:
                _widen(patch)
                bench.replay()
            continue
        bench.pilots = {} if what == "away" else {EDGE: PILOT}
        bench.take(payload(hr_frame(seq, bpm=999 if what == "odd" else 60)))
        bench.pilots = {EDGE: PILOT}
        seen.add(seq)
        bench.counts()
    if seen:
        assert bench.stored() == sorted(seen)
    assert bench.counts().stored == len(seen)
    assert bench.counts().quarantined == 0
    store.close()


def test_the_commands_as_an_operator_types_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'data_dir = "{tmp_path}"\n[[pilot]]\nid = "{PILOT}"\nname = "A"\nkind = "home"\n'
        f'people = "simulated"\nedges = ["{EDGE}"]\n'
    )
    store = EmbeddedStore(tmp_path / "vointi.duckdb")
    store.open()
    stager = Stager(Ledger(), set(), {}.get, lambda: T0_US, lambda: OPEN)
    for data in (payload(hr_frame(1)), b"\x01junk"):
        store.commit(stager.stage([Delivery(LIVE, data, 1, 1, 1, False, T0_US)], {}).commit)
    store.close()

    def run(*words: str, code: int = 0) -> Any:
        with pytest.raises(SystemExit) as caught:
            main(["quarantine", *words, "--config", str(config), "--json"])
        out, err = capsys.readouterr()
        assert caught.value.code == code, err
        return json.loads(out) if code < 2 else err

    rows = run("list")
    assert {row["field"] for row in rows} == {"edge"}
    assert run("show", rows[0]["id"])["id"] == rows[0]["id"]
    result = run("replay", code=1)
    assert (result["still_wrong"], result["stored"] + result["refused"]) == (1, 1)
    (left,) = run("list")
    assert "--yes" in run("drop", left["id"], code=2)
    assert run("drop", left["id"], "--yes") == {"dropped": 1}
    assert run("list") == []
    assert "not in quarantine" in run("show", left["id"], code=2)


def test_a_new_version_tries_everything_again_once(bench: Bench, tmp_path: Path) -> None:
    """What another schema was for the one before may be known to the next."""
    bench.pilots = {}
    bench.take(payload(hr_frame(1)))
    bench.pilots = {EDGE: PILOT}
    (tmp_path / "looked").write_text("1.0\n")
    SecondLook(tmp_path / "looked", "1.0", bench.room)()
    assert bench.counts().quarantined == 1
    look = SecondLook(tmp_path / "looked", "1.1", bench.room)
    look()
    assert bench.counts() == Counts(accepted=1, stored=1)
    bench.pilots = {}
    bench.take(payload(hr_frame(2)))
    bench.pilots = {EDGE: PILOT}
    look()
    SecondLook(tmp_path / "looked", "1.1", bench.room)()
    assert bench.counts().quarantined == 1


def test_nothing_in_quarantine_is_nothing_to_do(bench: Bench) -> None:
    assert Replay(bench.pilots.get, lambda: OPEN, lambda: T0_US)(bench.store, []) == Replayed()
