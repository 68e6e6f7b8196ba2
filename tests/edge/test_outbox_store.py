"""The outbox file: numbers without gaps, counters that agree, nothing gone without a name."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from edge_parts import entry
from hypothesis import given, settings
from hypothesis import strategies as st
from vointi_contract.ack import Watermark
from vointi_contract.codec import decode
from vointi_contract.frame import Loss
from vointi_edge.cli import main
from vointi_edge.outbox.database import connect_readonly
from vointi_edge.outbox.store import OutboxStore, read_counts

BIG = 10**9


def opened(folder: Path, boot: str = "kernel-1", max_bytes: int = BIG) -> OutboxStore:
    return OutboxStore(folder / "outbox.db", boot, max_bytes)


def seqs(store: OutboxStore, device: str = "strap-1") -> list[int]:
    return [row.seq for row in store.read(0, store.newest(), BIG) if row.device == device]


def agree(store: OutboxStore, folder: Path) -> None:
    counts = store.counts()
    database = connect_readonly(folder / "outbox.db")
    assert read_counts(database) == counts
    size, kept = database.execute(
        "SELECT (SELECT bytes FROM counter), (SELECT COALESCE(SUM(LENGTH(payload)), 0) FROM frame)"
    ).fetchone()
    database.close()
    assert size == kept
    assert counts.accepted == counts.pending + counts.committed + counts.lost


def test_numbers_are_gap_free_for_each_device_and_go_on_after_a_restart(tmp_path: Path) -> None:
    store = opened(tmp_path)
    rows = store.append([entry(), entry("oxi-1"), entry()])
    assert [(row.device, row.seq) for row in rows] == [("strap-1", 1), ("oxi-1", 1), ("strap-1", 2)]
    boot = store.boot
    store.close()
    store = opened(tmp_path)
    assert store.boot == boot
    assert [row.seq for row in store.append([entry(), entry("oxi-1")])] == [3, 2]
    agree(store, tmp_path)
    store.close()


def test_a_new_kernel_boot_begins_new_numbers_and_keeps_the_old_rows(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([entry(), entry()])
    old = store.boot
    store.close()
    store = opened(tmp_path, "kernel-2")
    assert store.boot != old
    assert [row.seq for row in store.append([entry()])] == [1]
    assert [(row.boot, row.seq) for row in store.read(0, BIG, BIG)] == [
        (old, 1), (old, 2), (store.boot, 1),
    ]  # fmt: skip
    assert store.commit([Watermark("strap-1", old, 2)]) == 2
    agree(store, tmp_path)
    store.close()


def test_a_resend_is_byte_for_byte_what_was_kept(tmp_path: Path) -> None:
    store = opened(tmp_path)
    (kept,) = store.append([entry()])
    store.close()
    store = opened(tmp_path)
    (again,) = store.read(0, BIG, BIG)
    assert again == kept
    (frame,) = decode(again.payload, again.device).frames
    assert (frame.device, frame.boot, frame.seq) == ("strap-1", store.boot, 1)
    store.close()


def test_only_what_the_gateway_holds_is_deleted(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([entry() for _ in range(10)] + [entry("oxi-1")])
    mark = Watermark("strap-1", store.boot, 8, ((2, 3), (6, 6)))
    assert store.commit([mark]) == 5
    assert seqs(store) == [2, 3, 6, 9, 10]
    assert store.gap([mark]) == (2, 6)
    assert store.gap([Watermark("strap-1", store.boot, 8), Watermark("x", 2**64 - 1, 1)]) is None
    assert store.commit([mark]) == 0
    assert store.commit([Watermark("strap-1", store.boot + 1, 10)]) == 0
    assert store.commit([Watermark("strap-1", 2**64 - 1, 10)]) == 0
    assert store.commit([Watermark("strap-1", store.boot, 0)]) == 0
    assert seqs(store, "oxi-1") == [1]
    agree(store, tmp_path)
    store.close()


def test_the_ends_of_a_gap_are_found_without_a_walk_over_it(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([entry(size=10) for _ in range(3000)])
    steps = []
    store._database.set_progress_handler(lambda: steps.append(1), 100)
    assert store.gap([Watermark("strap-1", store.boot, 3000, ((2, 2999),))]) == (2, 2999)
    assert store.gap([Watermark("strap-1", store.boot, 9000, ((3001, 9000),))]) is None
    assert len(steps) < 5, "some hundred steps of SQLite's machine; a walk takes three a row"
    store.close()


def test_what_the_gateway_holds_is_deleted_in_pieces(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([entry(size=10) for _ in range(7)] + [entry("oxi-1", size=10) for _ in range(3)])
    marks = [Watermark("strap-1", store.boot, 7, ((2, 3),)), Watermark("oxi-1", store.boot, 2)]
    assert [store.commit(marks, 4) for _ in range(3)] == [4, 3, 0]
    assert (seqs(store), seqs(store, "oxi-1")) == ([2, 3], [3])
    agree(store, tmp_path)
    store.close()


def test_the_cap_gives_up_old_waveforms_first_and_counts_them(tmp_path: Path) -> None:
    store = opened(tmp_path, max_bytes=10_000)
    store.append([entry("oxi-1", "scalar", 500) for _ in range(4)])
    for _ in range(20):
        store.append([entry("strap-1", "waveform", 500)])
    assert seqs(store, "oxi-1") == [1, 2, 3, 4]
    assert store.losses() == [Loss("strap-1", store.boot, 1, seqs(store)[0] - 1, "outbox full")]
    agree(store, tmp_path)
    for _ in range(30):
        store.append([entry("oxi-1", "scalar", 500)])
    assert seqs(store) == []
    assert {loss.device for loss in store.losses()} == {"strap-1", "oxi-1"}
    assert store.counts().lost == sum(loss.count for loss in store.losses())
    agree(store, tmp_path)
    store.close()


def test_a_loss_is_reported_until_the_gateway_confirms_it(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([entry()], refused={"strap-1": 3})
    assert store.losses() == [Loss("strap-1", store.boot, 2, 4, "no room")]
    assert [row.seq for row in store.append([entry()])] == [5]
    store.commit([Watermark("strap-1", store.boot, 5, ((2, 4),))])
    assert len(store.losses()) == 1
    store.commit([Watermark("strap-1", store.boot, 5)])
    assert store.losses() == []
    assert store.counts().accepted == 5
    agree(store, tmp_path)
    store.close()


def test_a_failed_commit_leaves_nothing_behind(tmp_path: Path) -> None:
    store = opened(tmp_path)

    def bad(boot: int, seq: int) -> bytes:
        raise ValueError("cannot be encoded")

    broken = entry()
    object.__setattr__(broken, "encode", bad)
    with pytest.raises(ValueError, match="encoded"):
        store.append([entry(), broken])
    assert store.counts().accepted == 0
    assert [row.seq for row in store.append([entry()])] == [1]
    agree(store, tmp_path)
    store.close()


def test_a_damaged_file_is_moved_aside_and_sampling_goes_on(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([entry() for _ in range(200)])
    old = store.boot
    store.close()
    path = tmp_path / "outbox.db"
    data = bytearray(path.read_bytes())
    data[4096:12288] = os.urandom(8192)
    path.write_bytes(bytes(data))
    store = opened(tmp_path)
    assert store.boot != old
    assert [row.seq for row in store.append([entry()])] == [1]
    assert (tmp_path / "outbox.db.damaged").exists()
    store.close()


def test_migrations_run_once(tmp_path: Path) -> None:
    opened(tmp_path).close()
    store = opened(tmp_path)
    database = sqlite3.connect(tmp_path / "outbox.db")
    assert database.execute("PRAGMA user_version").fetchone() == (2,)
    assert database.execute("SELECT COUNT(*) FROM counter").fetchone() == (1,)
    database.close()
    store.close()


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(1, 6)),
            st.tuples(st.just("refuse"), st.integers(1, 3)),
            st.tuples(st.just("ack"), st.tuples(st.integers(0, 30), st.integers(1, 30))),
            st.tuples(st.just("reopen"), st.just(0)),
        ),
        max_size=12,
    )
)
def test_counters_agree_whatever_happens(
    steps: list[tuple[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("outbox")
    store = opened(folder, max_bytes=4_000)
    last = 0
    for what, argument in steps:
        if what == "append" and isinstance(argument, int):
            rows = store.append([entry(size=300) for _ in range(argument)])
            assert [row.seq for row in rows] == list(range(last + 1, last + argument + 1))
            last += argument
        elif what == "refuse" and isinstance(argument, int):
            store.append([], {"strap-1": argument})
            last += argument
        elif what == "ack" and isinstance(argument, tuple):
            upto, gap = argument
            upto = min(upto, last)
            gaps = ((gap, gap),) if gap <= upto else ()
            store.commit([Watermark("strap-1", store.boot, upto, gaps)])
        else:
            store.close()
            store = opened(folder, max_bytes=4_000)
        agree(store, folder)
        assert store.counts().accepted == last
    store.close()


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from edge_parts import entry
from vointi_edge.outbox.store import OutboxStore
store = OutboxStore(Path(sys.argv[1]) / "outbox.db", "kernel-1", 10**9)
while True:
    rows = store.append([entry() for _ in range(5)])
    print(rows[-1].seq, flush=True)
"""


def test_what_was_accepted_survives_sigkill(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for wait_s in (0.5, 0.1, 0.2):
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(root / "tests" / "support")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            first = child.stdout.readline()
            time.sleep(wait_s)
            child.send_signal(signal.SIGKILL)
            told = [int(line) for line in (first + child.stdout.read()).split()]
        store = opened(tmp_path)
        kept = seqs(store)
        assert kept == list(range(1, len(kept) + 1))
        assert kept[-1] >= told[-1]
        agree(store, tmp_path)
        store.close()
    assert main(["status", "--data-dir", str(tmp_path)]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts == {"accepted": len(kept), "pending": len(kept), "committed": 0, "lost": 0}
