"""Saved states: plain dicts that JSON can carry, tied to one routine, version and parameters."""

from __future__ import annotations

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


def header(kind: str, of: int) -> dict[str, Any]:
    """Return the keys that every saved state begins with."""
    return {"kind": kind, "version": VERSION, "of": of}


def checked(saved: object, kind: str, of: int) -> None:
    """Raise StateError unless ``saved`` is a state of this kind, version and parameters."""
    if not isinstance(saved, dict):
        raise StateError("state", f"a {type(saved).__name__}", "pass a dict of get_state()")
    if saved.get("kind") != kind:
        raise StateError("kind", f"{saved.get('kind')!r} is not {kind!r}")
    if saved.get("version") != VERSION:
        raise StateError("version", f"{saved.get('version')!r} is not {VERSION}", "reset instead")
    if saved.get("of") != of:
        raise StateError("of", "saved by a routine with other parameters", "reset instead")


def numbers(saved: dict[str, Any], key: str, size: int = 1) -> NDArray[np.float64]:
    """Return ``size`` finite numbers of ``saved[key]``, a list or one number."""
    try:
        values = np.atleast_1d(np.asarray(saved[key], np.float64))
    except (KeyError, TypeError, ValueError):
        raise StateError(key, "missing or not numbers") from None
    if values.shape != (size,) or not np.isfinite(values).all():
        raise StateError(key, f"not {size} finite numbers")
    return values
