"""The embedded store: the port's promises, and what only a file can do wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from committing import committing, killed
from gateway_kit import EDGE, OTHER_EDGE, T0_US, hr_frame
from keeping_conformance import DAY, MIN, KeepingConformance, alone_with, answers, frames
from store_conformance import NAME, Factory, commit_of, ecg_at, span
from vointi_gateway.errors import StoreError, StoreLockedError
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import Counts, ExportMark, SeriesQuery, WornSpan
from vointi_gateway.store.port import Store


class TestEmbedded(KeepingConformance):
    @pytest.fixture
    def factory(self, tmp_path: Path) -> Factory:
        def make() -> EmbeddedStore:
            store = EmbeddedStore(tmp_path / "new" / "store.duckdb")
            store.open()
            return store

        return make


def _open(path: Path) -> EmbeddedStore:
    store = EmbeddedStore(path)
    store.open()
    return store


def test_a_failed_commit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _open(tmp_path / "a.duckdb")
    store.commit(commit_of(hr_frame(1)))

    def fail(_births: object) -> None:
        raise duckdb.IOException("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_insert_births", fail)
        with pytest.raises(StoreError, match="disk full"):
            store.commit(commit_of(hr_frame(2), ecg_at(3)))
    assert store.counts() == {EDGE: Counts(1, 1)}
    assert "ecg" not in store.latest()[f"{EDGE}.strap-1"]
    store.commit(commit_of(hr_frame(2)))
    assert store.samples(span("heart_rate")).seq.tolist() == [1, 2]
    store.close()


def test_sigkill_keeps_every_commit_that_returned(tmp_path: Path) -> None:
    """Killed four times in mid-write: each acknowledged row is there, and none twice."""
    path = tmp_path / "k.duckdb"
    for _ in range(4):
        acknowledged = killed(path, EmbeddedStore, 15)
        store = _open(path)
        seqs = store.samples(span("heart_rate")).seq.tolist()
        stored = store.counts()[EDGE].stored
        store.close()
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) == stored
        assert acknowledged <= stored <= acknowledged + 1


def test_a_second_process_is_told_who_has_it(tmp_path: Path) -> None:
    path = tmp_path / "l.duckdb"
    with committing(path, EmbeddedStore) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(StoreLockedError, match="another gateway uses it"):
            _open(path)
        child.kill()


def test_a_file_that_is_no_store_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "junk.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match=r"data_dir: junk\.duckdb cannot be opened") as caught:
        _open(path)
    assert "\n" not in str(caught.value)


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.duckdb"
    _open(path).close()
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE meta SET value = '99'")
    with pytest.raises(StoreError, match="has schema 99"):
        _open(path)


def test_the_file_stays_readable_for_the_older_engine(tmp_path: Path) -> None:
    """DuckDB 2.0 would by itself write a header that 1.5 cannot read."""
    store = _open(tmp_path / "s.duckdb")
    store.close()
    with duckdb.connect(str(tmp_path / "s.duckdb")) as con:
        (tags,) = con.execute(
            "SELECT tags FROM duckdb_databases() WHERE database_name = 's'"
        ).fetchone()
    assert tags["storage_version"].startswith("v1.5")


def test_readers_do_not_disturb_the_writer(tmp_path: Path) -> None:
    store = _open(tmp_path / "r.duckdb")
    store.commit(commit_of(ecg_at(1)))
    stop, failures, passes = threading.Event(), [], [0]

    def read() -> None:
        while not stop.is_set():
            try:
                length = len(store.samples(span("ecg")).seq)
            except StoreError as exc:
                failures.append(exc)
                return
            passes[0] += 1
            assert length % 73 == 0

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for seq in range(2, 60):
        store.commit(commit_of(ecg_at(seq)))
    end = time.monotonic() + 60
    while passes[0] < 10 and time.monotonic() < end:
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert passes[0] >= 10
    assert len(store.samples(span("ecg")).seq) == 59 * 73
    store.close()


def test_the_data_folder_is_made(tmp_path: Path) -> None:
    _open(tmp_path / "a" / "b" / "c.duckdb").close()
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["c.duckdb"]


def test_a_file_that_is_read_is_not_replaced_before(tmp_path: Path) -> None:
    """A cursor keeps the old file's instance open: what is committed then would be lost with it."""
    store = _open(tmp_path / "r.duckdb")
    store.commit(commit_of(hr_frame(1), ecg_at(2)))
    reading, release = threading.Event(), threading.Event()

    def read(_cursor: object) -> None:
        reading.set()
        assert release.wait(60)

    reader = threading.Thread(target=lambda: store._read(read))
    reader.start()
    assert reading.wait(60)
    gone = WornSpan("edge-1.strap-1", T0_US + 1, T0_US + 2)
    eraser = threading.Thread(target=lambda: store.erase([gone]))
    eraser.start()
    # It has deleted and waits: nobody else gets in before it, and it not before the reader is out.
    while store._readers._owner is None:
        time.sleep(0.001)
    late: list[int] = []
    second = threading.Thread(target=lambda: late.extend(store.samples(span("ecg")).seq.tolist()))
    second.start()
    assert (late, eraser.is_alive()) == ([], True)
    release.set()
    for thread in (reader, eraser, second):
        thread.join(60)
        assert not thread.is_alive()
    assert len(late) == 73
    store.commit(commit_of(hr_frame(3)))
    store.close()
    store = _open(tmp_path / "r.duckdb")
    assert store.samples(span("heart_rate")).seq.tolist() == [1, 3]
    store.close()


def test_a_file_is_written_anew_after_a_crash_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted and killed: the next start removes the bytes, and no row is summed twice or never."""
    path = tmp_path / "c.duckdb"
    store = _open(path)
    store.commit(commit_of(*(hr_frame(s, wall_us=T0_US + s) for s in range(1, 50))))
    store.summarise()
    store.save_export_mark("influx", ExportMark(-1, 39))
    store.commit(commit_of(*(hr_frame(s, wall_us=T0_US + s) for s in range(50, 60))))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vointi_gateway.store.embedded.erase.rewrite", killed)
        patch.setattr(store, "open", lambda: None)
        with pytest.raises(KeyboardInterrupt):
            store.erase([WornSpan("edge-1.strap-1", T0_US, T0_US + 11)])
    store = _open(path)
    assert store.samples(span("heart_rate")).seq.tolist() == list(range(11, 60))
    # Three scalars a frame: thirteen frames and one were copied, ten of them are gone.
    assert store.export_mark("influx") == ExportMark(-1, 9)
    store.summarise()
    assert store.windows(span("heart_rate"), 60_000_000).n.tolist() == [49]
    store.close()
    with duckdb.connect(str(path)) as con:
        assert con.execute("SELECT count(*) FROM meta WHERE key = 'owed'").fetchall() == [(0,)]


def test_nothing_is_deleted_where_no_new_file_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _open(tmp_path / "f.duckdb")
    store.commit(commit_of(hr_frame(1)))
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
        with pytest.raises(StoreError, match=r"make \d+ MiB of room"):
            store.erase([WornSpan("edge-1.strap-1", 0, 2**62)])
    assert store.samples(span("heart_rate")).seq.tolist() == [1]
    store.close()


def test_what_comes_late_joins_the_file_of_its_day(tmp_path: Path) -> None:
    store = _open(tmp_path / "late.duckdb")
    store.commit(commit_of(*frames(1, 4, T0_US)))
    store.archive(T0_US + DAY, alone_with(store))
    store.commit(commit_of(*frames(100, 4, T0_US + 13 * MIN)))
    wanted = answers(store)
    store.archive(T0_US + DAY, alone_with(store))
    files = sorted(path.name.split("-")[0] for path in tmp_path.rglob("*.parquet"))
    assert files == ["event", "minute", "scalar", "waveform"]
    assert answers(store) == wanted
    assert all(check.ok for check in store.check())
    store.close()


def test_a_merge_that_meets_an_erasure_leaves_nothing_of_the_erased(tmp_path: Path) -> None:
    store = _open(tmp_path / "met.duckdb")
    for first in (1, 100):
        store.commit(commit_of(*frames(first, 4, T0_US)))
        store.commit(commit_of(hr_frame(first, wall_us=T0_US), edge=OTHER_EDGE))
        if first == 1:
            store.archive(T0_US + DAY, alone_with(store))
    calls = []

    def alone(work: Callable[[Store], Any]) -> Any:
        calls.append(work)
        if len(calls) == 2:
            store.erase([WornSpan(NAME, 0, 2**62)])
        return work(store)

    store.archive(T0_US + DAY, alone)
    assert len(calls) > 2
    assert store.series(NAME) == ()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and _says(path, NAME)]
    other = SeriesQuery(f"{OTHER_EDGE}.strap-1", "heart_rate", 0, 2 * T0_US)
    assert store.samples(other).seq.tolist() == [1, 100]
    assert all(check.ok for check in store.check())
    store.close()


def _says(path: Path, text: str) -> bool:
    return path.suffix == ".parquet" and text.encode() in path.read_bytes()


def test_a_file_that_was_swept_is_not_listed(tmp_path: Path) -> None:
    """A move whose files an erasure of somebody else's unlinked must keep its rows."""
    store = _open(tmp_path / "swept.duckdb")
    store.commit(commit_of(hr_frame(1, wall_us=T0_US)))
    store.commit(commit_of(hr_frame(1, wall_us=T0_US + 5 * DAY), edge=OTHER_EDGE))

    def alone(work: Callable[[Store], Any]) -> Any:
        store.erase([WornSpan(f"{OTHER_EDGE}.strap-1", 0, 2**62)])
        return work(store)

    with pytest.raises(StoreError, match="was dropped meanwhile"):
        store.archive(T0_US + DAY, alone)
    assert store.samples(span("heart_rate")).seq.tolist() == [1]
    store.archive(T0_US + DAY, alone_with(store))
    assert store.samples(span("heart_rate")).seq.tolist() == [1]
    store.close()
