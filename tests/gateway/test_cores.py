"""How many cores the embedded store's engine uses, and when."""

from __future__ import annotations

from pathlib import Path

import duckdb
from vointi_gateway.store.embedded import EmbeddedStore
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


def _threads(store: EmbeddedStore) -> list[tuple[int]]:
    found: list[tuple[int]] = store._read(
        lambda cursor: cursor.execute("SELECT current_setting('threads')").fetchall()
    )
    return found
