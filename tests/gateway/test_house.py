"""What the gateway does each minute and each night, with a real store and a clock of our own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gateway_kit import ecg_frame, hr_frame
from registry_kit import DEVICE, NOW_US, PILOT, Clock, document, opened, wearing
from store_conformance import commit_of
from vointi_gateway.chores import Chores
from vointi_gateway.errors import StoreError
from vointi_gateway.house import RETRY_S, SUMMARISE_S, House
from vointi_gateway.ingest.replay import Replayed
from vointi_gateway.pilots.access import export_person
from vointi_gateway.pilots.backup import backup, check
from vointi_gateway.pilots.document import Retention
from vointi_gateway.pilots.exports import KEEP_DAYS, sweep
from vointi_gateway.pilots.registry import Registry
from vointi_gateway.pilots.scan import scan
from vointi_gateway.quarantine import QuarantineRoom
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import ErasedRows, SeriesQuery, WornSpan
from vointi_gateway.store.port import Store

DAY = 86_400_000_000
HOT = 2
RETENTION = Retention(waveform_days=3, scalar_days=5, event_days=5, summary_days=8)


@dataclass
class Home:
    """A registry, a store beside it, and who looks after them."""

    registry: Registry
    clock: Clock
    store: EmbeddedStore
    seconds: float = 0.0

    def alone(self, work: Callable[[Store], Any]) -> Any:
        return work(self.store)

    def house(self) -> House:
        return House(
            store=self.store,
            registry=self.registry,
            alone=self.alone,
            hot_days=HOT,
            clock_s=lambda: self.seconds,
        )

    def room(self) -> QuarantineRoom:
        """A quarantine from which nothing is tried again here."""

        def replay(_store: object, _rows: object) -> Replayed:
            raise AssertionError("nothing is tried again at night")

        return QuarantineRoom(self.store, self.alone, replay, self.registry.audit)

    def chores(self) -> Chores:
        return Chores(
            registry=self.registry,
            store=self.store,
            in_turn=self.alone,
            erase_copies=lambda _: "none",
            quarantine=self.room(),
            house=self.house(),
        )

    def take(self, seq: int) -> None:
        frames = (ecg_frame(seq, wall_us=self.clock.us), hr_frame(seq + 1, wall_us=self.clock.us))
        self.store.commit(commit_of(*frames))

    def count(self, metric: str) -> int:
        return len(self.store.samples(SeriesQuery(DEVICE, metric, 0, 2**62)).t_us)

    def kinds(self) -> dict[str, int]:
        names = [p.name.split("-")[0] for p in (self.registry.folder / "lake").rglob("*.parquet")]
        return {kind: names.count(kind) for kind in sorted(set(names))}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with opened(tmp_path) as (registry, clock):
        registry.pilots.put(document(retention=RETENTION), actor="test")
        store = EmbeddedStore(registry.folder / "vointi.duckdb", clock.now)
        store.open()
        yield Home(registry, clock, store)
        store.close()


def test_each_class_lives_as_long_as_its_pilot_says_and_no_day_longer(home: Home) -> None:
    home.take(1)
    found = {}
    for day in (1, HOT + 1, 4, 6, 9):
        home.clock.us = NOW_US + day * DAY + 5
        home.house().tidy("test")
        try:
            minutes = home.store.windows(SeriesQuery(DEVICE, "ecg", 0, NOW_US + DAY), 60_000_000)
            found[day] = (home.count("ecg"), home.count("heart_rate"), int(minutes.n.sum()))
        finally:
            kinds = home.kinds()
        if day == HOT + 1:
            assert kinds == {"minute": 1, "scalar": 1, "waveform": 1}
    kept = (73, 1, 73)
    assert found == {1: kept, 3: kept, 4: (0, 1, 73), 6: (0, 0, 73), 9: (0, 0, 0)}
    assert not list((home.registry.folder / "lake").rglob("*"))
    rows = [row.facts for row in home.registry.audit.rows() if row.kind == "retention"]
    assert [(r["pilot"], r["waveform"], r["scalar"], r["summary"]) for r in rows] == [
        (PILOT, 1, 0, 0),
        (PILOT, 0, 3, 0),
        (PILOT, 0, 0, 3),
    ]


def test_the_night_comes_once_a_day_and_a_start_is_no_night(home: Home) -> None:
    home.take(1)
    home.clock.us += 20 * DAY
    home.house().due()
    assert home.count("ecg") == 73
    home.clock.us += DAY
    house = home.house()
    house.due()
    assert home.count("ecg") == 0
    home.take(5)
    home.clock.us += 3600 * 1_000_000
    home.seconds += 2 * RETRY_S
    house.due()
    assert home.count("ecg") == 73


def test_a_night_that_fails_is_tried_again_after_an_hour(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.take(1)
    house = home.house()
    house.due()
    home.clock.us += 9 * DAY
    home.seconds += 1
    tried = []

    def full(*_: object) -> int:
        tried.append(1)
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(home.store, "expire", full)
        with pytest.raises(StoreError):
            house.due()
        house.due()
        assert (len(tried), home.count("ecg")) == (1, 73)
    home.seconds += RETRY_S
    house.due()
    assert home.count("ecg") == 0


def test_summaries_are_a_minute_behind_at_most(home: Home) -> None:
    house = home.house()
    house.due()
    home.take(1)
    house.due()
    assert home.store.summarised(DEVICE) == ()
    home.seconds += SUMMARISE_S
    house.due()
    assert {metric for _, metric, *_ in home.store.summarised(DEVICE)} == {
        *("ecg", "heart_rate", "rr_interval")
    }


def test_an_operator_may_have_it_done_and_hears_what_is_wrong(home: Home) -> None:
    home.take(1)
    home.clock.us += 3 * DAY
    jobs = home.registry.jobs
    tidy = jobs.ask("tidy", actor="test")
    look = jobs.ask("check", actor="test")
    chores = home.chores()
    chores()
    assert (jobs.get(tidy.id).state, jobs.get(tidy.id).result["moved"]) == ("done", 7)
    assert all(c["ok"] for c in jobs.get(look.id).result["checks"])
    lake = home.registry.folder / "lake"
    gone = next(lake.rglob("scalar-*.parquet"))
    gone.unlink()
    (lake / "stray.parquet").write_bytes(b"x")
    look = jobs.ask("check", actor="test")
    chores()
    faults = [c["say"] for c in jobs.get(look.id).result["checks"] if not c["ok"]]
    name = str(gone.relative_to(lake))
    assert faults == [
        f"{name} is missing; restore a backup",
        "stray.parquet is not listed and not asked; remove it",
    ]


def test_an_export_is_there_for_a_week_and_then_gone(home: Home) -> None:
    person = wearing(home.registry, "care")
    asked = home.registry.jobs.ask("export", pilot=PILOT, person=person, actor="test")
    chores = home.chores()
    chores()
    path = Path(home.registry.jobs.get(asked.id).result["file"])
    home.clock.us += KEEP_DAYS * DAY
    assert sweep(home.registry) == 0
    assert path.is_file()
    stray = path.with_name("stray.zip")
    stray.touch()
    os.utime(stray, (home.clock.us / 1e6,) * 2)
    home.clock.us += 1
    tidy = home.registry.jobs.ask("tidy", actor="test")
    chores()
    assert home.registry.jobs.get(tidy.id).result["exports"] == 1
    assert not path.exists()
    assert stray.exists()
    (row,) = [row for row in home.registry.audit.rows() if row.kind == "export-removed"]
    assert row.facts == {"pilot": PILOT, "person": person, "file": path.name}


def test_a_gateway_that_starts_removes_old_exports_whatever_its_store(home: Home) -> None:
    person = wearing(home.registry, "care")
    path = export_person(home.registry, home.store, PILOT, person, actor="test")
    home.clock.us += KEEP_DAYS * DAY + 1
    home.chores()()
    assert not path.parent.exists()


def test_a_backup_has_the_lake_and_answers_alike(home: Home, tmp_path: Path) -> None:
    home.take(1)
    home.clock.us += 4 * DAY
    home.take(5)
    home.house().tidy("test")
    home.take(9)
    wanted = (home.count("ecg"), home.count("heart_rate"))
    saved = tmp_path / "saved"
    job = home.registry.jobs.ask("backup", folder=str(saved), actor="test")
    home.chores()()
    assert home.registry.jobs.get(job.id).state == "done"
    assert [n for n in check(saved)["files"] if n.startswith("lake/")]
    copy = EmbeddedStore(saved / "vointi.duckdb")
    copy.open()
    query = SeriesQuery(DEVICE, "heart_rate", 0, 2**62)
    assert len(copy.samples(query).t_us) == wanted[1] == 3
    copy.close()


def test_a_backup_without_a_file_of_the_lake_is_refused(home: Home, tmp_path: Path) -> None:
    home.take(1)
    home.clock.us += 3 * DAY
    home.house().tidy("test")
    next((home.registry.folder / "lake").rglob("scalar-*")).unlink()

    def copy(path: Path) -> None:
        home.store.copy_to(path)
        home.store.copy_archive(path.parent)

    with pytest.raises(StoreError, match="could not be copied: No such file"):
        backup(home.registry, copy, tmp_path / "saved", "test")


def test_an_erased_person_is_in_no_file_of_the_lake(home: Home) -> None:
    person = wearing(home.registry, "care", retention=RETENTION)
    home.take(1)
    home.clock.us += 3 * DAY
    home.take(5)
    home.house().tidy("test")
    assert home.kinds() == {"minute": 1, "scalar": 1, "waveform": 1}
    # The device's name stands in each file, readable: a file that was only hidden would show it.
    needle = [DEVICE.encode()]
    assert [n for n in scan(home.registry.folder, needle) if n.startswith("lake/")]
    chores = home.chores()
    asked = chores.erasures.request(PILOT, person, "test")
    chores()
    done = chores.erasures.get(asked.id)
    assert done.state == "done"
    assert done.receipt["rows"]["segments"] == 2
    assert done.receipt["rows"]["summaries"] == 6
    assert home.kinds() == {}
    assert [n for n in scan(home.registry.folder, needle) if n.startswith("lake/")] == []


def test_a_crash_between_file_and_list_leaves_no_file(tmp_path: Path) -> None:
    """What was written and not listed goes when the store is opened; what is listed stays."""
    store = EmbeddedStore(tmp_path / "s.duckdb")
    store.open()
    store.commit(commit_of(hr_frame(1), ecg_frame(2)))

    def killed(_work: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.archive(NOW_US + DAY, killed)
    assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 3
    store.close()
    store.open()
    assert not (tmp_path / "lake" / f"pilot={PILOT}").exists()
    query = SeriesQuery(DEVICE, "heart_rate", 0, 2**62)
    assert store.samples(query).seq.tolist() == [1]
    store.archive(NOW_US + DAY, lambda work: work(store))
    store.close()
    store.open()
    assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 3
    assert store.erase([WornSpan("edge-9.x", 0, 2**62)]) == ErasedRows()
    assert store.samples(query).seq.tolist() == [1]
    store.close()


def test_a_file_that_reads_back_otherwise_drops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EmbeddedStore(tmp_path / "s.duckdb")
    store.open()
    store.commit(commit_of(hr_frame(1), ecg_frame(2)))
    with monkeypatch.context() as patch:
        patch.setattr("vointi_gateway.store.embedded.lake._one", lambda _: "(SELECT 1 LIMIT 0)")
        with pytest.raises(StoreError, match="does not read back as it was written"):
            store.archive(NOW_US + DAY, lambda work: work(store))
    assert len(store.samples(SeriesQuery(DEVICE, "ecg", 0, 2**62)).seq) == 73
    store.close()
