"""Outboxes of every earlier schema are carried on: what waited still waits."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import golden
import pytest
from vointi_contract.ack import Watermark
from vointi_edge.outbox.store import OutboxStore


def test_every_schema_has_its_file() -> None:
    folder = resources.files("vointi_edge.outbox").joinpath("migrations")
    wanted = {int(f.name[:4]) for f in folder.iterdir() if f.name.endswith(".sql")}
    assert {int(p.stem.rpartition("-")[2]) for p in golden.dumps("outbox")} == wanted


@pytest.mark.parametrize("dump", golden.dumps("outbox"), ids=lambda path: path.stem)
def test_what_waited_still_waits(dump: Path, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    golden.load_sqlite(dump.read_text(encoding="utf-8"), path)
    store = OutboxStore(path, "kernel-2", 10**9)
    rows = store.read(0, store.newest(), 10**6)
    payloads = [b"reading %d" % seq for seq in (1, 2, 3)]
    assert [(row.seq, row.payload) for row in rows] == [*zip((1, 2, 3), payloads, strict=True)] * 2
    counts = store.counts()
    assert (counts.accepted, counts.pending, counts.committed, counts.lost) == (6, 6, 0, 0)
    assert rows[-1].boot == store.boot != rows[0].boot
    store.commit([Watermark("strap-1", rows[0].boot, 3, ())])
    assert [row.boot for row in store.read(0, store.newest(), 10**6)] == [store.boot] * 3
    store.close()
