"""How far long work is: told by who does it, shown by who waits for it."""

from __future__ import annotations

from typing import Protocol


class Told(Protocol):
    """Hears how far something is."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Parts done, parts in all (0: nobody knows), and what is being done now."""


def untold(done: int, total: int, what: str) -> None:
    """Tell nobody."""
