"""Reading a fault's table: every wrong field is said with what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeAlias

from vointi_sim.errors import ArgumentError

Fields: TypeAlias = Mapping[str, Any]
Action: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
Planner: TypeAlias = Callable[[Fields], Action]


def only(table: Fields, *known: str) -> None:
    """Refuse every field that is not `known`. Raises ArgumentError."""
    for key in table:
        if key not in (*known, "op", "at_s"):
            raise ArgumentError(key, "is unknown here", f"use {', '.join(known)}")


def number(table: Fields, key: str, low: float, high: float, default: float | None = None) -> float:
    """A number from `low` to `high`. Raises ArgumentError."""
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ArgumentError(key, f"{value!r} is wrong", f"use a number from {low:g} to {high:g}")
    return float(value)


def flag(table: Fields, key: str, default: bool | None = None) -> bool:
    """True or false. Raises ArgumentError."""
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise ArgumentError(key, f"{value!r} is wrong", "use true or false")
    return value


def choice(table: Fields, key: str, options: Sequence[str], default: str | None = None) -> str:
    """One of `options`. Raises ArgumentError."""
    value = table.get(key, default)
    if value not in options:
        raise ArgumentError(key, f"{value!r} is wrong", f"use one of {', '.join(options)}")
    return str(value)
