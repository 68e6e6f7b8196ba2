"""Saved states of the routines that keep theirs in one C struct: tag, version, CRC, body."""

from __future__ import annotations

import struct
import zlib

from vointi_signals.errors import StateError

_HEAD = struct.Struct("<4sHII")


def pack(tag: bytes, version: int, of: int, body: bytes) -> bytes:
    """Return ``body`` behind a header; ``of`` is the fingerprint of the parameters."""
    return _HEAD.pack(tag, version, of, zlib.crc32(body)) + body


def unpack(saved: object, tag: bytes, version: int, of: int, size: int) -> bytes:
    """Return the body of a state that ``pack`` made with the same tag, version and parameters."""
    if not isinstance(saved, bytes):
        raise StateError("state", f"a {type(saved).__name__}", "pass bytes of get_state()")
    if len(saved) != _HEAD.size + size:
        raise StateError("state", f"{len(saved)} bytes, not {_HEAD.size + size}", "reset instead")
    kind, had, parameters, crc = _HEAD.unpack_from(saved)
    if kind != tag:
        raise StateError("kind", f"{kind!r} is not {tag!r}")
    if had != version:
        raise StateError("version", f"{had} is not {version}", "reset instead")
    if parameters != of:
        raise StateError("of", "saved by a routine with other parameters", "reset instead")
    body = saved[_HEAD.size :]
    if zlib.crc32(body) != crc:
        raise StateError("state", "damaged", "reset instead")
    return body
