"""How far long work is reaches who waits: here at once, elsewhere through the mailbox."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
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


def last_frame(width: int, *told_parts: tuple[int, int, str]) -> str:
    """What a bar shows when it has heard all of these."""
    out = io.StringIO()
    with bar(Console(file=out, force_terminal=True, width=width, color_system=None), "a") as told:
        for part in told_parts:
            told(*part)
    return out.getvalue().split("\x1b[2K")[-2].splitlines()[0]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_long_name_leaves_the_bar_its_place(width: int) -> None:
    long = (1, 4, "checking " + "lake/pilot=a-pilot/date=2026-06-01/waveform" * 3)
    line, short = last_frame(width, long), last_frame(width, (1, 4, "checking x"))
    bar_and_time = short.partition("checking")[0]
    assert ("━" * 4 in bar_and_time, " 25% 0:00:" in bar_and_time) == (True, True)
    assert line[:29] == bar_and_time[:29], "its time may be a second later"
    assert (cell_len(line), line.rstrip()[-1]) == (width, "…")


def test_a_part_of_unknown_length_shows_no_percentage_of_the_part_before() -> None:
    assert "100%" in last_frame(80, (4, 4, "checking x"))
    assert "%" not in last_frame(80, (4, 4, "checking x"), (0, 0, "sealing"))
