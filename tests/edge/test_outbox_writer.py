"""The writer: groups commits, keeps order, and outlives a failing disk."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from edge_parts import entry
from vointi_contract.errors import PayloadError
from vointi_edge.outbox.store import Entry, OutboxStore, Row
from vointi_edge.outbox.writer import OutboxWriter

pytestmark = pytest.mark.usefixtures("_no_waiting")


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vointi_edge.outbox.writer._RETRY_S", 0.01)


class Committed:
    """What came out, group by group."""

    def __init__(self) -> None:
        self.groups: list[list[Row]] = []

    def __call__(self, rows: list[Row]) -> None:
        self.groups.append(rows)

    @property
    def seqs(self) -> list[int]:
        return [row.seq for group in self.groups for row in group]

    def wait(self, count: int) -> None:
        end = time.monotonic() + 60
        while len(self.seqs) < count:
            assert time.monotonic() < end, self.seqs
            time.sleep(0.005)


def store_at(folder: Path) -> Callable[[], OutboxStore]:
    return lambda: OutboxStore(folder / "outbox.db", "kernel-1", 10**9)


def test_a_lone_reading_is_committed_at_once(tmp_path: Path) -> None:
    out = Committed()
    writer = OutboxWriter(store_at(tmp_path), 600.0, out)
    writer.start()
    writer.offer(entry())
    out.wait(1)  # gives up long before commit_s
    writer.stop()


def test_a_stream_of_readings_is_committed_in_groups(tmp_path: Path) -> None:
    out = Committed()
    writer = OutboxWriter(store_at(tmp_path), 0.2, out)
    writer.start()
    for _ in range(50):
        writer.offer(entry())
        time.sleep(0.005)
    out.wait(50)
    writer.stop()
    assert out.seqs == list(range(1, 51))
    assert len(out.groups) <= 6


def test_waveforms_wait_for_something_else_and_go_with_it_in_one_commit(tmp_path: Path) -> None:
    out = Committed()
    writer = OutboxWriter(store_at(tmp_path), 0.0, out, patience_s=600.0)
    writer.start()
    for _ in range(5):
        writer.offer(entry(class_="waveform"))
    writer.offer(entry(class_="event"))
    out.wait(6)  # gives up long before the patience is at its end
    writer.stop()
    assert [row.class_ for group in out.groups for row in group] == ["waveform"] * 5 + ["event"]
    assert len(out.groups[0]) == 6


def test_patience_ends_and_so_does_the_writer(tmp_path: Path) -> None:
    out = Committed()
    writer = OutboxWriter(store_at(tmp_path), 0.0, out, patience_s=0.05)
    writer.start()
    writer.offer(entry(class_="waveform"))
    out.wait(1)
    writer.stop()
    writer = OutboxWriter(store_at(tmp_path), 0.0, out, patience_s=600.0)
    writer.start()
    for _ in range(64):
        writer.offer(entry(class_="waveform"))
    out.wait(65)  # so many are not kept waiting
    writer.offer(entry(class_="waveform"))
    writer.stop()
    assert len(out.seqs) == 66


def test_stop_commits_what_waits(tmp_path: Path) -> None:
    out = Committed()
    writer = OutboxWriter(store_at(tmp_path), 10.0, out)
    writer.start()
    writer.offer(entry())
    out.wait(1)
    for _ in range(5):
        writer.offer(entry())
    writer.stop()
    store = store_at(tmp_path)()
    assert store.counts().accepted == 6
    store.close()


def test_what_finds_no_room_is_counted_as_lost_by_name(tmp_path: Path) -> None:
    out = Committed()
    writer = OutboxWriter(store_at(tmp_path), 0.01, out, max_waiting=3)
    for _ in range(8):
        writer.offer(entry())
    writer.start()
    out.wait(3)
    writer.stop()
    store = store_at(tmp_path)()
    counts = store.counts()
    assert (counts.accepted, counts.pending, counts.lost) == (8, 3, 5)
    assert [(loss.first_seq, loss.last_seq) for loss in store.losses()] == [(4, 8)]
    store.close()


@pytest.mark.parametrize("trouble", [PayloadError("channels", "too long"), OverflowError("int")])
def test_a_reading_that_cannot_be_encoded_is_counted_and_harms_no_other(
    tmp_path: Path, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(boot: int, seq: int) -> bytes:
        raise trouble

    out, bad = Committed(), []
    writer = OutboxWriter(
        store_at(tmp_path), 0.01, out, on_bad=lambda entry, reason: bad.append((entry, reason))
    )
    for one in (entry(), Entry("oxi-1", "scalar", refuse, "spot"), entry()):
        writer.offer(one)
    writer.start()
    out.wait(2)
    writer.offer(entry())
    out.wait(3)
    assert writer.alive
    writer.stop()
    assert out.seqs == [1, 2, 3]
    assert [(one.device, one.stream) for one, _ in bad] == [("oxi-1", "spot")]
    assert type(trouble).__name__ in bad[0][1]
    assert "oxi-1 said what cannot be sent" in caplog.text


class Failing(OutboxStore):
    """A disk that fails some commits, before or after they reached it."""

    faults: ClassVar[list[str]] = []

    def append(self, entries: Sequence[Entry], refused: dict[str, int] | None = None) -> list[Row]:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise sqlite3.OperationalError("database or disk is full")
        rows = super().append(entries, refused)
        if fault == "after":
            raise sqlite3.OperationalError("disk I/O error")
        return rows


@pytest.mark.parametrize("faults", [["before"] * 3, ["after"], ["before", "after"]])
def test_a_failing_disk_loses_and_doubles_nothing(
    tmp_path: Path, faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Failing, "faults", list(faults))
    out = Committed()
    writer = OutboxWriter(lambda: Failing(tmp_path / "outbox.db", "kernel-1", 10**9), 0.01, out)
    writer.start()
    for _ in range(3):
        writer.offer(entry())
        time.sleep(0.15)
    writer.stop()
    store = store_at(tmp_path)()
    assert [row.seq for row in store.read(0, 10**9, 10**9)] == [1, 2, 3]
    assert store.counts().accepted == 3
    store.close()


async def test_a_job_runs_between_commits_and_its_error_is_the_callers(tmp_path: Path) -> None:
    writer = OutboxWriter(store_at(tmp_path), 0.01, Committed())
    writer.start()
    writer.offer(entry())
    assert (await writer.call(OutboxStore.counts)).accepted in (0, 1)

    def fail(store: OutboxStore) -> None:
        raise sqlite3.OperationalError("no")

    with pytest.raises(sqlite3.OperationalError):
        await writer.call(fail)
    assert await writer.call(lambda store: store.boot) == writer.boot
    writer.stop()
