"""Faults 1 to 4: the power is cut in mid-write, the card is full, read-only, or fails once."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest
from disk_kit import Disk, build_shim, run_writer, steps
from vointi_edge.outbox.store import OutboxStore

READINGS = 90


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


def kept(folder: Path) -> list[int]:
    store = OutboxStore(folder / "outbox.db", "kernel-1", 10**9)
    try:
        seqs = [row.seq for row in store.read(0, 10**9, 10**9)]
        counts = store.counts()
        assert (counts.accepted, counts.pending, counts.lost) == (len(seqs), len(seqs), 0)
        return seqs
    finally:
        store.close()


def lost_by_cuts(folder: Path, target: Path, cuts: int) -> int:
    """Cut the power at random moments; return how many acknowledged readings were not there."""
    log = list(steps(Path(f"{folder}.log")))
    chance = random.Random(1)
    lost = 0
    for cut in sorted(chance.sample(range(len(log) // 10, len(log)), cuts)):
        disk, told = Disk(), 0
        for step in log[:cut]:
            if step.path.endswith("/ack"):
                told = int(step.data)
            else:
                disk.take(step)
        left = target / str(cut)
        disk.after_cut(folder, left, chance)
        seqs = kept(left)
        assert seqs == list(range(1, len(seqs) + 1))
        lost += max(0, told - len(seqs))
    return lost


def test_thirty_power_cuts_lose_nothing_that_was_acknowledged(shim: Path, tmp_path: Path) -> None:
    run_writer(shim, tmp_path / "box", READINGS)
    assert kept(tmp_path / "box") == list(range(1, READINGS + 1))
    assert lost_by_cuts(tmp_path / "box", tmp_path / "left", cuts=30) == 0


def test_the_same_cuts_find_a_file_that_is_not_synced_at_each_commit(
    shim: Path, tmp_path: Path
) -> None:
    """The test above can fail: NORMAL syncs at checkpoints alone."""
    run_writer(shim, tmp_path / "box", READINGS, synchronous="NORMAL")
    assert lost_by_cuts(tmp_path / "box", tmp_path / "left", cuts=10) > 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (f"write:{errno.ENOSPC}:50:12", "full"),
        (f"write:{errno.EROFS}:50:12", "I/O error"),
        (f"sync:{errno.EIO}:12:1", "I/O error"),
    ],
    ids=["card-full", "card-read-only", "one-sync-fails"],
)
def test_a_failing_card_is_said_and_once_it_works_again_everything_is_there_once(
    shim: Path, tmp_path: Path, fault: str, said: str
) -> None:
    logged = run_writer(shim, tmp_path / "box", READINGS, fail=fault)
    assert "outbox: cannot write" in logged
    assert said in logged
    assert "outbox: writes again" in logged
    assert kept(tmp_path / "box") == list(range(1, READINGS + 1))
