"""The InfluxDB store on a real server: the port's promises, and what only a server can do wrong."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from gateway_kit import EDGE, OTHER_PILOT, PILOT, T0_US, ecg_frame, hr_frame
from influx_server import (
    InfluxServer,
    Named,
    make_store,
    server_at,
    settings_for,
)
from keeping_conformance import ExpiringConformance
from store_conformance import NAME, Factory, commit_of, ecg_at, span
from vointi_gateway.errors import QueryError, StoreError, StoreLockedError
from vointi_gateway.pilots.scan import scan
from vointi_gateway.settings import InfluxSettings
from vointi_gateway.sqlite_file import migrations
from vointi_gateway.store.influx import InfluxClient, InfluxStore, backend
from vointi_gateway.store.influx.doctor import examine
from vointi_gateway.store.influx.rollup import HOUR_US, MINUTE_US
from vointi_gateway.store.model import Anchor, Commit, Counts, Latest, Limit, Windows, WornSpan

pytestmark = pytest.mark.network
pytest.importorskip("influxdb_client")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer | Named]:
    with server_at(tmp_path_factory.mktemp("influx")) as found:
        yield found


class TestInflux(ExpiringConformance):
    @pytest.fixture
    def factory(self, tmp_path: Path, server: InfluxServer | Named) -> Factory:
        settings = settings_for(server)

        def make() -> InfluxStore:
            store = make_store(tmp_path / "new" / "influx.sqlite", settings)
            store.open()
            return store

        return make


@pytest.fixture
def settings(server: InfluxServer | Named) -> InfluxSettings:
    return settings_for(server)


@contextmanager
def opened(path: Path, settings: InfluxSettings, **options: object) -> Iterator[InfluxStore]:
    store = make_store(path / "influx.sqlite", settings, **options)
    store.open()
    try:
        yield store
    finally:
        store.close()


def _rows(settings: InfluxSettings, question: str) -> list[list[object]]:
    client = InfluxClient(settings)
    client.open()
    try:
        return [row for table in client.query(question) for row in table.rows]
    finally:
        client.close()


def test_cut_short_between_values_and_receipts_it_is_there_once(
    tmp_path: Path, settings: InfluxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = commit_of(ecg_at(1), hr_frame(2))
    with opened(tmp_path, settings) as store:
        with monkeypatch.context() as patch:
            patch.setattr(backend, "put_commit", _disk_full)
            with pytest.raises(StoreError, match="disk full"):
                store.commit(commit)
        assert store.counts() == {}
        store.reopen()
        store.commit(commit)
        assert store.samples(span("ecg")).seq.tolist() == [1] * 73
        assert store.samples(span("rr_interval")).seq.tolist() == [2, 2]
        assert store.windows(span("ecg"), 1_000_000).n.tolist() == [73]
        assert store.counts() == {EDGE: Counts(2, 2)}


def _disk_full(*_: object) -> None:
    raise sqlite3.OperationalError("disk full")


def test_a_reading_is_placed_where_the_first_attempt_put_it(
    tmp_path: Path, settings: InfluxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between placing and forgetting, with a newer anchor waiting to come."""
    with opened(tmp_path, settings) as store:
        store.commit(commit_of(hr_frame(1, wall_us=None)))
        with monkeypatch.context() as patch:
            patch.setattr(store, "_keep", lambda *_: None)
            patch.setattr(backend, "put_series", _disk_full_once_placed(store))
            store.commit(Commit(anchors=(Anchor(EDGE, 7, T0_US),)))
        assert store.series(NAME) == ()
        store.commit(Commit(anchors=(Anchor(EDGE, 7, T0_US + 5_000_000),)))
        assert store.samples(span("heart_rate")).t_us.tolist() == [T0_US + hr_frame(1).mono_us]


def _disk_full_once_placed(store: InfluxStore) -> object:
    def put(_con: object, changed: Collection[object]) -> None:
        if changed:
            raise sqlite3.OperationalError("disk full")

    return put


def test_a_second_process_is_told_who_has_it(tmp_path: Path, settings: InfluxSettings) -> None:
    with (
        opened(tmp_path, settings),
        pytest.raises(StoreLockedError, match="another gateway uses it"),
        opened(tmp_path, settings),
    ):
        pass


def test_a_pilot_that_keeps_summaries_has_no_samples_and_every_second(
    tmp_path: Path, server: InfluxServer | Named
) -> None:
    frames = [ecg_at(seq) for seq in range(1, 20)]
    raw, summed = settings_for(server), settings_for(server, raw_waveforms=("pilot-b",))
    with opened(tmp_path / "a", raw) as full, opened(tmp_path / "b", summed) as store:
        for each in (full, store):
            each.commit(commit_of(*frames, hr_frame(20)))
        for ask in (store.samples, store.count_samples):
            with pytest.raises(QueryError, match="resolution: this pilot keeps waveforms by the"):
                ask(span("ecg"))
        with pytest.raises(QueryError, match="ask for 1s"):
            store.windows(span("ecg"), 100_000)
        for window_us in (1_000_000, 5_000_000, 60_000_000):
            _same(store.windows(span("ecg"), window_us), full.windows(span("ecg"), window_us))
        part = span("ecg", T0_US + 2_000_000, T0_US + 5_000_000)
        _same(store.windows(part, 1_000_000), full.windows(part, 1_000_000))
        assert store.windows(part, 1_000_000).t_us.tolist()[0] == part.from_us
        assert store.samples(span("heart_rate")).value.tolist() == [62.0]
    assert _rows(summed, 'SELECT count(value) FROM "waveform"."waveform"') == []


def _same(a: Windows, b: Windows) -> None:
    assert a.t_us.tolist() == b.t_us.tolist()
    assert a.n.tolist() == b.n.tolist()
    assert a.mean.tolist() == pytest.approx(b.mean.tolist())
    assert (a.low.tolist(), a.high.tolist()) == (b.low.tolist(), b.high.tolist())


def test_minutes_are_summed_up_and_again_when_something_comes_late(
    tmp_path: Path, settings: InfluxSettings
) -> None:
    later_us = T0_US + 3 * HOUR_US
    minutes = 'SELECT n, min, max FROM "rollup"."rollup_1m" WHERE metric = \'heart_rate\''
    with opened(tmp_path, settings, wall_us=lambda: later_us) as store:
        store.commit(commit_of(*(hr_frame(s, 60 + s, wall_us=T0_US + s * 10**7) for s in range(9))))
        store.commit(commit_of(ecg_frame(9, wall_us=T0_US + HOUR_US - 200_000)))
        assert store.summarise() == 2
        first = [T0_US * 1000, 6, 60, 65]
        assert _rows(settings, minutes) == [first, [first[0] + 6 * 10**10, 3, 66, 68]]
        wave = 'SELECT n FROM "rollup"."rollup_1m" WHERE metric = \'ecg\''
        assert [row[1] for row in _rows(settings, wave)] == [26, 47]
        assert store.summarise() == 0
        store.commit(commit_of(hr_frame(20, 99, wall_us=T0_US + 1_000_000)))
        store.compact()
        assert _rows(settings, minutes)[0] == [T0_US * 1000, 7, 60, 99]


def test_what_retention_dropped_is_still_there_by_the_minute(
    tmp_path: Path, server: InfluxServer | Named
) -> None:
    keep_one_day = settings_for(server, keep_days=1, keep_waveform_days=1)
    now_us = time.time_ns() // 1000 // MINUTE_US * MINUTE_US
    old_us = now_us - 30 * HOUR_US
    clock = [old_us + 2 * HOUR_US]
    with opened(tmp_path, replace(keep_one_day, keep_days=2), wall_us=lambda: clock[0]) as store:
        store.commit(
            commit_of(hr_frame(1, 61, wall_us=old_us), hr_frame(2, 63, wall_us=old_us + 5))
        )
        store.compact()
    # What came too late for its policy is accepted, and gone: nothing waits for ever.
    with opened(tmp_path, keep_one_day, wall_us=lambda: now_us) as store:
        store.commit(commit_of(hr_frame(3, wall_us=now_us), ecg_frame(4, wall_us=old_us)))
        query = replace(span("heart_rate"), from_us=old_us, to_us=now_us + MINUTE_US)
        found = store.windows(query, MINUTE_US)
        assert (found.t_us.tolist(), found.n.tolist()) == ([old_us, now_us], [2, 1])
        assert (found.mean.tolist(), found.high.tolist()) == ([62.0, 62.0], [63.0, 62.0])
        assert found.source == "mixed"
        old = store.windows(replace(query, to_us=old_us + MINUTE_US), MINUTE_US)
        assert (old.n.tolist(), old.source) == ([2], "1m")


def test_erasing_a_span_takes_its_frames_and_no_others(
    tmp_path: Path, settings: InfluxSettings
) -> None:
    frames = [ecg_at(seq) for seq in range(1, 9)]
    later_us = T0_US + 2 * HOUR_US
    with opened(tmp_path, settings, wall_us=lambda: later_us) as store:
        late = hr_frame(21, 90, wall_us=T0_US + 3_000_000)
        store.commit(commit_of(*frames, hr_frame(20), late))
        store.commit(commit_of(hr_frame(22, wall_us=None), *frames, edge="edge-9"))
        store.commit(commit_of(hr_frame(23, wall_us=None)))
        store.compact()
        begin, end = (frames[i].wall_us or 0 for i in (2, 4))
        gone = store.erase([WornSpan(NAME, begin, end)])
        assert (gone.segments, gone.scalars) == (2, 0)
        found = store.samples(span("ecg")).seq.tolist()
        assert found == [s for s in (1, 2, 5, 6, 7, 8) for _ in range(73)]
        assert int(store.windows(span("ecg"), 1_000_000).n.sum()) == 6 * 73
        other = replace(span("ecg"), device="edge-9.strap-1")
        assert len(store.samples(other).seq) == 8 * 73
        gone = store.erase([WornSpan(NAME, T0_US + 1_900_000, later_us)])
        assert (gone.segments, gone.scalars) == (4, 3)
        assert store.latest()[NAME]["heart_rate"] == Latest(T0_US, 62.0)
        assert store.counts() == {EDGE: Counts(11, 11), "edge-9": Counts(9, 9)}
        store.commit(Commit(anchors=(Anchor(EDGE, 7, T0_US), Anchor("edge-9", 7, T0_US))))
        assert store.samples(span("heart_rate")).seq.tolist() == [20]
        assert len(store.samples(replace(other, metric="heart_rate")).seq) == 1


def test_a_limit_leaves_another_pilot_and_the_minutes(
    tmp_path: Path, settings: InfluxSettings
) -> None:
    later_us, limit_us = T0_US + 3 * HOUR_US, T0_US + 2 * MINUTE_US
    limit = Limit(PILOT, limit_us, limit_us, limit_us, 0)
    with opened(tmp_path, settings, wall_us=lambda: later_us) as store:
        reaches_over = ecg_frame(1, wall_us=limit_us - 100_000)
        store.commit(commit_of(reaches_over, ecg_frame(2, wall_us=limit_us + MINUTE_US)))
        lent = commit_of(hr_frame(1, wall_us=T0_US + 7))
        readings = tuple(replace(r, pilot=OTHER_PILOT) for r in lent.readings)
        store.commit(replace(lent, readings=readings))
        store.commit(commit_of(hr_frame(4, 70, wall_us=T0_US), hr_frame(5, 90, wall_us=limit_us)))
        (gone,) = store.expire([limit])
        assert (gone.waveform, gone.scalar, gone.summary) == (1, 3, 0)
        assert store.samples(span("ecg")).seq.tolist() == [2] * 73
        assert store.windows(span("ecg"), 100_000).n.sum() == 60 + 73
        assert store.samples(span("heart_rate")).seq.tolist() == [1, 5]
        assert _minutes_of(store, "ecg") == [(1, 13), (2, 60), (3, 73)]
        # What comes later for that time is there until the next night, and hides no minute.
        store.commit(commit_of(hr_frame(6, 80, wall_us=T0_US + 1)))
        store.compact()
        assert _minutes_of(store, "heart_rate") == [(0, 2), (2, 1)]
        assert store.samples(span("heart_rate")).seq.tolist() == [6, 1, 5]
        assert store.expire([limit])[0].scalar == 3
        assert store.samples(span("heart_rate")).seq.tolist() == [1, 5]
    with opened(tmp_path, settings) as store:
        assert _minutes_of(store, "ecg") == [(1, 13), (2, 60), (3, 73)]


def _minutes_of(store: InfluxStore, metric: str) -> list[tuple[int, int]]:
    found = store.windows(span(metric), MINUTE_US)
    places = ((t_us - T0_US) // MINUTE_US for t_us in found.t_us.tolist())
    return list(zip(places, found.n.tolist(), strict=True))


def test_an_older_ledger_is_brought_forward_and_a_newer_one_left_alone(
    tmp_path: Path, settings: InfluxSettings
) -> None:
    path = tmp_path / "influx.sqlite"
    first = migrations("vointi_gateway.store.influx.migrations")[0]
    con = sqlite3.connect(path)
    con.executescript(first)
    con.execute("INSERT INTO meta VALUES ('schema', '1')")
    con.execute("INSERT INTO series VALUES ('edge-1.x', 's', 'ecg', 'p', 1, 2, 3, 4.5)")
    con.commit()
    con.close()
    for _ in range(2):
        with opened(tmp_path, settings) as store:
            assert store.series("edge-1.x") == (("s", "ecg", 1, 2),)
            assert store.latest() == {"edge-1.x": {"ecg": Latest(2, 4.5)}}
    con = sqlite3.connect(path)
    assert con.execute("SELECT value FROM meta").fetchall() == [("2",)]
    con.execute("PRAGMA user_version = 99")
    con.close()
    with pytest.raises(StoreError, match="has schema 99"), opened(tmp_path, settings):
        pass


def test_doctor_knows_whether_the_server_answers(tmp_path: Path, settings: InfluxSettings) -> None:
    assert [ok for _what, ok, _say in examine(settings)] == [True, True]
    with opened(tmp_path, settings) as store:
        store.commit(commit_of(hr_frame(1)))
    found = list(examine(settings))
    assert all(ok for _what, ok, _say in found)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        ((what, ok, say),) = examine(replace(settings, url=url))
    assert (what, ok) == ("influxdb", False)
    assert "does not answer" in say


def test_pseudonyms_are_written_where_that_is_wished_and_found_after_an_erasure(
    tmp_path: Path, server: InfluxServer | Named
) -> None:
    """InfluxDB's log and index keep a tag that no question shows any more; a scan says so."""
    if isinstance(server, Named):
        pytest.skip("the files of a server that the tests did not start cannot be read")
    for tagged in (False, True):
        name, settings = f"p-tag{tagged}", settings_for(server, tag_people=tagged)
        plain = commit_of(ecg_at(1), hr_frame(2))
        worn = replace(plain, readings=tuple(replace(r, person=name) for r in plain.readings))
        with opened(tmp_path / name, settings) as store:
            store.commit(worn)
            assert bool(_named_in(server, settings, name)) is tagged
            store.erase([WornSpan(NAME, T0_US, T0_US + 1)])
            store.erase_person(name)
            assert len(store.samples(span("ecg")).seq) == 0
        left = _named_in(server, settings, name)
        assert any("/_series/" in file for file in left) is tagged


def _named_in(server: InfluxServer, settings: InfluxSettings, name: str) -> list[str]:
    """Files of this database alone: the index of each is some 30 MB, most of it empty."""
    folders = [server.folder / kind / settings.bucket for kind in ("data", "wal")]
    return [f"/{file}" for folder in folders for file in scan(folder, [name.encode()], ())]
