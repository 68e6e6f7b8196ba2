"""Clocks: one axis, whatever happens between two looks at it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from edge_parts import SetClock
from vointi_contract.frame import ClockState
from vointi_contract.status import ClockAnchor
from vointi_edge.clock import NtpClock, ScaledClock, SystemClock, make_clock, wall_at
from vointi_edge.clockfloor import RELEASED_US, ClockFloor, raise_system_clock
from vointi_edge.clockwatch import ClockChange, ClockWatch


def test_wall_time_of_a_monotonic_moment_does_not_depend_on_when_it_is_asked() -> None:
    clock = ScaledClock(SystemClock(), 20)
    moment = clock.boottime_us()
    asked = set()
    for _ in range(20):
        asked.add(wall_at(clock, moment))
        time.sleep(0.001)
    assert len(asked) == 1


def test_the_systems_offset_is_right_to_microseconds_though_the_process_is_put_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SystemClock()
    real, calls = time.time_ns, [0]
    steady = clock.wall_offset()

    def slow() -> int:
        calls[0] += 1
        now = real()
        if calls[0] % 3 == 1:
            time.sleep(0.03)
        return now

    monkeypatch.setattr(time, "time_ns", slow)
    assert clock.wall_offset() == pytest.approx(steady, abs=2_000)


def test_compressed_time_runs_faster_on_both_axes() -> None:
    base = SetClock()
    clock = ScaledClock(base, 20)
    mono_us, wall_us = clock.boottime_us(), clock.wall_us()
    base.mono_us += 1_000
    assert wall_us is not None
    assert clock.boottime_us() - mono_us == 20_000
    assert clock.wall_us() == wall_us + 20_000


def test_no_wall_time_before_the_clock_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = NtpClock()
    monkeypatch.setattr(clock, "_kernel", lambda: (5, 16_000_000))
    assert (clock.state, clock.wall_us(), clock.wall_offset()) == (ClockState.UNSYNCED, None, None)
    assert wall_at(clock, 1) is None
    monkeypatch.setattr(clock, "_kernel", lambda: (0, 1_234))
    assert (clock.state, clock.uncertainty_us) == (ClockState.NTP, 1_234)
    assert wall_at(clock, clock.boottime_us()) == pytest.approx(time.time_ns() / 1000, abs=50_000)


def test_the_configuration_chooses() -> None:
    assert isinstance(make_clock("system", 1.0), SystemClock)
    assert isinstance(make_clock("ntp", 1.0), NtpClock)
    assert isinstance(make_clock("system", 20.0), ScaledClock)


def test_a_sandbox_that_forbids_to_ask_leaves_the_clock_untrusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = NtpClock()
    monkeypatch.setattr(clock, "_kernel", lambda: (-1, 0))
    assert (clock.state, clock.wall_us()) == (ClockState.UNSYNCED, None)


def test_a_time_that_has_been_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = NtpClock(floor_us=time.time_ns() // 1000 + 3_600_000_000)
    monkeypatch.setattr(clock, "_kernel", lambda: (0, 1_234))
    assert (clock.state, clock.uncertainty_us, clock.wall_us()) == (ClockState.UNSYNCED, 0, None)


def test_the_floor_rises_and_never_falls(tmp_path: Path) -> None:
    floor = ClockFloor(tmp_path / "clock.floor", released_us=1_000)
    assert floor.read() == 1_000
    floor.save(5_000)
    floor.save(2_000)
    assert ClockFloor(tmp_path / "clock.floor", released_us=1_000).read() == 5_000
    (tmp_path / "clock.floor").write_text("no number")
    assert floor.read() == 1_000
    assert time.time_ns() // 1000 > RELEASED_US


def test_the_systems_clock_is_only_ever_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(time, "clock_settime_ns", lambda which, ns: asked.append(ns))
    monkeypatch.setattr(time, "time_ns", lambda: 86_400_000_000_000)
    assert raise_system_clock(86_399_000_000) == 0
    assert raise_system_clock(RELEASED_US) == RELEASED_US - 86_400_000_000
    assert asked == [RELEASED_US * 1000]


def looks(*steps: tuple[int, int | None]) -> list[ClockChange | None]:
    clock = SetClock(wall_offset_us=None)
    watch = ClockWatch(clock)
    found = []
    for mono_us, offset_us in steps:
        clock.mono_us, clock.wall_offset_us = mono_us, offset_us
        found.append(watch.look())
    return found


def test_wall_time_found_and_lost_is_told_once() -> None:
    changes = looks((1, None), (2, None), (3, 1_000), (4, 1_000), (5, None), (6, None))
    assert [change and change.kind for change in changes] == [None, None, "set", None, "lost", None]


def test_a_jump_is_told_with_its_size_and_slewing_is_none() -> None:
    hour_us = 3_600_000_000
    changes = looks((0, 0), (1_000_000, 500), (2_000_000, hour_us), (3_000_000, 0))
    assert changes[1] is None
    assert changes[2] == ClockChange("jump", 2_000_000, 2_000_000 + hour_us, hour_us - 500)
    assert changes[3] == ClockChange("jump", 3_000_000, 3_000_000, -hour_us)


def test_an_anchor_is_renewed_every_ten_minutes() -> None:
    changes = looks(*((n * 60_000_000, 5) for n in range(1, 22)))
    kinds = [change.kind for change in changes if change]
    assert kinds == ["set", "refresh", "refresh"]


def test_an_anchor_says_what_the_clock_said() -> None:
    clock = SetClock(mono_us=7, wall_offset_us=1_700_000_000_000_000)
    watch = ClockWatch(clock)
    change = watch.look()
    assert change is not None
    assert watch.anchor(change, 9) == ClockAnchor(9, 7, 1_700_000_000_000_007, 1000, clock.state)
    assert watch.anchor(ClockChange("lost", 8, None), 9) is None
