"""Reading JSON from a peer with the path of whatever is wrong in the message."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from vointi_contract.checks import MAX_US
from vointi_contract.errors import PayloadError, shown
from vointi_contract.topics import is_id

T = TypeVar("T")

# Same bound as a data payload: brokers of every make take it.
MAX_JSON: Final = 64 * 1024
MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object and its path; each reader raises PayloadError naming path, field and fix."""

    values: dict[str, object]
    path: str = ""

    def at(self, key: str) -> str:
        """The path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def text(self, key: str, limit: int = MAX_TEXT) -> str:
        """A printable text of at most `limit` letters; may be empty."""
        value = self._get(key)
        if not isinstance(value, str) or len(value) > limit or not value.isprintable():
            raise self._wrong(key, f"a printable text of at most {limit} letters")
        return value

    def identifier(self, key: str) -> str:
        """A name that may stand in a topic."""
        value = self._get(key)
        if not isinstance(value, str) or not is_id(value):
            raise self._wrong(key, "1 to 63 of a-z, 0-9, - and _")
        return value

    def maybe_identifier(self, key: str) -> str | None:
        """The same, or None where the key is null or absent."""
        return None if self.values.get(key) is None else self.identifier(key)

    def integer(self, key: str, low: int = 0, high: int = MAX_US) -> int:
        """A whole number within low … high."""
        value = self._get(key)
        if type(value) is not int or not low <= value <= high:
            raise self._wrong(key, f"a whole number from {low} to {high}")
        return value

    def maybe_integer(self, key: str, low: int = 0, high: int = MAX_US) -> int | None:
        """The same, or None where the key is null or absent."""
        return None if self.values.get(key) is None else self.integer(key, low, high)

    def number(self, key: str, low: float, high: float) -> float:
        """A finite number within low … high."""
        value = self._get(key)
        if type(value) not in (int, float) or not low <= value <= high:  # type: ignore[operator]
            raise self._wrong(key, f"a number from {low:g} to {high:g}")
        return float(value)  # type: ignore[arg-type]

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def boot(self, key: str = "boot") -> int:
        """A boot id: 16 hexadecimal digits, since JSON readers round integers above 2^53."""
        value = self._get(key)
        try:
            boot = int(value, 16) if isinstance(value, str) and len(value) == 16 else 0
        except ValueError:
            boot = 0
        if boot <= 0:
            raise self._wrong(key, "16 hexadecimal digits, not all 0")
        return boot

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of the allowed words."""
        value = self._get(key)
        if not isinstance(value, str) or value not in allowed:
            raise self._wrong(key, f"one of {', '.join(allowed)}")
        return value

    def texts(self, key: str, limit: int = 64) -> tuple[str, ...]:
        """A list of at most `limit` printable texts."""
        items = enumerate(self._list(key, limit))
        return tuple(
            Fields({f"{key}[{i}]": item}, self.path).text(f"{key}[{i}]") for i, item in items
        )

    def objects(self, key: str, make: Callable[[Fields], T], limit: int = 256) -> tuple[T, ...]:
        """A list of at most `limit` objects, each given to `make`."""
        items = enumerate(self._list(key, limit))
        return tuple(make(fields_of(item, f"{self.at(key)}[{i}]")) for i, item in items)

    def nested(self, key: str, make: Callable[[Fields], T]) -> T:
        """An object, given to `make`."""
        return make(fields_of(self._get(key), self.at(key)))

    def _list(self, key: str, limit: int) -> list[object]:
        value = self._get(key)
        if not isinstance(value, list) or len(value) > limit:
            raise self._wrong(key, f"a list of at most {limit}")
        return value

    def _get(self, key: str) -> object:
        try:
            return self.values[key]
        except KeyError:
            raise PayloadError(self.at(key), "missing; send it") from None

    def _wrong(self, key: str, expected: str) -> PayloadError:
        return PayloadError(self.at(key), f"{shown(self.values[key])}; give {expected}")


def fields_of(value: object, path: str) -> Fields:
    """The value as an object; raises PayloadError."""
    if not isinstance(value, dict):
        raise PayloadError(path, f"{shown(value)} is no JSON object")
    return Fields(value, path)


def parse_object(payload: bytes | str) -> Fields:
    """The one JSON object of a payload; raises PayloadError."""
    if len(payload) > MAX_JSON:
        raise PayloadError("payload", f"{len(payload)} bytes; send at most {MAX_JSON}")
    try:
        value = json.loads(payload, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise PayloadError("payload", "no JSON; send one JSON object in UTF-8") from None
    return fields_of(value, "payload") if not isinstance(value, dict) else Fields(value)


def dump(value: object) -> bytes:
    """Compact UTF-8 JSON; NaN and infinities are refused."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def boot_text(boot: int) -> str:
    """A boot id as it stands in JSON."""
    return f"{boot:016x}"


def _no_constant(name: str) -> object:
    raise ValueError(name)
