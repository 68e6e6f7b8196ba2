"""Erasing a person: no row, no byte, no way back; and nothing of anybody else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from gateway_kit import hr_frame, payload
from registry_kit import DEVICE, EDGE, NOW_US, PILOT, Clock, birth, document, opened, wearing
from vointi_contract.command import CommandResult
from vointi_contract.policy import verify_policy
from vointi_contract.signing import read_public_keys
from vointi_contract.topics import EdgeTopics
from vointi_gateway.errors import RegistryError, UnknownRecordError
from vointi_gateway.ingest.ledger import Ledger
from vointi_gateway.ingest.stage import Delivery, Stager
from vointi_gateway.pilots import audit
from vointi_gateway.pilots.consent.state import Kind
from vointi_gateway.pilots.erasure import Erasures
from vointi_gateway.pilots.registry import Registry
from vointi_gateway.pilots.scan import scan
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import Counts, ErasedRows, ExportMark, SeriesQuery, WornSpan

S = 1_000_000
NAME, CONTACT = b"Maija Esimerkki", b"maija@example.org"


@dataclass
class House:
    """A registry and a store in one folder, and copies that can be out of reach."""

    registry: Registry
    clock: Clock
    store: EmbeddedStore
    stager: Stager
    reachable: bool = True
    copies: list[str] = field(default_factory=list)

    def take(self, *frames: object) -> None:
        delivery = Delivery(
            EdgeTopics(PILOT, EDGE).live("strap-1"), payload(*frames), 1, 1, 1, False, self.clock.us
        )
        self.store.commit(self.stager.stage([delivery], {}).commit)

    def erase_store(self, spans: Sequence[WornSpan]) -> ErasedRows:
        return self.store.erase(spans)

    def erase_copies(self, person: str) -> str:
        self.copies.append(person)
        return "done" if self.reachable else "InfluxDB does not answer"

    @property
    def erasures(self) -> Erasures:
        return Erasures(self.registry, self.clock.now)

    def times(self) -> list[int]:
        return self.store.samples(SeriesQuery(DEVICE, "heart_rate", 0, 2**62)).t_us.tolist()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path) as (registry, clock):
        store = EmbeddedStore(tmp_path / "data" / "vointi.duckdb")
        store.open()
        stager = Stager(Ledger(), set(), {EDGE: PILOT}.get, clock.now, registry.gate)
        yield House(registry, clock, store, stager)
        store.close()


def _two_people(house: House) -> tuple[str, str]:
    """Two wearers of one strap, each with readings; the first with a faulty one, too."""
    first = wearing(house.registry, "care")
    house.take(hr_frame(1, wall_us=NOW_US), hr_frame(2, 999, wall_us=NOW_US + 1))
    house.clock.us += 10 * S
    house.registry.lending.give_back(DEVICE, actor="test")
    for kind in ("cleaned", "charged"):
        house.registry.lending.care(DEVICE, kind, actor="test")
    second = house.registry.people.invite(PILOT, actor="test", name="Toinen")[0].person
    house.registry.lending.lend(DEVICE, PILOT, second, actor="test")
    house.registry.consents.record(PILOT, second, "care", Kind.GIVEN, actor="test")
    house.clock.us += 10 * S
    house.take(hr_frame(3, wall_us=house.clock.us), hr_frame(4, 999, wall_us=house.clock.us))
    return first, second


def test_nothing_of_the_person_is_left_and_all_of_the_others(house: House) -> None:
    first, second = _two_people(house)
    exports = house.registry.folder / "exports" / PILOT / first
    exports.mkdir(parents=True)
    (exports / "data.csv").write_text(first)
    house.store.save_export_mark("influx", ExportMark(-1, 1))
    asked = house.erasures.request(PILOT, first, "care desk")
    done = house.erasures.carry_out(asked, house)
    assert done.state == "done"
    receipt = done.receipt
    assert receipt["rows"] == {
        "segments": 0,
        "scalars": 3,
        "quarantined": 1,
        "summaries": 2,
    }
    assert (receipt["exports"], receipt["copies"], receipt["edges_told"]) == (1, "done", [EDGE])
    assert receipt["residual_bytes_found_in"] == []
    assert scan(house.registry.folder, [first.encode(), NAME, CONTACT]) == []
    assert house.times() == [NOW_US + 20 * S]
    assert len(house.store.digests()) == 1
    assert [p.person for p in house.registry.people.all()] == [second]
    assert house.registry.people.resident(PILOT, first) is None
    # Counts stay, and what a copy has not yet got is where it was.
    assert house.store.counts()[EDGE] == Counts(accepted=4, stored=2, quarantined=2)
    assert house.store.export_mark("influx") == ExportMark(-1, -1)
    _check_signature(receipt)
    (key,) = read_public_keys(house.registry.key.public_text)
    audit.verify(house.registry.audit.path, key)


def _check_signature(receipt: dict[str, object]) -> None:
    said = dict(receipt)
    signature, public = bytes.fromhex(str(said.pop("signature"))), str(said.pop("key"))
    key: Ed25519PublicKey
    (key,) = read_public_keys(public)
    key.verify(signature, json.dumps(said, sort_keys=True).encode())


def test_an_edge_confirms_that_it_keeps_nothing_of_the_person(house: House) -> None:
    person = wearing(house.registry, "care")
    policies, gate = house.registry.policies, house.registry.gate
    policies.current(PILOT, birth(), gate())
    policies.answered(CommandResult(EDGE, 1, "policy", "done", "", {}))
    house.clock.us += S
    asked = house.erasures.request(PILOT, person, "care desk")
    done = house.erasures.carry_out(asked, house)
    assert house.erasures.edges(done) == {EDGE: False}, "what it confirmed was the policy before"
    _, signed, new = policies.current(PILOT, birth(), gate())
    assert new, "without the person"
    policy = verify_policy(signed, (house.registry.key.private.public_key(),))
    assert policy.forgets(person), "an edge that is still told the name leaves it out"
    assert not policy.forgets("p-other")
    assert person.encode() not in signed
    assert house.erasures.edges(done) == {EDGE: False}
    policies.answered(CommandResult(EDGE, 2, "policy", "done", "", {"erased": 3}))
    assert house.erasures.edges(done) == {EDGE: True}


def test_the_scan_can_fail(house: House) -> None:
    first, _ = _two_people(house)
    (house.registry.folder / "forgotten.txt").write_bytes(b"x" * (1 << 20) + NAME)
    asked = house.erasures.request(PILOT, first, "care desk")
    done = house.erasures.carry_out(asked, house)
    assert (done.state, done.receipt["residual_bytes_found_in"]) == ("residue", ["forgotten.txt"])


def test_from_the_wish_on_nothing_comes_in_or_is_shown(house: House) -> None:
    first, second = _two_people(house)
    house.erasures.request(PILOT, second, "care desk")
    house.take(hr_frame(5, wall_us=house.clock.us))
    (refused,) = house.store.refused()
    assert refused.reason == "no-consent"
    gate = house.registry.gate()
    assert [a for a, _ in gate.spans(DEVICE, "care", "heart_rate", house.clock.us)] == [NOW_US]
    house.erasures.carry_out(house.erasures.open()[0], house)
    house.take(hr_frame(6, wall_us=house.clock.us))
    assert {r.reason for r in house.store.refused()} == {"no-consent", "not-lent"}
    assert "strap-1" not in {
        e["device"] for e in json.loads(_body(house.registry))["entries"] if not e["paused"]
    }
    assert house.registry.people.find(PILOT, first) is not None


def _body(registry: Registry) -> str:
    registry.policies.current(PILOT, birth(), registry.gate())
    row = registry.database.row("SELECT body FROM policy")
    return str(row["body"])


def test_copies_out_of_reach_are_erased_when_they_are_back(house: House) -> None:
    first, _ = _two_people(house)
    house.reachable = False
    asked = house.erasures.request(PILOT, first, "care desk")
    waiting = house.erasures.carry_out(asked, house)
    assert waiting.state == "waiting"
    assert house.registry.people.find(PILOT, first) is not None
    assert first in (house.registry.folder / "erased.jsonl").read_text()
    house.reachable = True
    done = house.erasures.carry_out(waiting, house)
    assert (done.state, done.receipt["rows"]["scalars"]) == ("done", 3)
    assert house.erasures.open() == ()


def test_who_comes_back_with_a_backup_is_erased_again(house: House, tmp_path: Path) -> None:
    first, _ = _two_people(house)
    registry = house.registry
    for database in (registry.database, registry.vault):
        database.copy_to(tmp_path / database.path.name)
    house.erasures.carry_out(house.erasures.request(PILOT, first, "care desk"), house)
    registry.close()
    for database in (registry.database, registry.vault):
        for tail in ("-wal", "-shm"):
            database.path.with_name(database.path.name + tail).unlink(missing_ok=True)
        (tmp_path / database.path.name).replace(database.path)
    registry.open()
    assert registry.people.find(PILOT, first) is not None
    assert house.erasures.again() == 1
    assert house.erasures.again() == 1
    (asked,) = house.erasures.open()
    assert house.erasures.carry_out(asked, house).state == "done"
    assert scan(registry.folder, [first.encode(), NAME, CONTACT]) == []


def test_a_simulated_resident_does_not_come_back_with_the_next_birth(house: House) -> None:
    registry = house.registry
    registry.pilots.put(document(people="simulated", collect=(), dpia=""), actor="test")
    registry.observe(PILOT, birth())
    house.take(hr_frame(1, wall_us=NOW_US))
    house.erasures.carry_out(house.erasures.request(PILOT, "p-7f3a", "test"), house)
    registry.observe(PILOT, birth())
    assert registry.people.all() == ()
    house.take(hr_frame(2, wall_us=NOW_US))
    assert house.times() == []


def test_a_wish_for_nobody_is_refused(house: House) -> None:
    wearing(house.registry)
    with pytest.raises(UnknownRecordError, match="person: pilot-a has no p-none"):
        house.erasures.request(PILOT, "p-none", "test")
    with pytest.raises(RegistryError, match="erasure: e1 is not known"):
        house.erasures.get("e1")


def test_the_files_of_a_database_beside_are_looked_into(house: House, tmp_path: Path) -> None:
    first, _second = _two_people(house)
    beside = {"influxdb": tmp_path / "server", "archive": None}
    (tmp_path / "server" / "wal").mkdir(parents=True)
    (tmp_path / "server" / "wal" / "_1.wal").write_text(f"subject={first}")
    erasures = Erasures(house.registry, house.clock.now, beside)
    done = erasures.carry_out(erasures.request(PILOT, first, "test"), house)
    assert done.state == "residue"
    assert done.receipt["residual_bytes_found_in"] == ["influxdb/wal/_1.wal"]
    assert done.receipt["looked_in"] == {"influxdb": True, "archive": False}
    assert "when it next compacts them" in done.receipt["remains"]
