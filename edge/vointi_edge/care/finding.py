"""What a check found: fine, or what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much it matters."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, what is so, and the next step if any."""

    what: str
    level: Level
    said: str
    do: str = ""


def fine(what: str, said: str) -> Finding:
    """Nothing to do."""
    return Finding(what, Level.OK, said)


def note(what: str, said: str, do: str) -> Finding:
    """Worth knowing; the edge works."""
    return Finding(what, Level.NOTE, said, do)


def bad(what: str, said: str, do: str) -> Finding:
    """Readings are not collected or not sent until this is mended."""
    return Finding(what, Level.BAD, said, do)
