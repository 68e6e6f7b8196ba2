"""What checkpoints of the embedded store write, and who lets go of the log."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest
from columns_kit import in_columns
from gateway_kit import hr_frame
from store_conformance import commit_of, ecg_at
from vointi_gateway.errors import StoreError
from vointi_gateway.store.embedded import EmbeddedStore, checkpoints
from vointi_gateway.store.embedded.opening import ROW_GROUP

GROUPS = "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('segment')"
SIZES = (
    "SELECT sum(count) FROM pragma_storage_info('scalar') "
    "WHERE column_name = 'sid' AND segment_type <> 'VALIDITY' GROUP BY row_group_id"
)
LIMIT = "SELECT current_setting('checkpoint_threshold')"
#: Less than what any commit writes to the log.
EACH, NONE = "SET checkpoint_threshold = '1KB'", "SET checkpoint_threshold = '1GB'"


def _asked(store: EmbeddedStore, question: str) -> Any:
    return store._con.execute(question).fetchall()[0][0]


def _several_groups(store: EmbeddedStore) -> None:
    """Checkpoints of a few commits, and then a row that is only in the log."""
    store._con.execute(EACH)
    for seq in range(1, 6):
        store.commit(commit_of(ecg_at(seq)))
    store._con.execute(NONE)
    store.commit(commit_of(ecg_at(6)))


def test_row_groups_are_merged_apart_from_commits(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _several_groups(store)
    assert _asked(store, GROUPS) > 1
    store._checkpoints.merged()
    store.summarise()
    assert _asked(store, GROUPS) > 1
    monkeypatch.setattr(checkpoints, "MERGE_ROWS", 0)
    store.commit(commit_of(ecg_at(7)))
    store.summarise()
    assert _asked(store, GROUPS) == 1
    assert _asked(store, "SELECT list(seq ORDER BY seq) FROM segment") == [*range(1, 8)]
    assert not store._checkpoints.merge_due
    assert int(_asked(store, "SELECT current_setting('max_vacuum_tasks')")) == 0


def test_row_groups_are_small_in_a_file_that_is_written_anew_too(store: EmbeddedStore) -> None:
    """A merge writes up to three full ones anew, with commits waiting for it (decision 0095)."""
    store.commit(commit_of(hr_frame(1), hr_frame(2)))
    store._make_rows()
    store._con.execute("INSERT INTO scalar SELECT s.* FROM scalar s, range(10000)")
    for _ in range(2):
        store._con.execute("FORCE CHECKPOINT")
        sizes = [size for (size,) in store._con.execute(SIZES).fetchall()]
        assert sum(sizes) == _asked(store, "SELECT count(*) FROM scalar") > 3 * ROW_GROUP
        assert max(sizes) == ROW_GROUP
        store._renew(lambda _: None, "write the file anew")


def test_groups_that_an_earlier_run_left_are_merged_soon(store: EmbeddedStore) -> None:
    _several_groups(store)
    store._checkpoints.merged()
    store.reopen()
    assert not store._checkpoints.merge_due
    store.commit(commit_of(ecg_at(7)))
    store.summarise()
    assert _asked(store, GROUPS) == 1


def test_a_merge_that_fails_is_tried_again(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _several_groups(store)
    store.summarise()  # nothing is left that reads anything but the checkpoint
    store._checkpoints.begin()
    store.commit(commit_of(ecg_at(7)))
    with monkeypatch.context() as patch:
        patch.setattr(store, "_read", _refuse)
        store._merge_groups()
    assert store._checkpoints.merge_due
    assert int(_asked(store, "SELECT current_setting('max_vacuum_tasks')")) == 0
    store._merge_groups()
    assert not store._checkpoints.merge_due


def test_the_log_is_let_go_after_a_checkpoint(store: EmbeddedStore) -> None:
    wal = store._path.with_name(store._path.name + ".wal")
    store._con.execute(NONE)
    store.commit(commit_of(hr_frame(1)))
    held = store._checkpoints._handle
    assert held is not None and os.fstat(held).st_ino == wal.stat().st_ino
    store._con.execute(EACH)
    store.commit(commit_of(hr_frame(2)))
    store._con.execute(NONE)
    store.commit(commit_of(hr_frame(3)))
    _let_go()
    assert not [name for name in _open_files(wal) if name.endswith("(deleted)")]
    held = store._checkpoints._handle
    assert held is not None and os.fstat(held).st_ino == wal.stat().st_ino
    store.close()
    assert not _open_files(wal)


def test_a_checkpoint_comes_with_rows_and_never_while_bytes_wait(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    wal = store._path.with_name(store._path.name + ".wal")
    store.commit(commit_of(ecg_at(1)))
    before = _asked(store, LIMIT)
    monkeypatch.setattr(checkpoints, "LOG_BYTES", 0)
    store.commit(in_columns(commit_of(ecg_at(2))))
    assert store._recent.numbered() is not None
    assert wal.stat().st_size > 0
    store._make_rows()
    assert not wal.exists() or wal.stat().st_size == 0
    assert _asked(store, LIMIT) == before
    assert _asked(store, "SELECT list(seq ORDER BY seq) FROM segment") == [1, 2]


def test_a_transaction_that_fails_leaves_the_limit_of_the_log(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.commit(commit_of(ecg_at(1)))
    before = _asked(store, LIMIT)
    monkeypatch.setattr(checkpoints, "LOG_BYTES", 0)
    with monkeypatch.context() as patch:
        patch.setattr(store, "_write", _fail)
        with pytest.raises(StoreError, match="no room"):
            store.commit(commit_of(ecg_at(2)))
    assert _asked(store, LIMIT) == before
    store.commit(commit_of(ecg_at(2)))
    assert _asked(store, "SELECT list(seq ORDER BY seq) FROM segment") == [1, 2]


def _fail(*_what: object) -> None:
    raise duckdb.IOException("no room")


def _refuse(_ask: object) -> None:
    raise StoreError("somebody writes")


def _let_go() -> None:
    for thread in threading.enumerate():
        if thread.name == "log":
            thread.join(60)


def _open_files(path: Path) -> list[str]:
    """What this process holds of a path, also of files that had it."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            name = str(entry.readlink())
        except OSError:  # the folder's own handle
            continue
        if name.startswith(str(path)):
            found.append(name)
    return found
