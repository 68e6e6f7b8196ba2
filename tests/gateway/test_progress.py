"""How far long work is reaches who waits: here at once, elsewhere through the mailbox."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from vointi_gateway.commands.bar import bar
from vointi_gateway.pilots import jobs
from vointi_gateway.pilots.backup import backup, check
from vointi_gateway.pilots.registry import Registry
from vointi_gateway.progress import Told

Heard = list[tuple[int, int, str]]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry(tmp_path / "data")
    made.open()
    return made


def listener(heard: Heard) -> Told:
    def told(done: int, total: int, what: str) -> None:
        heard.append((done, total, what))

    return told


def test_who_waits_in_another_process_sees_how_far_a_job_is(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_TELL_S", 0.0)
    asked = registry.jobs.ask("long")
    seen = []

    def work(_arguments: dict[str, Any], told: Told) -> dict[str, Any]:
        told(1, 4, "a part")
        seen.append(registry.jobs.get(asked.id))
        return {"files": 4}

    heard: Heard = []
    assert registry.jobs.run({"long": work}, listener(heard)) == 1
    assert heard == [(1, 4, "a part")]
    assert (seen[0].state, seen[0].result) == ("asked", {"done": 1, "total": 4, "what": "a part"})
    assert registry.jobs.get(asked.id).result == {"files": 4}


def test_a_backup_tells_what_it_does_and_how_far_its_check_is(
    registry: Registry, tmp_path: Path
) -> None:
    def store(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("x", bytes(5000))

    heard: Heard = []
    backup(registry, store, tmp_path / "b", "test", "x.zip", told=listener(heard))
    assert heard[0] == (0, 0, "copying x.zip")
    heard.clear()
    check(tmp_path / "b", told=listener(heard))
    done = [one[0] for one in heard]
    assert (done[0], done) == (0, sorted(done))
    assert all(one[0] < one[1] for one in heard if one[1])


def test_a_bar_is_for_terminals_alone() -> None:
    for terminal, shown in ((True, True), (False, False)):
        out = io.StringIO()
        with bar(Console(file=out, force_terminal=terminal, width=80), "copying") as told:
            told(done=1, total=2, what="copying x")
        assert ("copying x" in out.getvalue()) is shown
