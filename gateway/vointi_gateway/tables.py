"""TOML tables into settings: an error names the key and the fix; nothing is guessed."""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from .errors import ConfigError

_T = TypeVar("_T")


def document(path: Path) -> dict[str, Any]:
    """A TOML file. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(str(path), "", f"cannot be read ({exc.strerror})") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(path.name, "", f"is not TOML: {exc}") from exc


def anchored(cls: type, table: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """A table of the settings class `cls`, its relative paths made from `base`."""
    hints = typing.get_type_hints(cls)
    return {key: _anchored(hints.get(key), value, base) for key, value in table.items()}


def _anchored(hint: Any, value: Any, base: Path) -> Any:
    inner = _dataclass_in(hint)
    if inner is not None and isinstance(value, dict):
        return anchored(inner, value, base)
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    is_path = Path in options and isinstance(value, str)
    return str(base / Path(value).expanduser()) if is_path else value


def overlay(table: dict[str, Any], cls: type, environ: Mapping[str, str], prefix: str) -> None:
    """Put what the environment says over a table of the settings class `cls`; lists stay."""
    for name, hint in typing.get_type_hints(cls).items():
        inner = _dataclass_in(hint)
        if inner is not None:
            given = table.get(name, {})
            if not isinstance(given, dict):
                continue
            below = dict(given)
            overlay(below, inner, environ, f"{prefix}{name.upper()}_")
            if below:
                table[name] = below
        elif prefix + name.upper() in environ and typing.get_origin(hint) is not tuple:
            table[name] = _from_text(hint, environ[prefix + name.upper()])


def _dataclass_in(hint: Any) -> type | None:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return next((o for o in options if dataclasses.is_dataclass(o)), None)  # type: ignore[return-value]


def _from_text(hint: Any, text: str) -> Any:
    if hint is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    for kind in (int, float):
        if hint is kind:
            try:
                return kind(text)
            except ValueError:
                return text
    return text


def read_table(cls: type[_T], table: Mapping[str, Any], where: str, prefix: str = "") -> _T:
    """A TOML table as the settings class `cls`. Raises ConfigError with the dotted key."""
    hints = typing.get_type_hints(cls)
    for key in table:
        if key not in hints:
            raise ConfigError(where, prefix + key, _unknown(key, prefix, list(hints)))
    values = {key: _value(hints[key], value, where, prefix + key) for key, value in table.items()}
    for item in dataclasses.fields(cls):  # type: ignore[arg-type]
        has_default = (item.default, item.default_factory) != (dataclasses.MISSING,) * 2
        if item.name not in values and not has_default:
            raise ConfigError(where, prefix + item.name, "is missing; set it")
    return cls(**values)


def _unknown(key: str, prefix: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    if close:
        return f"unknown key; did you mean {prefix}{close[0]}?"
    return f"unknown key; known are {', '.join(sorted(known))}"


def _value(hint: Any, value: Any, where: str, key: str) -> Any:
    inner = _dataclass_in(hint)
    if inner is not None:
        if not isinstance(value, dict):
            raise ConfigError(where, key, f"must be a table, not {value!r}; write [{key}]")
        return read_table(inner, value, where, f"{key}.")
    if typing.get_origin(hint) is Literal:
        return _choice(typing.get_args(hint), value, where, key)
    if typing.get_origin(hint) is tuple:
        return _items(typing.get_args(hint)[0], value, where, key)
    return _plain(hint, value, where, key)


def _choice(choices: tuple[Any, ...], value: Any, where: str, key: str) -> Any:
    if value in choices:
        return value
    wanted = " or ".join(f'"{c}"' for c in choices)
    raise ConfigError(where, key, f"{value!r} is not known; use {wanted}")


def _items(hint: Any, value: Any, where: str, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigError(where, key, f"must be a list, not {value!r}")
    return tuple(_value(hint, item, where, f"{key}[{i}]") for i, item in enumerate(value))


def _plain(hint: Any, value: Any, where: str, key: str) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if Path in options and isinstance(value, str):
        return Path(value).expanduser()
    if float in options and type(value) in (int, float):
        return _finite(value, where, key)
    if str in options and isinstance(value, str):
        return _writable(value, where, key)
    for kind in (bool, int):
        if kind in options and type(value) is kind:
            return value
    names = {str: "text", int: "a whole number", float: "a number", Path: "a path in quotes"}
    names |= {bool: "true or false"}
    wanted = " or ".join(names[o] for o in options if o in names)
    raise ConfigError(where, key, f"must be {wanted}, not {value!r}")


def _finite(value: float, where: str, key: str) -> float:
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(where, key, "must be a number that is finite and not that large")
    return number


def _writable(text: str, where: str, key: str) -> str:
    """JSON can spell half a character, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        problem = "holds half a surrogate pair; write it in UTF-8"
        raise ConfigError(where, key, problem) from None
    return text
