"""Scenario files: a seed, added devices, and faults at given moments of simulated time.

    seed = 7
    [[fault]]
    at_s = 30
    op = "drop"
    device = "C0:DE:00:00:00:01"

Each `fault` table is what the control port takes, with `at_s` added (see `faults.Faults`); each
`device` table adds a device that the demo does not have (see `extras`).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vointi_sim.clock import Clock
from vointi_sim.errors import ArgumentError
from vointi_sim.extras import Extra, parse
from vointi_sim.faults import Faults

_FIELD = "--scenario"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A parsed scenario; `faults` are in order of time. `seed` None leaves the command's own."""

    seed: int | None
    faults: tuple[dict[str, Any], ...]
    extras: tuple[Extra, ...] = ()


def read(path: Path) -> Scenario:
    """Read a scenario file. Raises ArgumentError naming the field and the fix."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArgumentError(_FIELD, f"{path}: {error.strerror}", "give a TOML file") from error
    except ValueError as error:
        raise ArgumentError(_FIELD, f"{path}: {error}", "correct the TOML") from error
    for key in table:
        if key not in ("seed", "fault", "device"):
            fix = "use seed, [[device]] and [[fault]]"
            raise ArgumentError(key, "is unknown in a scenario", fix)
    seed = table.get("seed")
    if seed is not None and type(seed) is not int:
        raise ArgumentError("seed", f"{seed!r} is wrong", "use a whole number")
    extras = tuple(parse(one) for one in _tables(table, "device"))
    return Scenario(seed, tuple(sorted(_tables(table, "fault"), key=_at_s)), extras)


def _tables(table: dict[str, Any], key: str) -> list[dict[str, Any]]:
    tables = table.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise ArgumentError(key, "is no array of tables", f"write [[{key}]]")
    return tables


class Director:
    """Makes a scenario happen; every fault is checked when it is constructed.

    Raises ArgumentError at the first fault that is wrong.
    """

    def __init__(self, scenario: Scenario, faults: Faults, clock: Clock) -> None:
        self._clock = clock
        self._cues = [(_at_s(fault), faults.plan(fault)) for fault in scenario.faults]

    async def run(self) -> None:
        """Apply each fault at its moment, then return."""
        for at_s, act in self._cues:
            await self._clock.until(at_s)
            await act()


def _at_s(fault: dict[str, Any]) -> float:
    value = fault.get("at_s")
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ArgumentError("at_s", f"{value!r} is wrong", "use seconds from the start")
    return float(value)
