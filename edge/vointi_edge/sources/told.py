"""Which of a device's stored records were told already, over links, pauses and restarts.

A cuff sends what it stored at each connection until it has seen a confirmation; a glucose meter
keeps hundreds of records and sends them as often as it is asked. A record is known by its bytes:
they hold the device's own time, and its sequence number where it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

# More than a meter stores, so that none of its records is ever new again.
_REMEMBERED: Final = 1_000
_DIGEST_BYTES: Final = 8

# Record Access Control Point (Glucose Service 1.0.1, clause 3.4): op code, operator, filter type.
ALL_RECORDS: Final = bytes((0x01, 0x01))
_FROM_NUMBER: Final = bytes((0x01, 0x03, 0x01))


class Told:
    """Records by "device/stream"; `states` outlives the process, `changed` says when to save."""

    def __init__(self, states: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.changed = False
        self._seen: dict[str, dict[str, None]] = {}
        self._last: dict[str, int] = {}
        for stream, state in (states or {}).items():
            self._seen[stream] = dict.fromkeys(map(str, state.get("seen", ())))
            if isinstance(state.get("last"), int):
                self._last[stream] = state["last"]

    def before(self, stream: str, record: bytes, number: int | None) -> bool:
        """Say whether a record was told before, and remember it."""
        digest = blake2b(record, digest_size=_DIGEST_BYTES).hexdigest()
        seen = self._seen.setdefault(stream, {})
        if digest in seen:
            return True
        seen[digest] = None
        if len(seen) > _REMEMBERED:
            del seen[next(iter(seen))]
        if number is not None:
            self._last[stream] = number
        self.changed = True
        return False

    def request(self, stream: str, request: bytes) -> bytes:
        """What to ask for: of numbered records only those since the last one that was told."""
        last = self._last.get(stream)
        if request != ALL_RECORDS or last is None:
            return request
        # The last one again: a meter with nothing newer would answer with an error.
        return _FROM_NUMBER + last.to_bytes(2, "little")

    def states(self) -> dict[str, dict[str, Any]]:
        """What to keep, JSON."""
        return {
            stream: {"seen": list(seen), "last": self._last.get(stream)}
            for stream, seen in self._seen.items()
        }
