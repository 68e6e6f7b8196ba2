"""Strict reading of TOML tables: every wrong key, type or value becomes one line with a fix."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from vointi_contract.topics import is_id

from vointi_edge.errors import ConfigError, Problem

T = TypeVar("T")
_MISSING: Any = object()
_NAMES: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; ConfigError names the file and what to do."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError([Problem(path.name, "file", f"not found at {path}; create it")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(path.name, "file", f"cannot be read ({error})")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(path.name, "syntax", f"not TOML: {error}")]) from None


class Table:
    """One TOML table; getters note problems, `close` notes what nobody asked for.

    A getter that finds a problem returns the default (or an empty value), so that one reading of
    the file reports everything that is wrong in it.
    """

    def __init__(self, file: str, data: dict[str, Any], where: str = "") -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._data = data
        self._where = where
        self._known: set[str] = set()

    def problem(self, key: str, fix: str) -> None:
        """Note that `key` of this table is wrong and how to mend it."""
        self.problems.append(Problem(self.file, self._field(key), fix))

    def text(self, key: str, default: str = _MISSING) -> str:
        """Return a string."""
        return self._get(key, str, default, "")

    def number(self, key: str, default: float = _MISSING, low: float = 0.0) -> float:
        """Return a number ≥ `low` (whole numbers are numbers, too)."""
        value = self._data.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            self._data[key] = float(value)
        return float(self._at_least(key, self._get(key, float, default, low), low))

    def whole(self, key: str, default: int = _MISSING, low: int = 0, high: int = 2**62) -> int:
        """Return a whole number from `low` to `high`."""
        value = int(self._at_least(key, self._get(key, int, default, low), low))
        if value > high:
            self.problem(key, f"must be at most {high}, not {value}")
        return value

    def choice(self, key: str, options: Sequence[str], default: str = _MISSING) -> str:
        """Return one of `options`."""
        value = self.text(key, default)
        if key in self._data and isinstance(self._data[key], str) and value not in options:
            self.choice_problem(key, value, options)
        return value

    def choice_problem(self, key: str, value: str, options: Sequence[str]) -> None:
        """Note that `value` is none of `options`, with the nearest one."""
        close = difflib.get_close_matches(value, options, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else f"; use one of {', '.join(options)}"
        self.problem(key, f'"{value}" is not known{hint}')

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        return self._get(key, bool, default, default)

    def identifier(self, key: str, default: str = _MISSING) -> str:
        """Return an id as topics allow it ([a-z0-9][a-z0-9_-]{0,62})."""
        value = self.text(key, default)
        if isinstance(self._data.get(key), str) and not is_id(value):
            self.problem(key, f'"{value}" must match [a-z0-9][a-z0-9_-]*, at most 63 letters')
        return value

    def texts(self, key: str, default: tuple[str, ...] = _MISSING) -> tuple[str, ...]:
        """Return a list of strings."""
        values = self._get(key, list, default, [])
        if not all(isinstance(value, str) for value in values):
            self.problem(key, "must be a list of texts")
            return ()
        return tuple(values)

    def table(self, key: str, *, optional: bool = False) -> Table:
        """Return a table inside this one (empty when it is optional and absent)."""
        data = self._get(key, dict, {} if optional else _MISSING, {})
        return self._child(data, self._field(key))

    def tables(self, key: str) -> list[Table]:
        """Return an array of tables (absent = empty)."""
        rows = self._get(key, list, [], [])
        if not all(isinstance(row, dict) for row in rows):
            self.problem(key, f"must be written as [[{key}]]")
            return []
        return [self._child(row, f"{self._field(key)}[{n}]") for n, row in enumerate(rows, 1)]

    def rows(self, key: str, *, optional: bool = False) -> tuple[dict[str, Any], ...]:
        """Return an array of tables as it stands, for a reader with checks of its own."""
        rows = self._get(key, list, [] if optional else _MISSING, [])
        if not all(isinstance(row, dict) for row in rows):
            self.problem(key, "must be a list of tables")
            return ()
        return tuple(rows)

    def has(self, key: str) -> bool:
        """Say whether the file mentions `key`."""
        return key in self._data

    def names(self) -> tuple[str, ...]:
        """Return the keys that the file gives in this table."""
        return tuple(self._data)

    def close(self) -> None:
        """Note every key that nobody asked for, with the nearest known one."""
        for key in self._data.keys() - self._known:
            close = difflib.get_close_matches(key, sorted(self._known), n=1, cutoff=0.5)
            hint = f"did you mean {self._field(close[0])}?" if close else "remove it"
            if close and close[0] not in self._data:
                self._forget(close[0])  # it is not missing, it is misspelt: one line is enough
            self.problem(key, f"unknown key; {hint}")

    def _forget(self, key: str) -> None:
        field = self._field(key)
        self.problems[:] = [problem for problem in self.problems if problem.field != field]

    def raise_problems(self) -> None:
        """Raise ConfigError when anything was noted."""
        if self.problems:
            raise ConfigError(self.problems)

    def _child(self, data: dict[str, Any], where: str) -> Table:
        child = Table(self.file, dict(data), where)
        child.problems = self.problems
        return child

    def _field(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def _get(self, key: str, kind: type[T], default: Any, empty: Any) -> T:
        self._known.add(key)
        if key not in self._data:
            if default is _MISSING:
                self.problem(key, f"is missing; it must be {_NAMES[kind]}")
                return empty  # type: ignore[no-any-return]
            return default  # type: ignore[no-any-return]
        value = self._data[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.problem(key, f"must be {_NAMES[kind]}, not {value!r}")
            return empty if default is _MISSING else default  # type: ignore[no-any-return]
        return value

    def _at_least(self, key: str, value: float, low: float) -> float:
        if value < low:
            self.problem(key, f"must be at least {low}, not {value}")
            return low
        return value
