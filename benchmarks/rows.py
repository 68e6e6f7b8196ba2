"""What a case is told and what it answers with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Row:
    """One measured line.

    ``ratio`` says how many times better ours is than the peer, where that can be said; ``goal``
    is the goal in words, empty for a line that only informs; ``met`` whether it was reached.
    """

    metric: str
    ours: float | str
    unit: str = ""
    peer: float | str | None = None
    peer_name: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How much to do and where the recordings are.

    ``quick`` asks for a rough answer within seconds; ``recordings`` is None where the
    development recordings are absent, and a case that needs them then says so in a row;
    ``rows`` is the number of rows of a case that has one, None for its own; ``minutes`` how long
    a case takes that can take any time.
    """

    quick: bool
    out: Path
    recordings: Path | None
    rows: int | None = None
    minutes: float | None = None
    hours: float | None = None
    seeds: tuple[int, ...] = ()


def find_recordings() -> Path | None:
    """Return the folder of recordings: VOINTI_RECORDINGS, or ../shared/data beside the clone."""
    named = os.environ.get("VOINTI_RECORDINGS")
    path = Path(named) if named else ROOT.parent / "shared" / "data"
    return path if path.is_dir() else None
