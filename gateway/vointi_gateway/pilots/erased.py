"""Who was erased: the one list that a restored backup must not bring back."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from ..files import stamp


class ErasedList:
    """The file `path`: one JSON object a line, appended durably.

    It holds pseudonyms, which mean nothing once the vault has lost the link.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[object, frozenset[tuple[str, str]]] = (None, frozenset())

    def add(self, pilot: str, person: str, at_us: int) -> None:
        """Note an erasure; once is enough."""
        if (pilot, person) in self.all():
            return
        line = json.dumps({"pilot": pilot, "person": person, "at_us": at_us}) + "\n"
        with self.path.open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def all(self) -> frozenset[tuple[str, str]]:
        """Every (pilot, person) that was erased; read anew when the file has changed."""
        if not self.path.exists():
            return frozenset()
        found = stamp(self.path)
        if found != self._known[0]:
            lines = self.path.read_text(encoding="utf-8").splitlines()
            rows = (json.loads(line) for line in lines if line.strip())
            self._known = (found, frozenset((row["pilot"], row["person"]) for row in rows))
        return self._known[1]

    def merge(self, other: Path) -> None:
        """Add what another list has."""
        if other.exists():
            for line in other.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.add(row["pilot"], row["person"], row["at_us"])
