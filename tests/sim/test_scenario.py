"""Scenario files: faults at their moments, and wrong ones said before anything starts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from vointi_sim import scenario
from vointi_sim.clock import PacedClock
from vointi_sim.errors import ArgumentError
from vointi_sim.faults import Faults
from vointi_sim.places import STRAP, home


class HandClock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        return self._now_s

    async def until(self, when_s: float) -> None:
        while self._now_s < when_s:  # noqa: ASYNC110 - turned by the test itself
            await asyncio.sleep(0)

    async def turn(self, now_s: float) -> None:
        self._now_s = now_s
        for _ in range(10):
            await asyncio.sleep(0)


def write(folder: Path, text: str) -> Path:
    path = folder / "s.toml"
    path.write_text(text)
    return path


async def test_faults_happen_in_order_of_time(tmp_path: Path) -> None:
    story = scenario.read(
        write(
            tmp_path,
            f"""
            seed = 9
            [[fault]]
            at_s = 60
            op = "adv_loss"
            probability = 0.5
            [[fault]]
            at_s = 20
            op = "battery"
            device = "{STRAP}"
            percent = 3
            """,
        )
    )
    assert story.seed == 9
    clock = HandClock()
    place = home(clock, 9)
    director = scenario.Director(story, Faults([place], clock), clock)
    running = asyncio.create_task(director.run())
    await clock.turn(19.9)
    assert place.devices[0].battery_pct == 93
    await clock.turn(20.0)
    assert (place.devices[0].battery_pct, place.radio.adv_loss) == (3, 0.0)
    await clock.turn(60.0)
    assert place.radio.adv_loss == 0.5
    await running


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = ", "--scenario: "),
        ("sed = 3", "sed: is unknown in a scenario; use seed, "),
        ("seed = true", "seed: True is wrong; use a whole number"),
        ("fault = 3", r"fault: is no array of tables; write \[\[fault\]\]"),
        ("[[fault]]\nop = 'drop'", "at_s: None is wrong; use seconds from the start"),
        ("[[fault]]\nat_s = 1\nop = 'drip'", "op: 'drip' is unknown; use one of drop"),
        ("[[fault]]\nat_s = 1\nop = 'wear'\nworn = 'no'", "worn: 'no' is wrong"),
    ],
)
async def test_what_is_wrong_is_said_at_once(tmp_path: Path, text: str, said: str) -> None:
    place = home(PacedClock(), 1)
    with pytest.raises(ArgumentError, match=said):
        scenario.Director(
            scenario.read(write(tmp_path, text)), Faults([place], PacedClock()), PacedClock()
        )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"--scenario: .*none\.toml: No such file"):
        scenario.read(tmp_path / "none.toml")
