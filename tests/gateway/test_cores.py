"""How many cores the embedded store's engine uses, and when."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
from gateway_kit import T0_US, hr_frame
from store_conformance import commit_of, span
from vointi_gateway.store.embedded import EmbeddedStore, summaries, upkeep
from vointi_gateway.store.embedded.cores import Cores

ONE, ALL = "SET threads = 1", "RESET threads"


def test_all_cores_are_used_while_anybody_needs_them() -> None:
    said: list[str] = []
    cores = Cores(said.append)
    cores.apply()
    with cores.every():
        with cores.every():
            cores.apply()
        assert set(said[1:]) == {ALL}
    assert (said[0], said[-1]) == (ONE, ONE)


def test_a_failure_gives_the_cores_back() -> None:
    said: list[str] = []
    try:
        with Cores(said.append).every():
            raise RuntimeError
    except RuntimeError:
        said.append("failed")
    assert said == [ALL, ONE, "failed"]


def test_a_store_uses_one_core_before_and_after_long_work(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "s.duckdb")
    default = duckdb.connect().execute("SELECT current_setting('threads')").fetchall()
    store.open()
    try:
        assert _threads(store) == [(1,)]
        with store._cores.every():
            assert _threads(store) == default
            store.reopen()
            assert _threads(store) == default
        assert _threads(store) == [(1,)]
    finally:
        store.close()


def test_a_store_may_be_closed_during_long_work(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "s.duckdb")
    store.open()
    with store._cores.every():
        store.close()
    store.open()
    assert _threads(store) == [(1,)]
    store.close()


def test_memory_is_given_back_each_minute_and_is_never_short(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _of(store, "SELECT current_setting('memory_limit')")
    cached = "SELECT coalesce(sum(memory_usage_bytes), 0) FROM duckdb_memory()"
    store._con.execute("CREATE TABLE much AS SELECT random() AS x FROM range(4000000)")
    store._con.execute("CHECKPOINT")
    store._con.execute("SELECT sum(x) FROM much").fetchall()
    held = _of(store, cached)
    monkeypatch.setattr(upkeep, "CACHE", "8MB")
    store.summarise()
    assert _of(store, cached) <= 8 * 1024**2 < held
    # Less than what cannot be given back: nothing comes of it.
    monkeypatch.setattr(upkeep, "CACHE", "1B")
    store.summarise()
    assert _of(store, "SELECT current_setting('memory_limit')") == before


def test_readings_that_never_cease_do_not_keep_a_pass_going(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes while a pass works is the next one's, each minute of a series one row by then."""
    take_in, turns = summaries.take_in, count(2)

    def then_comes_another(cursor: Any) -> int:
        taken = take_in(cursor)
        seq = next(turns)
        assert seq < 9, "the pass goes on as long as readings come"
        store.commit(commit_of(hr_frame(seq, wall_us=T0_US + seq)))
        store._make_rows()
        return taken

    store.commit(commit_of(hr_frame(1, wall_us=T0_US + 1)))
    monkeypatch.setattr(summaries, "take_in", then_comes_another)
    assert store.summarise() == 3  # a heart rate and what it says beside it
    monkeypatch.setattr(summaries, "take_in", take_in)
    assert store.summarise() == 3
    assert store.windows(span("heart_rate"), 60_000_000).n.tolist() == [2]


def test_a_pass_goes_on_until_a_backlog_is_taken_in(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.commit(commit_of(*(hr_frame(seq, wall_us=T0_US + seq) for seq in range(1, 8))))
    monkeypatch.setattr(summaries, "STEP", 3)
    assert store.summarise() == 21
    assert store.summarise() == 0


def _of(store: EmbeddedStore, question: str) -> Any:
    return store._con.execute(question).fetchall()[0][0]


def _threads(store: EmbeddedStore) -> list[tuple[int]]:
    found: list[tuple[int]] = store._read(
        lambda cursor: cursor.execute("SELECT current_setting('threads')").fetchall()
    )
    return found
