"""A new version may read what the one before it could not: it looks into the quarantine once."""

from __future__ import annotations

import logging
from pathlib import Path

from .quarantine import QuarantineRoom

log = logging.getLogger(__name__)
_ACTOR = "gateway"


class SecondLook:
    """A chore that has something to do once after each change of version.

    Args:
        path: keeps the version that has looked.
        version: this one.
        room: the quarantine.

    """

    def __init__(self, path: Path, version: str, room: QuarantineRoom) -> None:
        self._path, self._version, self._room = path, version, room
        self._done = False

    def __call__(self) -> None:
        """Replay everything, unless this version has done so. Raises StoreError."""
        if self._done:
            return
        if self._last() != self._version and self._room.rows():
            found = self._room.replay((), actor=_ACTOR)
            log.info("version %s tried the quarantine again: %s", self._version, found)
        self._path.write_text(self._version + "\n", encoding="utf-8")
        self._done = True

    def _last(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""
