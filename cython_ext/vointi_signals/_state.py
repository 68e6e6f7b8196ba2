"""Saved states: bytes with JSON inside, tied to one routine, version and set of parameters."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vointi_signals.errors import StateError

VERSION = 1


def fingerprint(*parts: object) -> int:
    """Return a number that differs when any parameter differs."""
    crc = 0
    for part in parts:
        raw = part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode()
        crc = zlib.crc32(raw, crc)
    return crc


def save(kind: str, of: int, **fields: Any) -> bytes:
    """Return the fields as bytes; floats survive the way through JSON to the last bit."""
    body = {"kind": kind, "version": VERSION, "of": of} | fields
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def restore(raw: object, kind: str, of: int) -> dict[str, Any]:
    """Return the fields; StateError unless they are of this kind, version and parameters."""
    if not isinstance(raw, (bytes, bytearray, memoryview)):
        raise StateError("state", f"a {type(raw).__name__}", "pass the bytes of get_state()")
    try:
        saved = json.loads(bytes(raw))
    except (ValueError, RecursionError):
        saved = None
    if not isinstance(saved, dict):
        raise StateError("state", "not a saved state", "pass the bytes of get_state()")
    if saved.get("kind") != kind:
        raise StateError("kind", f"{saved.get('kind')!r} is not {kind!r}")
    if saved.get("version") != VERSION:
        raise StateError("version", f"{saved.get('version')!r} is not {VERSION}", "reset instead")
    if saved.get("of") != of:
        raise StateError("of", "saved by a routine with other parameters", "reset instead")
    return saved


def numbers(saved: dict[str, Any], key: str, size: int) -> NDArray[np.float64]:
    """Return the list of ``size`` finite numbers that ``saved[key]`` is."""
    try:
        values = np.asarray(saved[key], np.float64)
    except (KeyError, TypeError, ValueError):
        raise StateError(key, "missing or not numbers") from None
    if values.shape != (size,) or not np.isfinite(values).all():
        raise StateError(key, f"not {size} finite numbers")
    return values


def whole(saved: dict[str, Any], key: str, most: int = 2**62) -> int:
    """Return the whole number from 0 to ``most`` that ``saved[key]`` is."""
    value = saved.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise StateError(key, f"{value!r} is not a whole number from 0 to {most}")
    return value


def number(saved: dict[str, Any], key: str) -> float:
    """Return the finite number that ``saved[key]`` is."""
    return float(numbers({key: [saved.get(key)]}, key, 1)[0])


def listed(saved: dict[str, Any], key: str, most: int) -> NDArray[np.float64]:
    """Return the list of at most ``most`` finite numbers that ``saved[key]`` is."""
    values = saved.get(key)
    if not isinstance(values, list) or len(values) > most:
        raise StateError(key, f"not a list of at most {most} numbers")
    return numbers(saved, key, len(values))


def nested(saved: dict[str, Any], key: str) -> bytes:
    """Return the state of an inner routine that ``saved[key]`` holds as text."""
    value = saved.get(key)
    if not isinstance(value, str):
        raise StateError(key, "not an inner state")
    return value.encode()
