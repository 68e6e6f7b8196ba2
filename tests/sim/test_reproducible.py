"""A scenario and its seed give the same bytes, every time and in every process."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import reproduce


@pytest.fixture(scope="module", autouse=True)
def quiet() -> None:
    logging.getLogger("bumble").setLevel(logging.CRITICAL)


def elsewhere(path: Path, seed: int, hash_seed: int) -> tuple[str, int]:
    """The same in a process of its own, whose sets and dictionaries of text are ordered anew."""
    done = subprocess.run(
        [sys.executable, reproduce.__file__, str(path), str(seed)],
        env=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    digest, count = done.stdout.split()
    return digest, int(count)


def test_two_processes_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(reproduce.STORY)
    once, again = elsewhere(path, 5, 1), elsewhere(path, 5, 2)
    assert once == again
    assert once[1] > 300
    assert reproduce.bytes_of(path, 6) != once
