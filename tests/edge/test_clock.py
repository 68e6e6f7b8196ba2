"""Clocks: one axis, whatever happens between two looks at it."""

from __future__ import annotations

import time

import pytest
from edge_parts import SetClock
from vointi_contract.frame import ClockState
from vointi_edge.clock import NtpClock, ScaledClock, SystemClock, make_clock, wall_at


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
