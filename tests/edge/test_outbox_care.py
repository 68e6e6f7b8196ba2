"""The outbox file in bad hands: sealed payloads, damage, a full card, a withdrawal."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from edge_parts import entry
from vointi_contract.ack import Watermark
from vointi_contract.frame import ClockState
from vointi_contract.status import ClockAnchor
from vointi_edge.boxkey import outbox_keys
from vointi_edge.errors import OutboxError
from vointi_edge.outbox import records
from vointi_edge.outbox.database import connect_readonly
from vointi_edge.outbox.records import JournalEntry, read_journal
from vointi_edge.outbox.store import Entry, OutboxStore
from vointi_edge.outbox.vault import SealedVault

BIG = 10**9
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
MARKER = b"a reading that nobody else may read"


def opened(
    folder: Path, keys: tuple[bytes, ...] = (KEY,), kernel: str = "kernel-1", cap: int = BIG
) -> OutboxStore:
    return OutboxStore(folder / "outbox.db", kernel, cap, SealedVault(keys))


def marked(device: str = "strap-1", stream: str = "ecg", class_: str = "waveform") -> Entry:
    return Entry(device, class_, lambda boot, seq: MARKER + b"%d" % seq, stream)


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def query(folder: Path, sql: str) -> list[tuple[object, ...]]:
    database = connect_readonly(folder / "outbox.db")
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def test_no_plain_payload_byte_is_in_the_files(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([marked() for _ in range(50)])
    assert MARKER not in bytes_on_disk(tmp_path)
    assert store.read(0, BIG, BIG)[6].payload == MARKER + b"7"
    store.close()
    assert MARKER not in bytes_on_disk(tmp_path)
    assert query(tmp_path, "SELECT DISTINCT key FROM frame") != [("",)]
    plain = tmp_path / "plain"
    store = OutboxStore(plain / "outbox.db", "kernel-1", BIG)
    store.append([marked()])
    assert MARKER in bytes_on_disk(plain), "the search would have found it"
    store.close()


def test_rows_of_an_older_key_and_from_before_there_was_one_are_still_sent(tmp_path: Path) -> None:
    store = OutboxStore(tmp_path / "outbox.db", "kernel-1", BIG)
    store.append([marked()])
    store.close()
    for keys in ((KEY,), (OTHER, KEY)):
        store = opened(tmp_path, keys)
        store.append([marked()])
        store.close()
    store = opened(tmp_path, (OTHER, KEY))
    assert [row.payload[-1:] for row in store.read(0, BIG, BIG)] == [b"1", b"2", b"3"]
    store.close()


def test_without_its_key_a_reading_is_a_named_loss(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([marked() for _ in range(3)])
    store.close()
    store = opened(tmp_path, (OTHER,))
    store.append([marked()])
    assert [row.seq for row in store.read(0, BIG, BIG)] == [4]
    (loss,) = store.losses()
    assert (loss.first_seq, loss.last_seq, loss.reason) == (1, 3, "unreadable")
    counts = store.counts()
    assert (counts.accepted, counts.pending, counts.lost) == (4, 1, 3)
    store.close()


def test_a_payload_cannot_be_moved_to_another_row(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([marked(), marked()])
    database = sqlite3.connect(tmp_path / "outbox.db")
    with database:
        database.execute(
            "UPDATE frame SET payload = (SELECT payload FROM frame WHERE seq = 1) WHERE seq = 2"
        )
    database.close()
    assert [row.seq for row in store.read(0, BIG, BIG)] == [1]
    assert store.losses()[0].first_seq == 2
    store.close()


def test_the_key_comes_from_the_service_manager_or_from_a_file_of_this_user(tmp_path: Path) -> None:
    file, credentials = tmp_path / "outbox.key", tmp_path / "credentials"
    (made,) = outbox_keys(file, {})
    assert outbox_keys(file, {}) == (made,)
    assert file.stat().st_mode & 0o777 == 0o600
    credentials.mkdir()
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert outbox_keys(file, environment) == (made,)
    (credentials / "outbox-key").write_text(f"{OTHER.hex()}\n{KEY.hex()}\n")
    assert outbox_keys(file, environment) == (OTHER, KEY)
    file.write_text("too short")
    with pytest.raises(OutboxError, match="64 hexadecimal digits"):
        outbox_keys(file, {})


def test_summaries_are_given_up_last(tmp_path: Path) -> None:
    store = opened(tmp_path, cap=20_000)
    for class_ in ("summary", "event", "scalar", "waveform"):
        store.append([entry(f"a-{class_}", class_, 500) for _ in range(9)])
    gone = []
    for _ in range(4):
        store.append([entry("a-summary", "summary", 500) for _ in range(9)])
        kept = {str(row[0]) for row in query(tmp_path, "SELECT DISTINCT class FROM frame")}
        gone.append(sorted({"waveform", "scalar", "event", "summary"} - kept))
    assert gone[-1] == ["event", "scalar", "waveform"]
    assert gone[0] in ([], ["waveform"])
    counts = store.counts()
    assert counts.lost == sum(loss.count for loss in store.losses())
    store.close()


def damage(path: Path, first: int, last: int) -> None:
    data = bytearray(path.read_bytes())
    data[first:last] = os.urandom(last - first)
    path.write_bytes(bytes(data))


def test_what_a_damaged_file_still_holds_is_saved_and_the_rest_is_counted(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([marked() for _ in range(600)])
    store.commit([Watermark("strap-1", store.boot, 100)])
    store.save_mark()
    old = store.boot
    store.close()
    size = (tmp_path / "outbox.db").stat().st_size
    damage(tmp_path / "outbox.db", size // 2, size // 2 + 8_192)
    store = opened(tmp_path)
    assert store.boot != old
    rows = store.read(0, BIG, BIG)
    assert 100 < len(rows) < 500
    assert all(row.payload == MARKER + b"%d" % row.seq for row in rows)
    counts = store.counts()
    assert counts.accepted == 600
    assert (counts.committed, counts.pending, counts.lost) == (100, len(rows), 500 - len(rows))
    named = {seq for loss in store.losses() for seq in range(loss.first_seq, loss.last_seq + 1)}
    assert named | {row.seq for row in rows} == set(range(1, 601))
    assert {(loss.boot, loss.reason) for loss in store.losses()} == {(old, "file damaged")}
    store.close()


def test_with_nothing_to_read_the_mark_beside_the_file_says_what_is_lost(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([marked() for _ in range(30)] + [marked("oxi-1")])
    store.save_mark()
    old = store.boot
    store.close()
    damage(tmp_path / "outbox.db", 0, (tmp_path / "outbox.db").stat().st_size)
    store = opened(tmp_path)
    counts = store.counts()
    assert (counts.accepted, counts.pending, counts.lost) == (31, 0, 31)
    assert [(loss.device, loss.boot, loss.last_seq) for loss in store.losses()] == [
        ("oxi-1", old, 1),
        ("strap-1", old, 30),
    ]
    assert store.append([marked()])[0].seq == 1
    store.close()


def test_a_withdrawal_leaves_nothing_of_the_stream_behind(tmp_path: Path) -> None:
    store = OutboxStore(tmp_path / "outbox.db", "kernel-1", BIG)
    for _ in range(20):
        store.append([marked(), Entry("strap-1", "scalar", lambda b, s: b"pulse", "hr")])
    store.append([marked("oxi-1", "ppg")])
    store.commit([Watermark("strap-1", store.boot, 4)])
    assert store.erase(lambda device, stream, class_: stream == "hr") == 19
    assert MARKER not in bytes_on_disk(tmp_path)
    assert {row.payload for row in store.read(0, BIG, BIG)} == {b"pulse"}
    assert {loss.reason for loss in store.losses()} == {"withdrawn"}
    assert sum(loss.count for loss in store.losses()) == 19
    counts = store.counts()
    assert (counts.accepted, counts.committed, counts.pending, counts.lost) == (41, 4, 18, 19)
    assert store.erase(lambda *_: True) == 0
    store.close()


def test_a_boots_anchor_is_kept_as_long_as_its_readings(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first = ClockAnchor(store.boot, 5, 1_700_000_000_000_000, 9, ClockState.NTP, -3_600_000_000)
    store.append([marked()])
    store.save_anchor(first)
    store.close()
    store = opened(tmp_path, kernel="kernel-2")
    second = ClockAnchor(store.boot, 6, 1_700_000_000_000_001, 9, ClockState.NTP)
    store.save_anchor(second)
    assert sorted(store.anchors(), key=lambda a: a.mono_us) == [first, second]
    store.commit([Watermark("strap-1", first.boot, 1)])
    assert store.anchors() == [second]
    store.close()


def test_the_journal_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_JOURNAL_ROWS", 5)
    store = opened(tmp_path)
    for n in range(9):
        store.note(JournalEntry(store.boot, n, None, "clock jump", f"{n} s"))
    database = connect_readonly(tmp_path / "outbox.db")
    assert len(read_journal(database, 5_000)) == 5
    assert read_journal(database)[-1].detail == "8 s"
    database.close()
    store.close()
